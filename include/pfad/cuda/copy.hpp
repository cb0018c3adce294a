// Moving arrays between the host and a GPU.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cuda/context.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace pfad::cuda {

/// Copies elements, whichever side each array is on. Queued on the stream: the host memory must
/// stay until then.
template <class T, int R>
void copy(context& ctx, in<T, R> from, out<T, R> to) {
    expect(from.dims == to.dims, "copy", "shapes are equal", from.dims, to.dims);
    if (to.size() == 0)
        return;
    ctx.make_current("copy");
    check(cudaMemcpyAsync(to.data, from.data, static_cast<std::size_t>(to.size()) * sizeof(T),
                          cudaMemcpyDefault, ctx.stream()),
          "copy");
}

/// y[i] = value, by the kernel in ops/fill.cuh.
template <class T>
void fill_forward(context& ctx, std::type_identity_t<T> value, out<T, 1> y);

} // namespace pfad::cuda

namespace pfad {

/// A copy on the context's GPU. Returns when it is done.
template <class T, int R>
[[nodiscard]] tensor<T, R, gpu> to_gpu(cuda::context& ctx, const tensor<T, R, host>& from) {
    auto result = empty<T>(ctx, from.dims());
    cuda::copy(ctx, from, result.view());
    cuda::synchronise(ctx);
    return result;
}

/// A copy in host memory of `to`'s pool, after everything that was queued before.
template <class Host, class T, int R>
[[nodiscard]] tensor<T, R, host>
to_host(cuda::context& ctx, Host& to, const tensor<T, R, gpu>& from) {
    auto result = empty<T>(to, from.dims());
    cuda::copy(ctx, from, result.view());
    cuda::synchronise(ctx);
    return result;
}

} // namespace pfad
