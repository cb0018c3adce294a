// Launches, blocks, and the switching between their threads.
#include "engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <numeric>
#include <string>

constinit thread_local uint3 threadIdx = {}, blockIdx = {};
constinit thread_local dim3 blockDim, gridDim;

namespace simt {

settings& options() {
    static settings all;
    return all;
}

namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constinit thread_local engine* current = nullptr;

engine& needed() {
    if (current == nullptr)
        throw error("simt: a function for kernels is called outside of a kernel");
    return *current;
}

} // namespace

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
