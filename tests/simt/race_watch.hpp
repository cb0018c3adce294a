// What ThreadSanitizer is told of the fibers.
#pragma once

#include "fiber.hpp"
#include "sanitizers.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace simt {

#ifdef SIMT_TSAN

/// Lets ThreadSanitizer look away from what the current thread does.
struct unwatched {
    unwatched() {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
    ~unwatched() {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
    unwatched(const unwatched&) = delete;
    unwatched& operator=(const unwatched&) = delete;
};

/// ThreadSanitizer's picture of a launch: each CUDA thread is a thread, all begin when the launch
/// does, and the launch ends after all of them. Nothing else orders them but order().
class race_watch {
public:
    race_watch() = default;
    race_watch(const race_watch&) = delete;
    race_watch& operator=(const race_watch&) = delete;
    ~race_watch() {
        for (void* const thread : threads_)
            __tsan_destroy_fiber(thread);
    }

    void begin_launch(unsigned threads) {
        most_ = std::max<std::size_t>(1024, 2 * threads);
        host_ = __tsan_get_current_fiber();
        scheduler_.emplace();
        begin_ = std::make_unique<char>();
        end_ = std::make_unique<char>();
        __tsan_release(begin_.get());
        next_ = 0;
    }

    void end_launch() {
        __tsan_acquire(end_.get());
        scheduler_.reset();
    }

    void begin(fiber& f, const std::string& name) {
        f.watched = next();
        __tsan_set_fiber_name(f.watched, name.c_str());
        acquire(f, begin_.get());
    }

    SIMT_UNSEEN void enter(const fiber& f) const { become(f.watched); }
    SIMT_UNSEEN void leave() const { become(host_); }

    void end(const fiber& f) {
        release(f, end_.get());
        if (f.now != state::returned) // its call stack is of no use to another
            renew(f.watched);
    }

    /// What the fibers did happens before what they will do.
    void order(const std::vector<fiber*>& fibers) const {
        // A token of its own, or it would carry along what earlier barriers of others have ordered.
        const auto token = std::make_unique<char>();
        for (const fiber* f : fibers)
            release(*f, token.get());
        for (const fiber* f : fibers)
            acquire(*f, token.get());
    }

private:
    // Threads of ThreadSanitizer are slow to make, and large: a megabyte. Launches are ordered, so
    // the next one may use them again. Within a launch, where this many are not enough, that hides
    // races between blocks so many threads apart; blocks one after the other are never so far.
    void* next() {
        if (next_ == threads_.size() && threads_.size() < most_)
            threads_.push_back(__tsan_create_fiber(0));
        return threads_[next_++ % most_];
    }

    void renew(void* thread) {
        __tsan_destroy_fiber(thread);
        *std::find(threads_.begin(), threads_.end(), thread) = __tsan_create_fiber(0);
    }

    SIMT_UNSEEN void acquire(const fiber& f, char* token) const {
        become(f.watched);
        __tsan_acquire(token);
        become(host_);
    }

    SIMT_UNSEEN void release(const fiber& f, char* token) const {
        become(f.watched);
        __tsan_release(token);
        become(host_);
    }

    SIMT_UNSEEN static void become(void* thread) {
        __tsan_switch_to_fiber(thread, __tsan_switch_to_fiber_no_sync);
    }

    void* host_ = nullptr;
    std::optional<unwatched> scheduler_;
    std::unique_ptr<char> begin_, end_;
    std::vector<void*> threads_;
    std::size_t most_ = 0, next_ = 0;
};

#else

struct unwatched {
    unwatched() {}
};

struct race_watch {
    void begin_launch(unsigned) {}
    void end_launch() {}
    void begin(fiber&, const std::string&) {}
    void enter(const fiber&) const {}
    void leave() const {}
    void end(const fiber&) const {}
    void order(const std::vector<fiber*>&) const {}
};

#endif

#ifdef SIMT_TSAN
constexpr bool watched = true;
#else
constexpr bool watched = false;
#endif

} // namespace simt
