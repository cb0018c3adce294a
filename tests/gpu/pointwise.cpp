// The 1x1 convolutions of stride one of an inspection in bf16, each with what follows it: by cuDNN, and
// as a product of matrices by cuBLASLt. A JSON line a shape, then a line that sums up a batch. Says
// whether cuBLASLt should have them.
//   gpu_pointwise [REPEATS]
#include "cudnn/convolutions.hpp"
#include "gpu/no_gpu.hpp"
#include "gpu/stopwatch.hpp"

#include <pfad/cuda/captured.hpp>
#include <pfad/cuda/copy.hpp>
#include <pfad/cudnn/conv2d.hpp>

#include <cublasLt.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace pfad;
using cudnn::conv2d_problem;

namespace {

void check(cublasStatus_t status, const char* what) {
    if (status != CUBLAS_STATUS_SUCCESS)
        fail(errc::backend,
             std::string("cuBLASLt, ") + what + ": " + cublasLtGetStatusString(status));
}

struct destroy {
    void operator()(cublasLtHandle_t x) const { cublasLtDestroy(x); }
    void operator()(cublasLtMatmulDesc_t x) const { cublasLtMatmulDescDestroy(x); }
    void operator()(cublasLtMatrixLayout_t x) const { cublasLtMatrixLayoutDestroy(x); }
    void operator()(cublasLtMatmulPreference_t x) const { cublasLtMatmulPreferenceDestroy(x); }
};
template <class T>
using owned = std::unique_ptr<std::remove_pointer_t<T>, destroy>;

/// The arrays of a problem. Not zeros, which take less power.
struct arrays {
    tensor<bf16, 4, gpu> x, w, y, residual;
    tensor<bf16, 1, gpu> bias;

    arrays(cudnn::context& ctx, const conv2d_problem& p)
        : x(drawn(ctx, p.x)), w(drawn(ctx, p.w)), y(drawn(ctx, p.y)), residual(drawn(ctx, p.y)),
          bias(drawn(ctx, shape<1>{{p.y[3]}})) {}

    template <int R>
    static tensor<bf16, R, gpu> drawn(cudnn::context& ctx, const shape<R>& dims) {
        auto result = empty<bf16>(ctx, dims);
        std::vector<bf16> values(static_cast<std::size_t>(result.size()));
        std::minstd_rand random;
        for (bf16& value : values)
            value = bf16(static_cast<float>(random()) * 0x1p-31f - 0.5f);
        cuda::copy(ctx, view<const bf16, R>{values.data(), dims}, result.view());
        cuda::synchronise(ctx);
        return result;
    }
};

/// y = act(x w^T + bias + residual), as cuBLASLt has it: column by column, so y^T (k, rows) from w (c,
/// k) transposed and x (c, rows).
class product {
public:
    product(cudnn::context& ctx, cublasLtHandle_t handle, const conv2d_problem& p, const arrays& a)
        : ctx_(ctx), handle_(handle), a_(a), beta_(p.epilogue.residual ? 1.0f : 0.0f) {
        const auto k = static_cast<std::uint64_t>(p.w[0]), c = static_cast<std::uint64_t>(p.w[3]);
        const auto rows = static_cast<std::uint64_t>(p.x[0] * p.x[1] * p.x[2]);
        cublasLtMatmulDesc_t made = nullptr;
        check(cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product");
        what_.reset(made);
        set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
        const bool relu = p.epilogue.after == post::relu;
        set(CUBLASLT_MATMUL_DESC_EPILOGUE,
            p.epilogue.bias ? (relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS)
                            : (relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT));
        if (p.epilogue.bias)
            set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(a.bias.data()));
        w_ = layout(c, k);
        x_ = layout(c, rows);
        y_ = layout(k, rows);
        cublasLtMatmulPreference_t wish = nullptr;
        check(cublasLtMatmulPreferenceCreate(&wish), "a preference");
        const owned<cublasLtMatmulPreference_t> preference(wish);
        const std::size_t most = std::size_t(32) << 20;
        check(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                   &most, sizeof most),
              "a preference");
        cublasLtMatmulHeuristicResult_t best = {};
        int found = 0;
        const auto status = cublasLtMatmulAlgoGetHeuristic(
            handle, what_.get(), w_.get(), x_.get(), y_.get(), y_.get(), wish, 1, &best, &found);
        if (status != CUBLAS_STATUS_NOT_SUPPORTED)
            check(status, "an algorithm");
        found_ = found > 0;
        algorithm_ = best.algo;
        workspace_ =
            empty<std::byte>(ctx, shape<1>{{static_cast<std::int64_t>(best.workspaceSize)}});
    }

    /// Whether cuBLASLt takes the shape.
    explicit operator bool() const { return found_; }

    void operator()() const {
        const float one = 1;
        check(cublasLtMatmul(handle_, what_.get(), &one, a_.w.data(), w_.get(), a_.x.data(),
                             x_.get(), &beta_, a_.residual.data(), y_.get(), a_.y.data(), y_.get(),
                             &algorithm_, workspace_.data(),
                             static_cast<std::size_t>(workspace_.size()), ctx_.stream()),
              "a product");
    }

private:
    template <class V>
    void set(cublasLtMatmulDescAttributes_t attribute, const V& value) {
        check(cublasLtMatmulDescSetAttribute(what_.get(), attribute, &value, sizeof value),
              "a product");
    }
    static owned<cublasLtMatrixLayout_t> layout(std::uint64_t rows, std::uint64_t columns) {
        cublasLtMatrixLayout_t made = nullptr;
        check(cublasLtMatrixLayoutCreate(&made, CUDA_R_16BF, rows, columns,
                                         static_cast<std::int64_t>(rows)),
              "a matrix");
        return owned<cublasLtMatrixLayout_t>(made);
    }

    cudnn::context& ctx_;
    cublasLtHandle_t handle_;
    const arrays& a_;
    float beta_;
    owned<cublasLtMatmulDesc_t> what_;
    owned<cublasLtMatrixLayout_t> w_, x_, y_;
    cublasLtMatmulAlgo_t algorithm_ = {};
    bool found_ = false;
    tensor<std::byte, 1, gpu> workspace_;
};

/// Microseconds of one call, of many in one graph: the median of `repeats`.
template <class F>
double time_of(cudnn::context& ctx, int repeats, const F& run) {
    constexpr int calls = 20;
    cuda::captured step{ctx, [&] {
                            for (int i = 0; i < calls; ++i)
                                run();
                        }};
    while (!step.is_captured())
        step();
    test::stopwatch watch(ctx);
    std::vector<double> times;
    for (int i = 0; i < repeats; ++i) {
        watch.start();
        step();
        times.push_back(1000 * watch.stop() / calls);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

/// A line for each shape of a batch, and the sums of an inspection; cuDNN's where cuBLASLt does not take
/// a shape.
void measure(cudnn::context& ctx, cublasLtHandle_t handle, std::int64_t batch, int repeats) {
    std::map<cudnn::plan_key, std::pair<conv2d_problem, int>> shapes;
    for (auto p : probe::convolutions({}, mode::eval, batch))
        if (p.w[1] == 1 && p.w[2] == 1 && p.g.stride == 1 && p.g.padding == 0) {
            p.element = CUDNN_DATA_BFLOAT16;
            ++shapes.try_emplace(p.key({}), p, 0).first->second.second;
        }
    double sum[2] = {}, best = 0;
    int faster = 0;
    for (const auto& [key, each] : shapes) {
        const auto& [p, count] = each;
        const arrays a(ctx, p);
        const product by_cublas(ctx, handle, p, a);
        const double cudnn_us = time_of(ctx, repeats, [&] {
            cudnn::conv2d_epilogue_forward<bf16>(
                ctx, a.x, a.w, p.epilogue.bias ? a.bias.view() : view<bf16, 1>{},
                p.epilogue.residual ? a.residual.view() : view<bf16, 4>{}, p.epilogue.after, a.y,
                p.g);
        });
        const double cublas_us = by_cublas ? time_of(ctx, repeats, by_cublas) : cudnn_us;
        std::printf("{\"job\": \"pointwise\", \"x\": \"%s\", \"k\": %lld, \"count\": %d, "
                    "\"residual\": %s, \"relu\": %s, \"cudnn_us\": %.2f, \"cublaslt_us\": %s}\n",
                    to_string(p.x).c_str(), static_cast<long long>(p.w[0]), count,
                    p.epilogue.residual ? "true" : "false",
                    p.epilogue.after == post::relu ? "true" : "false", cudnn_us,
                    by_cublas ? std::to_string(cublas_us).c_str() : "null");
        sum[0] += count * cudnn_us;
        sum[1] += count * cublas_us;
        best += count * std::min(cudnn_us, cublas_us);
        faster += cublas_us < cudnn_us;
    }
    std::printf(
        "batch %lld: cuDNN %.0f us, cuBLASLt %.0f us, the faster of both %.0f us; cuBLASLt in "
        "%d of %zu shapes\n",
        static_cast<long long>(batch), sum[0], sum[1], best, faster, shapes.size());
    std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
    if (!test::gpu_is_here("gpu_pointwise"))
        return test::cannot_run;
    try {
        cudnn::context ctx;
        cublasLtHandle_t handle = nullptr;
        check(cublasLtCreate(&handle), "its handle");
        const owned<cublasLtHandle_t> ends(handle);
        for (const std::int64_t batch : {1, 64, 16})
            measure(ctx, handle, batch, argc > 1 ? std::max(1, std::atoi(argv[1])) : 20);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "gpu_pointwise: %s\n", problem.what());
        return 1;
    }
    return 0;
}
