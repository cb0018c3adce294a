// A thread that computes for others.
#pragma once

#include <pfad/core/error.hpp>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <type_traits>

namespace pfad::detect {

/// Does what several threads ask of it, one after the other, on one thread of its own. OpenMP keeps a
/// team for every thread that calls it: with as many teams as callers there are more threads than
/// processors, and its barriers wait asleep. The thread starts with the first call.
class worker {
public:
    worker() = default;
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;
    ~worker() {
        if (!thread_.joinable())
            return;
        {
            const std::lock_guard hold(mutex_);
            stop_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    /// Calls f() and returns when it is done. An exception of f is rethrown. Throws errc::memory where
    /// the system has no thread.
    template <class F>
    void run(F&& f) {
        using function = std::remove_reference_t<F>;
        const std::lock_guard turn(turn_);
        std::unique_lock hold(mutex_);
        start();
        call_ = [](void* task) { (*static_cast<function*>(task))(); };
        task_ = const_cast<void*>(static_cast<const void*>(&f));
        failure_ = nullptr;
        wake_.notify_one();
        done_.wait(hold, [this] { return task_ == nullptr; });
        if (failure_)
            std::rethrow_exception(failure_);
    }

private:
    void start() {
        try {
            if (!thread_.joinable())
                thread_ = std::thread([this] { work(); });
        } catch (const std::system_error&) {
            fail(errc::memory, "inspect: the system has no thread to compute on");
        }
    }

    void work() {
        std::unique_lock hold(mutex_);
        while (true) {
            wake_.wait(hold, [this] { return stop_ || task_ != nullptr; });
            if (stop_)
                return;
            hold.unlock();
            std::exception_ptr failure;
            try {
                call_(task_);
            } catch (...) {
                failure = std::current_exception();
            }
            hold.lock();
            failure_ = failure;
            task_ = nullptr;
            done_.notify_one();
        }
    }

    std::mutex turn_; ///< of the callers
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    void (*call_)(void*) = nullptr;
    void* task_ = nullptr;
    std::exception_ptr failure_;
    bool stop_ = false;
    std::thread thread_;
};

} // namespace pfad::detect
