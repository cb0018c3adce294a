// conv2d: only the gradient of the bias, a column sum (see device/reduce.cuh); the convolutions
// themselves come from a vendor library. 16 bytes a thread where k and gy allow. Bytes: gy.
#pragma once

#include <pfad/device/columns.cuh>
#include <pfad/ops/conv2d.hpp>

namespace pfad::cuda {

template <class T>
void conv2d_backward_bias(context& ctx, in<T, 4> gy, out<accumulator_t<T>, 1> gb, store how) {
    const std::int64_t k = gb.size(), rows = gy.size() / std::max<std::int64_t>(k, 1);
    sum_columns<T>(ctx, "conv2d_backward_bias", {1, rows, k}, k, gy.data, gb.data, how);
}

} // namespace pfad::cuda
