// Parallel loops with a fixed partition: the same split, and so the same bits, every run.
#pragma once

#include <pfad/cpu/context.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace pfad::cpu {

/// Calls f(part) for part in [0, parts).
template <class F>
void run_parts(context& ctx, int parts, F&& f) {
    using function = std::remove_reference_t<F>;
    ctx.threads->run(
        parts, [](void* task, int part) { (*static_cast<function*>(task))(part); },
        const_cast<void*>(static_cast<const void*>(&f)));
}

/// Calls f(begin, end) on contiguous pieces of [0, count), one a thread. `cost` is the elements
/// that one step touches: loops over fewer than 16 Ki elements a thread use fewer threads.
template <class F>
void parallel_for(context& ctx, std::int64_t count, std::int64_t cost, F&& f) {
    if (count <= 0)
        return;
    const std::int64_t worth = 1 + count * std::max<std::int64_t>(cost, 1) / 16384;
    const int parts =
        static_cast<int>(std::min<std::int64_t>({count, worth, ctx.threads->width()}));
    run_parts(ctx, parts, [&](int part) { f(count * part / parts, count * (part + 1) / parts); });
}

/// A split that does not depend on the number of threads, for reductions with repeatable bits.
struct fixed_chunks {
    std::int64_t count; ///< steps in all
    std::int64_t chunk; ///< steps in each part but the last

    /// At least `least` steps a chunk, at most 64 chunks.
    static fixed_chunks of(std::int64_t count, std::int64_t least) {
        return {count, std::max({least, (count + 63) / 64, std::int64_t(1)})};
    }
    /// Number of parts.
    [[nodiscard]] int size() const { return static_cast<int>((count + chunk - 1) / chunk); }
};

/// Calls f(index, begin, end) for every chunk.
template <class F>
void parallel_chunks(context& ctx, fixed_chunks split, F&& f) {
    run_parts(ctx, split.size(), [&](int part) {
        f(part, part * split.chunk, std::min(split.count, (part + 1) * split.chunk));
    });
}

} // namespace pfad::cpu
