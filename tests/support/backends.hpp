// The backends that every op test runs on, and how their memory is filled and read. A new backend
// is one more entry of `backends`; one whose memory is not the host's overloads upload and
// download.
#pragma once

#include "support/random.hpp"

#include <pfad/autograd/tape.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>

#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
#include <pfad/onednn.hpp>
#endif

#include <cstddef>
#include <cstdint>
#include <tuple>

namespace pfad::test {

#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
using backends = std::tuple<cpu::context, onednn::context>;
#else
using backends = std::tuple<cpu::context>;
#endif

/// Whether the bits of every result are the same for any number of threads. A vendor library splits
/// its sums as it likes.
template <class Context>
inline constexpr bool same_bits_for_any_threads = std::is_same_v<Context, cpu::context>;

template <class T, int R, class Context>
tensor<T, R, typename Context::space> upload(Context& ctx, const array<R>& from) {
    auto result = empty<T>(ctx, from.dims);
    for (std::int64_t i = 0; i < result.size(); ++i)
        result.data()[i] = static_cast<T>(from.data[static_cast<std::size_t>(i)]);
    return result;
}

template <class Context, class T, int R>
array<R> download(Context&, const tensor<T, R, host>& from) {
    array<R> result(from.dims());
    for (std::int64_t i = 0; i < from.size(); ++i)
        result.data[static_cast<std::size_t>(i)] = static_cast<double>(from.data()[i]);
    return result;
}

} // namespace pfad::test
