// The backends that every op test runs on, and how their memory is filled and read. The emulated or
// real GPU is a build of its own of the same tests.
#pragma once

#include "support/random.hpp"

#include <pfad/autograd/tape.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>

#if defined(__CUDACC__) || __has_include(<simt.hpp>)
#define PFAD_TEST_GPU
#include <pfad/cuda.cuh>
#if __has_include(<simt.hpp>)
#include "simt/reference_conv2d.hpp"
#else
#include <pfad/cudnn/conv2d.hpp>
#endif
#elif __has_include(<dnnl.hpp>) && defined(_OPENMP) && !defined(PFAD_TEST_ONLY_plain)
#define PFAD_TEST_ONEDNN
#include <pfad/onednn.hpp>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <vector>

namespace pfad::test {

#if defined(PFAD_TEST_GPU)
#if __has_include(<simt.hpp>)
using gpu_backend = cuda::context;
#else
using gpu_backend = cudnn::context; // the kernels and, for the dense convolutions, cuDNN
#endif
using backends = std::tuple<gpu_backend>;
#elif defined(PFAD_TEST_ONEDNN) && defined(PFAD_TEST_ONLY_onednn)
using backends = std::tuple<onednn::context>;
#elif defined(PFAD_TEST_ONEDNN)
using backends = std::tuple<cpu::context, onednn::context>;
#else
using backends = std::tuple<cpu::context>;
#endif

template <class Context>
inline constexpr bool on_host = std::is_same_v<typename Context::space, host>;

/// A context of `threads` threads, where the backend has threads of the host; of a GPU one that
/// rounds nothing that float does not.
template <class Context>
[[nodiscard]] Context make_context(int threads) {
    if constexpr (on_host<Context>) {
        return Context(threads);
    } else {
        Context made;
#if defined(PFAD_TEST_GPU) && !__has_include(<simt.hpp>)
        made.floats = cudnn::precision::strict;
#endif
        return made;
    }
}

/// Whether this machine can compute in bf16: all but oneDNN always can.
template <class Context>
[[nodiscard]] bool has_bf16() {
#if defined(PFAD_TEST_ONEDNN)
    if constexpr (std::is_same_v<Context, onednn::context>)
        return onednn::has_bf16();
#endif
    return true;
}

/// Calls f(T()) for the element types of activations: float, and bf16 where the machine has it.
template <class Context, class F>
void for_each_element(F&& f) {
    f(float());
    if (has_bf16<Context>())
        f(bf16());
}

/// Calls f(context) once for every way to run that must give the same bits: twice on one thread
/// and, for the plain loops, on two (a vendor library splits its sums as it likes); under the
/// emulator in three orders of the threads.
template <class Context, class F>
void for_each_schedule(F&& f) {
    auto one = make_context<Context>(1);
    f(one);
    f(one);
    if constexpr (std::is_same_v<Context, cpu::context>) {
        Context two(2);
        f(two);
    }
#if __has_include(<simt.hpp>)
    const auto before = simt::options();
    simt::options().order = simt::order::warp_greedy;
    f(one);
    simt::options().order = simt::order::seeded_random;
    simt::options().seed = before.seed + 1;
    f(one);
    simt::options() = before;
#endif
}

/// Sets the elements of a tensor in any space.
template <class Context, class T, int R, class S>
void write_elements([[maybe_unused]] Context& ctx,
                    const tensor<T, R, S>& to,
                    const std::vector<T>& from) {
    if constexpr (std::is_same_v<S, host>)
        std::copy_n(from.data(), to.size(), to.data());
#if defined(PFAD_TEST_GPU)
    else {
        cuda::copy(ctx, view<const T, 1>{from.data(), {to.size()}}, to.flat().view());
        cuda::synchronise(ctx);
    }
#endif
}

/// The elements of a tensor in any space.
template <class Context, class T, int R, class S>
[[nodiscard]] std::vector<T> read_elements([[maybe_unused]] Context& ctx,
                                           const tensor<T, R, S>& from) {
    std::vector<T> result(static_cast<std::size_t>(from.size()));
    if constexpr (std::is_same_v<S, host>)
        std::copy_n(from.data(), from.size(), result.data());
#if defined(PFAD_TEST_GPU)
    else {
        cuda::copy(ctx, from.flat(), view<T, 1>{result.data(), {from.size()}});
        cuda::synchronise(ctx);
    }
#endif
    return result;
}

template <class T, int R>
[[nodiscard]] std::vector<T> elements(const array<R>& from) {
    std::vector<T> result(from.data.size());
    std::transform(from.data.begin(), from.data.end(), result.begin(), element<T>);
    return result;
}

template <class T, int R, class Context>
tensor<T, R, typename Context::space> upload(Context& ctx, const array<R>& from) {
    auto result = empty<T>(ctx, from.dims);
    write_elements(ctx, result, elements<T>(from));
    return result;
}

template <class Context, class T, int R, class S>
array<R> download(Context& ctx, const tensor<T, R, S>& from) {
    array<R> result(from.dims());
    const auto elements = read_elements(ctx, from);
    std::transform(elements.begin(), elements.end(), result.data.begin(),
                   [](T x) { return static_cast<double>(x); });
    return result;
}

} // namespace pfad::test
