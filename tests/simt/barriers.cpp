// What the engine does with a thread that waits or returns: the rules of barriers and warp
// functions.
#include "engine.hpp"

#include <bit>
#include <cstring>
#include <exception>
#include <string>

namespace simt {

namespace {

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

} // namespace

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

} // namespace simt
