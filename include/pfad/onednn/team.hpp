// oneDNN's own OpenMP threads as the executor of every other loop: one pool of threads in the
// process, so that no pool spins against another.
#pragma once

#ifndef _OPENMP
#error "pfad/onednn needs OpenMP, which oneDNN runs on: compile with -fopenmp or link pfad::onednn"
#endif

#include <pfad/cpu/denormals.hpp>
#include <pfad/cpu/executor.hpp>

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <mutex>
#include <optional>
#include <semaphore>
#include <system_error>
#include <thread>
#include <vector>

namespace pfad::onednn {

/// Keeps libgomp's barriers from spinning long, while it lives. By default a thread spins for
/// milliseconds before it sleeps, which is best as long as nobody else wants the processors.
/// libgomp spins a three-thousandth as long when it has more threads than processors, so this holds
/// some more, asleep. OMP_WAIT_POLICY and GOMP_SPINCOUNT in the environment still decide where they are set.
class short_spins {
public:
    /// For teams of this many threads.
    explicit short_spins(int threads)
        : holder_([this, more = std::max(2, omp_get_num_procs() - threads + 2)] {
              std::atomic<int> started = 0;
#pragma omp parallel num_threads(more)
              ++started;
              held_.release();
              end_.acquire();
          }) {
        held_.acquire();
    }
    ~short_spins() {
        end_.release();
        holder_.join();
    }
    short_spins(const short_spins&) = delete;
    short_spins& operator=(const short_spins&) = delete;

private:
    std::binary_semaphore held_{0};
    std::binary_semaphore end_{0};
    std::thread holder_;
};

/// Chooses between long and short spins by how long the calling thread waits for a processor that somebody else
/// has. Alone that is 2 % of the time at the most; beside another busy program, 30 % and more.
class spin_watch {
public:
    /// Of a team of this many threads.
    explicit spin_watch(int threads) : threads_(threads) {}

    /// Call often; looks every tenth of a second.
    void look() {
        const auto now = clock::now();
        if (threads_ <= 1 || now - last_look_ < std::chrono::milliseconds(100))
            return;
        last_look_ = now;
        thread_local sample before;
        const sample found{now, seconds_waited()};
        const double passed = std::chrono::duration<double>(now - before.time).count();
        const double waited = found.waited - before.waited;
        const bool first = before.time == clock::time_point();
        before = found;
        if (first || passed < 0.05) // perhaps another team's look
            return;
        if (waited < 0.1 * passed)
            calm_.reset();
        else if (!calm_)
            try {
                calm_.emplace(threads_);
            } catch (const std::system_error&) { // no thread to be had: spins stay long
            }
    }

    /// Whether the team's spins are short now.
    [[nodiscard]] bool spins_short() const { return calm_.has_value(); }

private:
    using clock = std::chrono::steady_clock;

    struct sample {
        clock::time_point time;
        double waited = 0;
    };

    /// How long this thread could have run and had no processor, ever. 0 where the system does not say.
    static double seconds_waited() {
        std::ifstream facts("/proc/thread-self/schedstat"); // in ns: ran, waited
        double ran = 0, waited = 0;
        facts >> ran >> waited;
        return waited * 1e-9;
    }

    int threads_;
    clock::time_point last_look_;
    std::optional<short_spins> calm_;
};

/// The OpenMP team of the calling thread, always `threads` wide: libgomp ends and restarts threads
/// when the width changes. Inside somebody's parallel region everything runs on the caller alone.
class omp_team final : public cpu::executor {
public:
    /// `threads` of 1 or less: everything runs on the caller.
    explicit omp_team(int threads)
        : threads_(std::max(threads, 1)), modes_(static_cast<std::size_t>(threads_)),
          spins_(threads_) {}

    [[nodiscard]] int width() const override { return threads_; }

    void run(int parts, part_function call, void* task) override {
        if (parts <= 1 || threads_ == 1 || omp_in_parallel() != 0) {
            const cpu::flush_denormals flushed;
            for (int part = 0; part < parts; ++part)
                call(task, part);
            return;
        }
        const std::lock_guard one_caller(callers_);
        spins_.look();
        std::mutex mutex;
        std::exception_ptr failure;
        // A fixed assignment keeps a part's data in the cache of the thread that made it.
#pragma omp parallel num_threads(threads_)
        {
            const cpu::flush_denormals flushed;
#pragma omp for schedule(static, 1)
            for (int part = 0; part < parts; ++part) {
                try {
                    call(task, part);
                } catch (...) {
                    const std::lock_guard hold(mutex);
                    if (!failure)
                        failure = std::current_exception();
                }
            }
        }
        if (failure)
            std::rethrow_exception(failure);
    }

private:
    friend class team_scope;

    int threads_;
    std::mutex callers_;
    std::vector<std::optional<cpu::flush_denormals>> modes_; // one a thread, inside a team_scope
    spin_watch spins_;
};

/// Until the end of the scope, OpenMP code that this thread calls runs on it alone.
class one_thread_scope {
public:
    one_thread_scope() { omp_set_num_threads(1); }
    ~one_thread_scope() { omp_set_num_threads(before_); }
    one_thread_scope(const one_thread_scope&) = delete;
    one_thread_scope& operator=(const one_thread_scope&) = delete;

private:
    int before_ = omp_get_max_threads();
};

/// Until the end of the scope, OpenMP code that this thread calls (oneDNN's primitives, and their
/// creation, which plans for a number of threads) uses the team's threads, and those flush
/// denormals. Then every thread has its mode back and the caller its number of threads. The team's
/// run() must not be called inside.
class team_scope {
public:
    /// Until its end oneDNN runs on this team.
    explicit team_scope(omp_team& team)
        : team_(team), one_caller_(team.callers_), threads_before_(omp_get_max_threads()) {
        team_.spins_.look();
        omp_set_num_threads(team_.threads_);
        // The caller as well, and not before: threads that start here inherit its mode and keep it.
        // Inside somebody's parallel region there is only the caller.
#pragma omp parallel num_threads(team_.threads_)
        mode().emplace();
        // LLVM's runtime gives every region the mode that the caller has before it.
        caller_.emplace();
    }

    ~team_scope() {
        caller_.reset();
#pragma omp parallel num_threads(team_.threads_)
        mode().reset();
        omp_set_num_threads(threads_before_);
    }

    team_scope(const team_scope&) = delete;
    team_scope& operator=(const team_scope&) = delete;

private:
    [[nodiscard]] std::optional<cpu::flush_denormals>& mode() {
        return team_.modes_[static_cast<std::size_t>(omp_get_thread_num())];
    }

    omp_team& team_;
    std::lock_guard<std::mutex> one_caller_;
    int threads_before_;
    std::optional<cpu::flush_denormals> caller_;
};

} // namespace pfad::onednn
