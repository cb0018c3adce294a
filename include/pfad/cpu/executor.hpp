// Who runs the parts of a parallel loop: a team of threads that sleeps between loops.
#pragma once

#include <pfad/cpu/denormals.hpp>
#include <pfad/cpu/processors.hpp>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace pfad::cpu {

/// Runs part 0 .. parts-1 of a task, each once, at most width() at a time, and returns when all are
/// done. Every thread flushes denormals. An exception of a part is rethrown. Calls from several
/// threads take turns; a part must not start another loop.
class executor {
public:
    /// A task without its type: called with `task` and the number of the part.
    using part_function = void (*)(void* task, int part);

    executor() = default;
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;
    virtual ~executor() = default;

    /// The number of threads, the caller's included.
    [[nodiscard]] virtual int width() const = 0;
    /// Runs call(task, part) for every part of [0, parts); see the class.
    virtual void run(int parts, part_function call, void* task) = 0;
};

/// `threads` - 1 workers and the calling thread, which takes part 0.
class thread_team final : public executor {
public:
    /// `threads` of 1 or less: everything runs on the caller.
    explicit thread_team(int threads) {
        for (int i = 1; i < threads; ++i)
            workers_.emplace_back([this] { work(); });
    }

    ~thread_team() override {
        {
            const std::lock_guard hold(mutex_);
            stop_ = true;
        }
        wake_.notify_all();
        for (auto& worker : workers_)
            worker.join();
    }

    [[nodiscard]] int width() const override { return static_cast<int>(workers_.size()) + 1; }

    void run(int parts, part_function call, void* task) override {
        const flush_denormals flushed;
        if (parts <= 1 || workers_.empty()) {
            for (int part = 0; part < parts; ++part)
                call(task, part);
            return;
        }
        const std::lock_guard one_caller(callers_);
        std::unique_lock hold(mutex_);
        call_ = call;
        task_ = task;
        parts_ = parts;
        next_ = 0;
        running_ = 0;
        failure_ = nullptr;
        wake_.notify_all();
        take_parts(hold);
        done_.wait(hold, [this] { return next_ == parts_ && running_ == 0; });
        parts_ = 0;
        next_ = 0;
        if (failure_)
            std::rethrow_exception(failure_);
    }

private:
    void work() {
        const flush_denormals flushed;
        std::unique_lock hold(mutex_);
        while (true) {
            wake_.wait(hold, [this] { return stop_ || next_ < parts_; });
            if (stop_)
                return;
            take_parts(hold);
        }
    }

    void take_parts(std::unique_lock<std::mutex>& hold) {
        while (next_ < parts_) {
            const int part = next_++;
            ++running_;
            hold.unlock();
            std::exception_ptr failure;
            try {
                call_(task_, part);
            } catch (...) {
                failure = std::current_exception();
            }
            hold.lock();
            if (failure && !failure_)
                failure_ = failure;
            if (--running_ == 0 && next_ == parts_)
                done_.notify_all();
        }
    }

    std::vector<std::thread> workers_;
    std::mutex callers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    part_function call_ = nullptr;
    void* task_ = nullptr;
    int parts_ = 0;
    int next_ = 0;
    int running_ = 0;
    bool stop_ = false;
    std::exception_ptr failure_;
};

/// `threads`, or that of the processors that this process may use where it is 0.
inline int thread_count(int threads) {
    return threads > 0 ? threads : usable_processors();
}

} // namespace pfad::cpu
