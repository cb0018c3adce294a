// Which thread is next: those that can run, and the random numbers that pick one.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace simt {

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

} // namespace simt
