// The emulator: stacks, what the sanitizers are told, the scheduler, and the runtime's functions.
#include "simt.hpp"

#include "include/cuda_runtime.h"

#include <boost/context/detail/fcontext.hpp>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SIMT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIMT_TSAN 1
#endif
#endif

#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SIMT_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
}
#endif

// What runs in the name of a kernel's thread but works on the scheduler's data, which
// ThreadSanitizer must not take for the kernel's. It calls nothing that it would see.
#define SIMT_UNSEEN __attribute__((no_sanitize("thread")))

constinit thread_local uint3 threadIdx = {}, blockIdx = {};
constinit thread_local dim3 blockDim, gridDim;

namespace simt {

settings& options() {
    static settings all;
    return all;
}

namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

/// Shared memory, exactly as long as asked for: AddressSanitizer sees the first byte beyond.
struct shared_block {
    static constexpr auto alignment = std::align_val_t(128);
    struct release {
        void operator()(void* p) const { operator delete(p, alignment); }
    };
    std::unique_ptr<void, release> at;

    shared_block() = default;
    explicit shared_block(std::size_t bytes) : at(operator new(bytes, alignment)) {
        // A float of these bits is NaN, so that what was never written spreads.
        std::memset(at.get(), 0xff, bytes);
    }
};

/// One stack for each thread of the largest block, kept over launches, a guard page below each.
class stacks {
public:
    stacks() = default;
    stacks(const stacks&) = delete;
    stacks& operator=(const stacks&) = delete;
    ~stacks() {
        if (base_ != nullptr)
            munmap(base_, threads_limit * stride);
    }

    /// Makes the first `count` stacks usable.
    void provide(unsigned count) {
        if (base_ == nullptr)
            base_ = map(nullptr, threads_limit * stride, 0);
        for (; provided_ < count; ++provided_)
            if (mprotect(base_ + provided_ * stride, guard, PROT_NONE) != 0)
                throw error("simt: no guard page for a stack");
    }

    [[nodiscard]] char* bottom(unsigned i) const { return base_ + i * stride + guard; }

    /// Where the stack begins, growing down. Tops at the same place of every page would compete for
    /// the same lines of the cache.
    [[nodiscard]] char* top(unsigned i) const { return bottom(i) + size - i % 16 * 256; }

    /// Lets ThreadSanitizer forget whose the stack was.
    void renew([[maybe_unused]] unsigned i) const {
#ifdef SIMT_TSAN
        map(bottom(i), size, MAP_FIXED);
#endif
    }

    /// Lets AddressSanitizer forget the functions that will never return.
    void abandon([[maybe_unused]] unsigned i) const {
#ifdef SIMT_ASAN
        __asan_unpoison_memory_region(bottom(i), size);
#endif
    }

#ifdef SIMT_ASAN
    static constexpr std::size_t size = 256 * 1024; // redzones make frames larger
#else
    static constexpr std::size_t size = 64 * 1024;
#endif

    static constexpr std::size_t usable = size - 4096; // below top(i)

private:
    static constexpr std::size_t guard = 4096, stride = size + guard;

    static char* map(char* where, std::size_t bytes, int more) {
        void* const p = mmap(where, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | more, -1, 0);
        if (p == MAP_FAILED)
            throw error("simt: no memory for stacks");
        return static_cast<char*>(p);
    }

    char* base_ = nullptr;
    unsigned provided_ = 0;
};

/// What a thread waits for.
struct request {
    operation what = operation::syncthreads;
    unsigned mask = 0, by = 0, width = 32;
    std::uint64_t value = 0;
    std::source_location where;
};

enum class state : std::uint8_t { running, in_barrier, in_warp, returned };

/// A CUDA thread.
struct fiber {
    fcontext_t context = nullptr;
    void* watched = nullptr; // as what ThreadSanitizer knows it
    unsigned number = 0;     // in its block, x first
    uint3 index = {};
    state now = state::running;
    request wants;
    std::uint64_t result = 0;
};

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

/// AddressSanitizer is told of the stack before each jump, and that it arrived after.
struct stack_switch {
    void* saved = nullptr;

    void leave([[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t size) {
#ifdef SIMT_ASAN
        __sanitizer_start_switch_fiber(&saved, bottom, size);
#endif
    }
    /// The stack that is left will not be come back to.
    static void leave_for_good([[maybe_unused]] const void* bottom,
                               [[maybe_unused]] std::size_t size) {
#ifdef SIMT_ASAN
        __sanitizer_start_switch_fiber(nullptr, bottom, size);
#endif
    }
    void arrive([[maybe_unused]] const void** bottom, [[maybe_unused]] std::size_t* size) const {
#ifdef SIMT_ASAN
        __sanitizer_finish_switch_fiber(saved, bottom, size);
#endif
    }
};

/// The threads that can run: a bit each, so that every order finds its next in a few instructions.
class ready_set {
public:
    void clear() {
        warps_ = 0;
        lanes_.fill(0);
    }
    [[nodiscard]] bool empty() const { return warps_ == 0; }

    void insert(unsigned thread) {
        lanes_[thread / 32] |= 1u << thread % 32;
        warps_ |= 1u << thread / 32;
    }

    /// Takes out the first at or behind a lane of a warp, else of the warps that follow.
    unsigned take(unsigned warp, unsigned lane) {
        const unsigned w = next(warps_, warp % 32);
        const unsigned l = next(lanes_[w], lane);
        lanes_[w] &= ~(1u << l);
        if (lanes_[w] == 0)
            warps_ &= ~(1u << w);
        return w * 32 + l;
    }

    unsigned take_behind(unsigned thread) {
        const unsigned warp = (thread + 1) / 32 % 32, lane = (thread + 1) % 32;
        const bool here = lanes_[warp] >> lane != 0;
        return here ? take(warp, lane) : take(warp + 1, 0);
    }

private:
    static unsigned next(std::uint32_t bits, unsigned from) {
        return (from + unsigned(std::countr_zero(std::rotr(bits, int(from))))) % 32;
    }

    std::uint32_t warps_ = 0;
    std::array<std::uint32_t, 32> lanes_ = {};
};

/// xorshift64*: cheap, and good enough to shuffle threads.
class random_numbers {
public:
    explicit random_numbers(std::uint64_t seed) : x_(seed * 0x9e3779b97f4a7c15u | 1) {}

    unsigned below(unsigned n) {
        x_ ^= x_ >> 12;
        x_ ^= x_ << 25;
        x_ ^= x_ >> 27;
        return unsigned((x_ * 0x2545f4914f6cdd1du >> 32) * n >> 32);
    }

private:
    std::uint64_t x_;
};

struct warp {
    unsigned existing = 0, returned = 0, waiting = 0;
};

std::string text(uint3 v) {
    return "(" + std::to_string(v.x) + ", " + std::to_string(v.y) + ", " + std::to_string(v.z) +
           ")";
}

const char* name(operation what) {
    static constexpr const char* names[] = {
        "__syncthreads",   "__syncthreads_count", "__syncthreads_or", "__syncthreads_and",
        "__syncwarp",      "__shfl_sync",         "__shfl_up_sync",   "__shfl_down_sync",
        "__shfl_xor_sync", "__ballot_sync",       "__any_sync",       "__all_sync",
    };
    return names[static_cast<int>(what)];
}

std::string hexadecimal(unsigned mask) {
    std::string digits = "0x";
    for (int shift = 28; shift >= 0; shift -= 4)
        digits += "0123456789abcdef"[mask >> shift & 15];
    return digits;
}

bool same_place(const request& a, const request& b) {
    return a.what == b.what && a.where.line() == b.where.line() &&
           a.where.column() == b.where.column() &&
           (a.where.file_name() == b.where.file_name() ||
            std::strcmp(a.where.file_name(), b.where.file_name()) == 0);
}

/// The lane that a shuffle reads from.
unsigned source_lane(const request& r, unsigned lane) {
    const unsigned first = lane & ~(r.width - 1), last = first + r.width - 1;
    switch (r.what) {
    case operation::shfl:
        return first + (r.by & (r.width - 1));
    case operation::shfl_up:
        return lane < first + r.by ? lane : lane - r.by;
    case operation::shfl_down:
        return lane + r.by > last ? lane : lane + r.by;
    default: // shfl_xor: the segments before are in reach, those behind are not
        return (lane ^ r.by) > last ? lane : lane ^ r.by;
    }
}

/// Runs launches, one at a time, and keeps its stacks between them.
class engine {
public:
    void run(const launch_shape& shape, void (*body)(const void*), const void* arguments);

    /// For the running thread: waits until the request is met.
    std::uint64_t wait(const request& what, state how);

    [[nodiscard]] void* dynamic_shared() const { return dynamic_.at.get(); }
    void* static_shared(const void* key, std::size_t bytes);

    /// Where the running thread is, for a message.
    [[nodiscard]] std::string here() const { return place(*running_); }

private:
    struct static_array {
        const void* key;
        shared_block memory;
    };

    static void enter(transfer_t from);
    void suspend();

    struct launched;
    void set_up_launch();
    void run_blocks();
    void run_block(uint3 index);
    void set_up_block(uint3 index);
    void clean_up_block();
    unsigned choose();
    void resume(fiber& f);
    void settle(fiber& f);
    void make_ready(fiber& f);

    void arrive_at_barrier(fiber& f);
    void open_barrier();
    void arrive_in_warp(fiber& f);
    void finish_round(unsigned mask, unsigned first);
    [[nodiscard]] std::uint64_t shuffled(const fiber& f);
    void leave(fiber& f);
    [[noreturn]] void deadlock() const;

    [[nodiscard]] static std::string place(const fiber& f);
    [[nodiscard]] static std::string waiting(const fiber& f);

    launch_shape shape_;
    void (*body_)(const void*) = nullptr;
    const void* arguments_ = nullptr;
    race_watch watch_;
    std::optional<random_numbers> random_;
    std::string late_error_; // found, but the launch could go on

    // The block
    std::array<fiber, threads_limit> fibers_;
    std::array<warp, 32> warps_;
    std::vector<fiber*> barrier_; // who waits
    std::vector<fiber*> round_;   // whom a warp round lets go
    ready_set ready_;
    unsigned threads_ = 0, returned_ = 0;
    unsigned last_ = 0; // who ran
    shared_block dynamic_;
    std::vector<static_array> static_;
    std::size_t static_bytes_ = 0;

    // The jump between scheduler and thread
    stacks stacks_;
    fiber* running_ = nullptr;
    fcontext_t scheduler_ = nullptr;
    const void* scheduler_stack_ = nullptr;
    std::size_t scheduler_stack_size_ = 0;
    std::exception_ptr thrown_;
};

constinit thread_local engine* current = nullptr;

engine& needed() {
    if (current == nullptr)
        throw error("simt: a function for kernels is called outside of a kernel");
    return *current;
}

std::string engine::place(const fiber& f) {
    return "thread " + text(f.index) + " of block " + text(blockIdx);
}

std::string engine::waiting(const fiber& f) {
    return place(f) + " in " + name(f.wants.what) + " at " + f.wants.where.file_name() + ":" +
           std::to_string(f.wants.where.line());
}

// Switching

SIMT_UNSEEN void engine::enter(transfer_t from) {
    engine& e = *current;
    e.scheduler_ = from.fctx;
    stack_switch().arrive(&e.scheduler_stack_, &e.scheduler_stack_size_);
    try {
        e.body_(e.arguments_);
    } catch (...) {
        e.thrown_ = std::current_exception();
    }
    e.running_->now = state::returned;
    stack_switch::leave_for_good(e.scheduler_stack_, e.scheduler_stack_size_);
    e.watch_.leave();
    jump_fcontext(e.scheduler_, nullptr);
    std::abort(); // nobody resumes what has returned
}

SIMT_UNSEEN void engine::suspend() {
    stack_switch stack;
    stack.leave(scheduler_stack_, scheduler_stack_size_);
    watch_.leave();
    scheduler_ = jump_fcontext(scheduler_, nullptr).fctx;
    stack.arrive(&scheduler_stack_, &scheduler_stack_size_);
}

SIMT_UNSEEN std::uint64_t engine::wait(const request& what, state how) {
    fiber& f = *running_;
    f.wants = what;
    f.now = how;
    suspend();
    return f.result;
}

SIMT_UNSEEN void engine::resume(fiber& f) {
    running_ = &f;
    f.now = state::running;
    threadIdx = f.index;
    stack_switch stack;
    stack.leave(stacks_.bottom(f.number), stacks::size);
    watch_.enter(f);
    f.context = jump_fcontext(f.context, nullptr).fctx;
    stack.arrive(nullptr, nullptr);
}

// Launches and blocks

/// The thread of the host is in this engine for so long.
struct engine::launched {
    engine& e;
    explicit launched(engine& its) : e(its) {
        current = &e;
        e.watch_.begin_launch(e.threads_);
    }
    launched(const launched&) = delete;
    launched& operator=(const launched&) = delete;
    ~launched() {
        e.watch_.end_launch();
        current = nullptr;
    }
};

void engine::run(const launch_shape& shape, void (*body)(const void*), const void* arguments) {
    shape_ = shape;
    body_ = body;
    arguments_ = arguments;
    set_up_launch();
    const launched scope(*this);
    run_blocks();
    if (!late_error_.empty())
        throw error(late_error_);
}

void engine::run_blocks() {
    const dim3 g = shape_.grid;
    const std::uint64_t blocks = std::uint64_t(g.x) * g.y * g.z;
    // A step that shares no factor with the number of blocks comes to each of them once.
    std::uint64_t block = 0, step = 1;
    if (options().order == order::seeded_random) {
        const unsigned most = unsigned(std::min<std::uint64_t>(blocks, ~0u));
        block = random_->below(most);
        do
            step = 1 + random_->below(most);
        while (std::gcd(step, blocks) != 1);
    }
    for (std::uint64_t i = 0; i < blocks; ++i, block = (block + step) % blocks)
        run_block(
            {unsigned(block % g.x), unsigned(block / g.x % g.y), unsigned(block / g.x / g.y)});
}

void engine::set_up_launch() {
    const dim3 b = shape_.block;
    threads_ = b.x * b.y * b.z;
    gridDim = shape_.grid;
    blockDim = b;
    random_.emplace(options().seed);
    late_error_.clear();
    stacks_.provide(threads_);
    barrier_.reserve(threads_);
    round_.reserve(32);
    for (unsigned i = 0; i < threads_; ++i) {
        fibers_[i].number = i;
        fibers_[i].index = {i % b.x, i / b.x % b.y, i / b.x / b.y};
    }
    for (unsigned w = 0; w * 32 < threads_; ++w)
        warps_[w].existing = threads_ - w * 32 >= 32 ? ~0u : (1u << (threads_ - w * 32)) - 1;
}

void engine::run_block(uint3 index) {
    try {
        set_up_block(index);
        while (returned_ < threads_) {
            if (ready_.empty())
                deadlock();
            fiber& f = fibers_[last_ = choose()];
            resume(f);
            settle(f);
        }
    } catch (...) {
        clean_up_block();
        throw;
    }
    clean_up_block();
}

void engine::set_up_block(uint3 index) {
    blockIdx = index;
    returned_ = 0;
    dynamic_ = shared_block(shape_.shared_bytes);
    barrier_.clear();
    ready_.clear();
    for (unsigned w = 0; w * 32 < threads_; ++w)
        warps_[w].returned = warps_[w].waiting = 0;
    for (unsigned i = 0; i < threads_; ++i) {
        fiber& f = fibers_[i];
        stacks_.renew(i);
        f.now = state::running;
        f.context = make_fcontext(stacks_.top(i), stacks::usable, &engine::enter);
        if constexpr (watched)
            watch_.begin(f, place(f));
        ready_.insert(i);
    }
    last_ = options().order == order::forward ? threads_limit - 1 : 0;
}

/// Where an error stopped threads half way, they are given up: their destructors do not run.
void engine::clean_up_block() {
    for (unsigned i = 0; i < threads_; ++i) {
        watch_.end(fibers_[i]);
        if (fibers_[i].now != state::returned)
            stacks_.abandon(i);
    }
    static_.clear();
    static_bytes_ = 0;
    dynamic_ = {};
    thrown_ = nullptr;
}

unsigned engine::choose() {
    switch (options().order) {
    case order::seeded_random: {
        const unsigned warp = random_->below((threads_ + 31) / 32);
        return ready_.take(warp, random_->below(32));
    }
    case order::warp_greedy:
        return ready_.take(last_ / 32, 0);
    default:
        return ready_.take_behind(last_);
    }
}

void engine::make_ready(fiber& f) {
    f.now = state::running;
    ready_.insert(f.number);
}

void engine::settle(fiber& f) {
    switch (f.now) {
    case state::in_barrier:
        return arrive_at_barrier(f);
    case state::in_warp:
        return arrive_in_warp(f);
    default:
        return leave(f);
    }
}

void engine::leave(fiber& f) {
    if (thrown_)
        std::rethrow_exception(thrown_);
    ++returned_;
    warp& w = warps_[f.number / 32];
    const unsigned bit = 1u << f.number % 32;
    w.returned |= bit;
    if (!barrier_.empty())
        throw error("simt: barrier without all threads: " + place(f) + " returns, " +
                    waiting(*barrier_.front()));
    for (unsigned left = w.waiting; left != 0; left &= left - 1) {
        const fiber& other = fibers_[f.number / 32 * 32 + unsigned(std::countr_zero(left))];
        if ((other.wants.mask & bit) != 0)
            throw error("simt: mask " + hexadecimal(other.wants.mask) +
                        " names a lane that returns: " + place(f) + "; " + waiting(other));
    }
}

void engine::deadlock() const {
    std::string message = "simt: deadlock, no thread can go on";
    const fiber* last = nullptr;
    int named = 0;
    for (unsigned i = 0; i < threads_ && named < 6; ++i) {
        const fiber& f = fibers_[i];
        if (f.now == state::returned)
            continue;
        if (last != nullptr && same_place(f.wants, last->wants) && f.wants.mask == last->wants.mask)
            continue;
        message += "; " + waiting(f);
        if (f.now == state::in_warp)
            message += " with mask " + hexadecimal(f.wants.mask);
        last = &f;
        ++named;
    }
    throw error(message);
}

// The barrier of the block

void engine::arrive_at_barrier(fiber& f) {
    if (returned_ != 0) {
        const fiber* gone = fibers_.data();
        while (gone->now != state::returned)
            ++gone;
        throw error("simt: barrier without all threads: " + place(*gone) + " has returned, " +
                    waiting(f));
    }
    if (!barrier_.empty() && !same_place(f.wants, barrier_.front()->wants))
        throw error("simt: divergent barrier: " + waiting(*barrier_.front()) + "; " + waiting(f));
    barrier_.push_back(&f);
    if (barrier_.size() == threads_)
        open_barrier();
}

void engine::open_barrier() {
    unsigned count = 0;
    for (const fiber* f : barrier_)
        count += unsigned(f->wants.value);
    const operation what = barrier_.front()->wants.what;
    const unsigned result = what == operation::syncthreads_or    ? count != 0
                            : what == operation::syncthreads_and ? count == threads_
                                                                 : count;
    watch_.order(barrier_);
    for (fiber* f : barrier_) {
        f->result = result;
        make_ready(*f);
    }
    barrier_.clear();
}

// Rounds of a warp

void engine::arrive_in_warp(fiber& f) {
    warp& w = warps_[f.number / 32];
    const unsigned mask = f.wants.mask, first = f.number / 32 * 32;
    const auto wrong = [&](const std::string& what) {
        throw error("simt: mask " + hexadecimal(mask) + what + ": " + waiting(f));
    };
    if ((mask >> f.number % 32 & 1) == 0)
        wrong(" lacks the lane that calls");
    if ((mask & ~w.existing) != 0)
        wrong(" names a lane that does not exist");
    if ((mask & w.returned) != 0)
        wrong(" names a lane that has returned, lane " +
              std::to_string(std::countr_zero(mask & w.returned)));
    w.waiting |= 1u << f.number % 32;
    if ((w.waiting & mask) != mask)
        return;
    // A lane may still wait in a round of another mask, and come to this one later.
    for (unsigned left = mask; left != 0; left &= left - 1)
        if (fibers_[first + unsigned(std::countr_zero(left))].wants.mask != mask)
            return;
    finish_round(mask, first);
}

void engine::finish_round(unsigned mask, unsigned first) {
    round_.clear();
    unsigned ballot = 0;
    for (unsigned left = mask; left != 0; left &= left - 1) {
        const unsigned lane = unsigned(std::countr_zero(left));
        fiber& f = fibers_[first + lane];
        if (!round_.empty() && !same_place(f.wants, round_.front()->wants))
            throw error("simt: lanes of one mask at different places: " + waiting(*round_.front()) +
                        "; " + waiting(f));
        ballot |= unsigned(f.wants.value != 0) << lane;
        round_.push_back(&f);
    }
    const operation what = round_.front()->wants.what;
    const bool shuffle = what >= operation::shfl && what <= operation::shfl_xor;
    for (fiber* f : round_) {
        f->result = shuffle ? shuffled(*f) : ballot;
        make_ready(*f);
    }
    if (what == operation::syncwarp)
        watch_.order(round_);
    warps_[first / 32].waiting &= ~mask;
}

std::uint64_t engine::shuffled(const fiber& f) {
    const unsigned lane = f.number % 32, source = source_lane(f.wants, lane);
    if ((f.wants.mask >> source & 1) != 0)
        return fibers_[f.number - lane + source].wants.value;
    if (late_error_.empty())
        late_error_ = "simt: mask " + hexadecimal(f.wants.mask) + " lacks lane " +
                      std::to_string(source) + ", which is read: " + waiting(f);
    return ~std::uint64_t(0);
}

// Shared memory

void* engine::static_shared(const void* key, std::size_t bytes) {
    const unwatched scope;
    for (const static_array& a : static_)
        if (a.key == key)
            return a.memory.at.get();
    static_bytes_ += bytes;
    if (static_bytes_ > shared_static_limit)
        throw error("simt: more than 48 KiB of static shared memory: " + here());
    if (static_bytes_ + shape_.shared_bytes > shared_limit)
        throw error("simt: more than 227 KiB of shared memory: " + here());
    return static_.emplace_back(key, shared_block(bytes)).memory.at.get();
}

} // namespace

void run(const launch_shape& shape, void (*body)(const void*), const void* arguments) {
    if (current != nullptr)
        throw error("simt: a kernel launches a kernel: " + current->here());
    static thread_local const auto mine = std::make_unique<engine>();
    mine->run(shape, body, arguments);
}

int block_barrier(operation what, bool predicate, std::source_location where) {
    request r;
    r.what = what;
    r.value = predicate;
    r.where = where;
    return static_cast<int>(needed().wait(r, state::in_barrier));
}

unsigned warp_vote(operation what, unsigned mask, bool predicate, std::source_location where) {
    request r;
    r.what = what;
    r.mask = mask;
    r.value = predicate;
    r.where = where;
    return static_cast<unsigned>(needed().wait(r, state::in_warp));
}

std::uint64_t warp_shuffle(operation what,
                           unsigned mask,
                           std::uint64_t bits,
                           unsigned by,
                           int width,
                           std::source_location where) {
    engine& e = needed();
    const auto wrong = [&](const char* problem) {
        throw error(std::string("simt: ") + problem + ": " + e.here() + " in " + name(what) +
                    " at " + where.file_name() + ":" + std::to_string(where.line()));
    };
    if (width < 1 || width > 32 || (width & (width - 1)) != 0)
        wrong("the width of a shuffle is a power of two up to 32");
    if (what != operation::shfl && by > 31)
        wrong("a shuffle reaches 31 lanes far at most");
    return e.wait({what, mask, by, unsigned(width), bits, where}, state::in_warp);
}

void* dynamic_shared_block() {
    return needed().dynamic_shared();
}

void* static_shared_block(const void* key, std::size_t bytes) {
    return needed().static_shared(key, bytes);
}

} // namespace simt

// The runtime's functions

namespace {

constexpr std::size_t device_memory = std::size_t(8) << 30;

/// What the device has been asked for: the same for all threads of the host.
struct device {
    std::mutex lock;
    std::map<std::uintptr_t, std::size_t> allocations;
    std::size_t used = 0;
    std::map<const void*, std::size_t> dynamic_limits; // by kernel
};

device& the_device() {
    static device one;
    return one;
}

constinit thread_local cudaError_t last_error = cudaSuccess;

cudaError_t report(cudaError_t status) {
    if (status != cudaSuccess)
        last_error = status;
    return status;
}

cudaError_t check_device() {
    return simt::options().device_present ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t check_device(int device) {
    if (check_device() != cudaSuccess)
        return check_device();
    return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

constexpr auto alignment = std::align_val_t(256);

/// Memory on the heap, never written: a float of these bits is NaN.
void* allocate(std::size_t bytes) {
    void* const p = operator new(bytes, alignment, std::nothrow);
    if (p != nullptr)
        std::memset(p, 0xff, bytes);
    return p;
}

bool on_device(const void* p, std::size_t bytes) {
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    const auto at = reinterpret_cast<std::uintptr_t>(p);
    auto next = d.allocations.upper_bound(at);
    if (next == d.allocations.begin())
        return false;
    --next;
    return at + bytes <= next->first + next->second;
}

template <class T>
cudaError_t create(T** to) {
    *to = nullptr;
    if (check_device() != cudaSuccess)
        return report(check_device());
    *to = new T();
    return cudaSuccess;
}

template <class T>
cudaError_t destroy(T* handle) {
    if (handle == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    delete handle;
    return cudaSuccess;
}

} // namespace

namespace {

struct error_text {
    cudaError_t code;
    const char *name, *meaning;
};

constexpr error_text error_texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
     "invalid copy direction for memcpy"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

error_text describe(cudaError_t status) {
    for (const error_text& e : error_texts)
        if (e.code == status)
            return e;
    return {status, "unrecognized error code", "unrecognized error code"};
}

} // namespace

const char* cudaGetErrorName(cudaError_t status) {
    return describe(status).name;
}

const char* cudaGetErrorString(cudaError_t status) {
    return describe(status).meaning;
}

cudaError_t cudaPeekAtLastError() {
    return last_error;
}

cudaError_t cudaGetLastError() {
    return std::exchange(last_error, cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = simt::options().device_present ? 1 : 0;
    return report(check_device());
}

cudaError_t cudaGetDevice(int* to) {
    *to = 0;
    return report(check_device());
}

cudaError_t cudaSetDevice(int number) {
    return report(check_device(number));
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int number) {
    *to = {};
    if (check_device(number) != cudaSuccess)
        return report(check_device(number));
    std::strcpy(to->name, "SIMT emulator");
    to->totalGlobalMem = device_memory;
    to->sharedMemPerBlock = simt::shared_static_limit;
    to->sharedMemPerBlockOptin = simt::shared_limit;
    to->sharedMemPerMultiprocessor = 228 * 1024;
    to->regsPerBlock = 65536;
    to->warpSize = warpSize;
    to->maxThreadsPerBlock = simt::threads_limit;
    to->maxThreadsPerMultiProcessor = 2048;
    to->maxThreadsDim[0] = to->maxThreadsDim[1] = simt::threads_limit;
    to->maxThreadsDim[2] = 64;
    to->maxGridSize[0] = 0x7fffffff;
    to->maxGridSize[1] = to->maxGridSize[2] = 65535;
    to->major = 9;
    to->multiProcessorCount = simt::options().multiprocessors;
    to->l2CacheSize = 50 << 20;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* to, cudaDeviceAttr what, int number) {
    cudaDeviceProp p;
    const cudaError_t status = cudaGetDeviceProperties(&p, number);
    if (status != cudaSuccess)
        return status;
    const auto give = [&](auto v) {
        *to = static_cast<int>(v);
        return cudaSuccess;
    };
    switch (what) {
    case cudaDevAttrMaxThreadsPerBlock:
        return give(p.maxThreadsPerBlock);
    case cudaDevAttrMaxSharedMemoryPerBlock:
        return give(p.sharedMemPerBlock);
    case cudaDevAttrWarpSize:
        return give(p.warpSize);
    case cudaDevAttrMultiProcessorCount:
        return give(p.multiProcessorCount);
    case cudaDevAttrL2CacheSize:
        return give(p.l2CacheSize);
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        return give(p.maxThreadsPerMultiProcessor);
    case cudaDevAttrComputeCapabilityMajor:
        return give(p.major);
    case cudaDevAttrComputeCapabilityMinor:
        return give(p.minor);
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        return give(p.sharedMemPerMultiprocessor);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return give(p.sharedMemPerBlockOptin);
    }
    return report(cudaErrorInvalidValue);
}

cudaError_t cudaDeviceSynchronize() {
    return report(check_device());
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    if (flags > cudaStreamNonBlocking)
        return report(cudaErrorInvalidValue);
    return create(stream);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    return destroy(stream);
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return report(check_device());
}

cudaError_t cudaStreamQuery(cudaStream_t) {
    return report(check_device());
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t event, unsigned) {
    return report(event == nullptr ? cudaErrorInvalidResourceHandle : cudaSuccess);
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
    return create(event);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    return create(event);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    if (event == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    *event = {std::chrono::steady_clock::now(), true};
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    return report(event == nullptr ? cudaErrorInvalidResourceHandle : cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    if (begin == nullptr || end == nullptr || !begin->recorded || !end->recorded)
        return report(cudaErrorInvalidResourceHandle);
    *milliseconds = std::chrono::duration<float, std::milli>(end->when - begin->when).count();
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    return destroy(event);
}

cudaError_t cudaMalloc(void** to, std::size_t bytes) {
    *to = nullptr;
    if (check_device() != cudaSuccess)
        return report(check_device());
    if (bytes == 0)
        return cudaSuccess;
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    if (bytes > device_memory - d.used)
        return report(cudaErrorMemoryAllocation);
    *to = allocate(bytes);
    if (*to == nullptr)
        return report(cudaErrorMemoryAllocation);
    d.allocations.emplace(reinterpret_cast<std::uintptr_t>(*to), bytes);
    d.used += bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void* p) {
    if (p == nullptr)
        return cudaSuccess;
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    const auto found = d.allocations.find(reinterpret_cast<std::uintptr_t>(p));
    if (found == d.allocations.end())
        return report(cudaErrorInvalidValue);
    d.used -= found->second;
    d.allocations.erase(found);
    operator delete(p, alignment);
    return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** to, std::size_t bytes, cudaStream_t) {
    return cudaMalloc(to, bytes);
}

cudaError_t cudaFreeAsync(void* p, cudaStream_t) {
    return cudaFree(p);
}

cudaError_t cudaMallocHost(void** to, std::size_t bytes) {
    *to = nullptr;
    if (check_device() != cudaSuccess)
        return report(check_device());
    *to = allocate(bytes);
    return report(*to == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFreeHost(void* p) {
    operator delete(p, alignment);
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault)
        return report(cudaErrorInvalidMemcpyDirection);
    if (bytes == 0)
        return cudaSuccess;
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if ((to_device && !on_device(to, bytes)) || (from_device && !on_device(from, bytes)))
        return report(cudaErrorInvalidValue);
    std::memcpy(to, from, bytes);
    return cudaSuccess;
}

cudaError_t
cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
    return cudaMemcpy(to, from, bytes, kind);
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
    if (bytes == 0)
        return cudaSuccess;
    if (!on_device(to, bytes))
        return report(cudaErrorInvalidValue);
    std::memset(to, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
    return cudaMemset(to, value, bytes);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    *total = device_memory;
    *free = device_memory - d.used;
    return report(check_device());
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute what, int value) {
    if (what == cudaFuncAttributePreferredSharedMemoryCarveout)
        return cudaSuccess;
    if (kernel == nullptr || value < 0 || std::size_t(value) > simt::shared_limit)
        return report(cudaErrorInvalidValue);
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    d.dynamic_limits[kernel] = std::size_t(value);
    return cudaSuccess;
}

namespace simt {

namespace {

bool valid(dim3 v, unsigned x, unsigned y, unsigned z) {
    return v.x >= 1 && v.y >= 1 && v.z >= 1 && v.x <= x && v.y <= y && v.z <= z;
}

/// More than 48 KiB are for those kernels alone that asked for it.
std::size_t dynamic_limit(const void* kernel) {
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    const auto found = d.dynamic_limits.find(kernel);
    return found == d.dynamic_limits.end() ? shared_static_limit
                                           : std::max(found->second, shared_static_limit);
}

} // namespace

cudaError_t check_launch(const cudaLaunchConfig_t& config, const void* kernel) {
    const dim3 b = config.blockDim;
    if (check_device() != cudaSuccess)
        return report(check_device());
    if (!valid(config.gridDim, 0x7fffffff, 65535, 65535) ||
        !valid(b, threads_limit, threads_limit, 64) || b.x * b.y * b.z > threads_limit)
        return report(cudaErrorInvalidConfiguration);
    if (config.dynamicSmemBytes > dynamic_limit(kernel))
        return report(cudaErrorInvalidValue);
    return report(config.numAttrs == 0 ? cudaSuccess : cudaErrorNotSupported);
}

} // namespace simt
