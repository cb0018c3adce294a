// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A draw is a pure function of (seed, stream, position), so the same whatever
// the number of threads or their order.
#pragma once

#include <pfad/core/macros.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace pfad {

/// 128 bits.
struct random_words {
    /// 32 bits each.
    std::uint32_t word[4];

    /// Word i, from 0 to 3.
    PFAD_HD constexpr std::uint32_t operator[](int i) const { return word[i]; }
    friend constexpr bool operator==(const random_words&, const random_words&) = default;
};

/// Ten rounds of Philox4x32: 128 bits of counter and 64 bits of key to 128 random bits.
[[nodiscard]] PFAD_HD constexpr random_words philox(random_words counter, std::uint64_t key) {
    std::uint32_t k0 = static_cast<std::uint32_t>(key);
    std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = 0xD2511F53ull * counter[0];
        const std::uint64_t b = 0xCD9E8D57ull * counter[2];
        counter = {
            {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(b),
             static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(a)}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return counter;
}

/// FNV-1a, 64 bit: turns a name into a stream number.
[[nodiscard]] constexpr std::uint64_t hash_name(std::string_view name) {
    std::uint64_t h = 0xCBF29CE484222325ull;
    for (const char c : name)
        h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    return h;
}

/// A sequence of draws. Streams with different (seed, stream) are independent; at most 2^34 draws.
class random_stream {
public:
    /// The stream of this number.
    random_stream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}
    /// The stream of this name: the number is its hash.
    random_stream(std::uint64_t seed, std::string_view name)
        : random_stream(seed, hash_name(name)) {}
    /// The stream of one training sample, in this order: purpose, iteration, index in the batch.
    random_stream(std::uint64_t seed,
                  std::string_view purpose,
                  std::uint64_t iteration,
                  std::uint64_t index)
        : random_stream(seed, hash_name(purpose) + (iteration << 24) + index) {}

    /// 32 random bits.
    std::uint32_t bits() {
        if (used_ == 4) {
            const std::uint64_t block = block_++;
            buffer_ = philox(
                {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                  static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)}},
                seed_);
            used_ = 0;
        }
        return buffer_[used_++];
    }

    /// Uniform in [0, 1), a multiple of 2^-32.
    double uniform() { return bits() * 0x1p-32; }
    /// Uniform in [low, high).
    double uniform(double low, double high) { return low + (high - low) * uniform(); }
    /// Uniform integer in [0, count), count >= 1.
    std::uint32_t below(std::uint32_t count) {
        return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits()) * count) >> 32);
    }
    /// Standard normal (Box and Muller).
    double normal() {
        const double u = (bits() + 1.0) * 0x1p-32;
        const double angle = 2 * std::numbers::pi * uniform();
        return std::sqrt(-2 * std::log(u)) * std::cos(angle);
    }

private:
    std::uint64_t seed_;
    std::uint64_t stream_;
    std::uint64_t block_ = 0;
    random_words buffer_ = {};
    int used_ = 4;
};

} // namespace pfad
