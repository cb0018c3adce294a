// Captures and graphs: what is recorded, in which orders it runs, and what is refused.
#include "test_support.hpp"

#include <cstdint>
#include <thread>
#include <vector>

using namespace simt::test;

namespace kernels {

template <class = void>
__global__ void axpb_kernel(float* x, float a, float b) {
    x[threadIdx.x] = a * x[threadIdx.x] + b;
}

template <class = void>
__global__ void add_kernel(float* to, const float* from) {
    to[threadIdx.x] += from[threadIdx.x];
}

} // namespace kernels

namespace {

struct streams {
    cudaStream_t main = nullptr, side = nullptr;
    cudaEvent_t event = nullptr;
    streams() {
        REQUIRE(cudaStreamCreateWithFlags(&main, cudaStreamNonBlocking) == cudaSuccess);
        REQUIRE(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking) == cudaSuccess);
        REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
    }
    streams(const streams&) = delete;
    streams& operator=(const streams&) = delete;
    ~streams() {
        cudaEventDestroy(event);
        cudaStreamDestroy(side);
        cudaStreamDestroy(main);
    }
    void begin() const {
        REQUIRE(cudaStreamBeginCapture(main, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    }
    /// `later` waits for what `earlier` has.
    void order(cudaStream_t earlier, cudaStream_t later) const {
        REQUIRE(cudaEventRecord(event, earlier) == cudaSuccess);
        REQUIRE(cudaStreamWaitEvent(later, event) == cudaSuccess);
    }
    [[nodiscard]] cudaError_t end() const {
        cudaGraph_t graph = nullptr;
        const cudaError_t status = cudaStreamEndCapture(main, &graph);
        CHECK((graph == nullptr) == (status != cudaSuccess));
        cudaGraphDestroy(graph);
        return status;
    }
    [[nodiscard]] cudaGraphExec_t graph() const {
        cudaGraph_t graph = nullptr;
        REQUIRE(cudaStreamEndCapture(main, &graph) == cudaSuccess);
        cudaGraphExec_t result = nullptr;
        REQUIRE(cudaGraphInstantiate(&result, graph, 0) == cudaSuccess);
        cudaGraphDestroy(graph);
        return result;
    }
};

template <class... P, class... A>
void launch_on(cudaStream_t stream, void (*kernel)(P...), A... arguments) {
    auto config = shape(1, 4);
    config.stream = stream;
    launch(config, kernel, arguments...);
}

} // namespace

TEST_CASE("simt: a capture records, a launch replays", "[simt]") {
    const streams s;
    const device_array<float> x(std::vector<float>{1, 2, 3, 4}), y(std::vector<float>(4, 0));
    s.begin();
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    CHECK(cudaStreamIsCapturing(s.main, &status) == cudaSuccess);
    CHECK(status == cudaStreamCaptureStatusActive);
    float factor = 2; // copied at the launch
    launch_on(s.main, kernels::axpb_kernel<>, x.data(), factor, 1.0f);
    factor = 7;
    CHECK(cudaMemsetAsync(y.data(), 0, 4, s.main) == cudaSuccess);
    CHECK(cudaMemcpyAsync(y.data() + 1, x.data(), 12, cudaMemcpyDeviceToDevice, s.main) ==
          cudaSuccess);
    const auto graph = s.graph();
    CHECK(cudaStreamIsCapturing(s.main, &status) == cudaSuccess);
    CHECK(status == cudaStreamCaptureStatusNone);
    in_every_order([&] {
        cudaMemcpy(x.data(), std::vector<float>{1, 2, 3, 4}.data(), 16, cudaMemcpyHostToDevice);
        CHECK(cudaGraphLaunch(graph, s.main) == cudaSuccess);
        CHECK(x.host() == std::vector<float>{3, 5, 7, 9});
        CHECK(y.host() == std::vector<float>{0, 3, 5, 7});
        CHECK(cudaGraphLaunch(graph, s.side) == cudaSuccess);
        CHECK(x.host() == std::vector<float>{7, 11, 15, 19});
    });
    cudaGraphExecDestroy(graph);
}

TEST_CASE("simt: a graph keeps what streams and events order, and nothing else", "[simt]") {
    const streams s;
    const device_array<float> x(std::vector<float>(4, 1)), y(std::vector<float>(4, 1));
    // y = 3 on the side; x = 2 x + 1, then x += y on the main stream; with or without waiting.
    const auto graph_of = [&](bool waits) {
        s.begin();
        s.order(s.main, s.side);
        launch_on(s.side, kernels::axpb_kernel<>, y.data(), 0.0f, 3.0f);
        if (waits)
            s.order(s.side, s.main);
        launch_on(s.main, kernels::axpb_kernel<>, x.data(), 2.0f, 1.0f);
        launch_on(s.main, kernels::add_kernel<>, x.data(), static_cast<const float*>(y.data()));
        s.order(s.side, s.main);
        return s.graph();
    };
    for (const bool waits : {true, false}) {
        const auto graph = graph_of(waits);
        bool late = false;
        for (std::uint64_t seed = 1; seed <= 8; ++seed) {
            const chosen scope(simt::order::seeded_random, seed);
            for (const auto* each : {&x, &y})
                cudaMemcpy(each->data(), std::vector<float>(4, 1).data(), 16,
                           cudaMemcpyHostToDevice);
            CHECK(cudaGraphLaunch(graph, s.main) == cudaSuccess);
            late |= x.host() != std::vector<float>(4, 6);
        }
        CHECK(late == !waits);
        cudaGraphExecDestroy(graph);
    }
}

TEST_CASE("simt: work that is not joined", "[simt]") {
    const streams s;
    const device_array<float> x(std::vector<float>(4, 1));
    s.begin();
    s.order(s.main, s.side);
    s.order(s.side, s.main);
    launch_on(s.side, kernels::axpb_kernel<>, x.data(), 0.0f, 3.0f); // behind the join
    CHECK(s.end() == cudaErrorStreamCaptureUnjoined);
    CHECK(cudaGetLastError() == cudaErrorStreamCaptureUnjoined);
    CHECK(x.host() == std::vector<float>(4, 1));
    // Both streams are free again.
    launch_on(s.side, kernels::axpb_kernel<>, x.data(), 0.0f, 3.0f);
    CHECK(x.host() == std::vector<float>(4, 3));
    CHECK(cudaStreamSynchronize(s.main) == cudaSuccess);
}

TEST_CASE("simt: what a capture forbids breaks it", "[simt]") {
    const streams s;
    const device_array<float> x(std::vector<float>(4, 1));
    cudaEvent_t outside = nullptr, inside = nullptr;
    REQUIRE(cudaEventCreateWithFlags(&outside, cudaEventDisableTiming) == cudaSuccess);
    REQUIRE(cudaEventCreateWithFlags(&inside, cudaEventDisableTiming) == cudaSuccess);
    REQUIRE(cudaEventRecord(outside, s.side) == cudaSuccess);
    const auto breaks = [&](cudaError_t want, auto&& f) {
        s.begin();
        CHECK(f() == want);
        CHECK(cudaMemsetAsync(x.data(), 0, 4, s.main) == cudaErrorStreamCaptureInvalidated);
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        CHECK(cudaStreamIsCapturing(s.main, &status) == cudaSuccess);
        CHECK(status == cudaStreamCaptureStatusInvalidated);
        CHECK(s.end() == cudaErrorStreamCaptureInvalidated);
        CHECK(cudaStreamSynchronize(s.main) == cudaSuccess);
    };
    float* p = nullptr;
    float there[4] = {};
    const auto unsupported = cudaErrorStreamCaptureUnsupported;
    breaks(unsupported, [&] { return cudaStreamSynchronize(s.main); });
    breaks(unsupported, [&] { return cudaStreamSynchronize(s.side); });
    breaks(unsupported, [&] { return cudaStreamQuery(s.main); });
    breaks(unsupported, [&] { return cudaDeviceSynchronize(); });
    breaks(unsupported, [&] { return cudaMalloc(&p, 4); });
    breaks(unsupported, [&] { return cudaMallocHost(&p, 4); });
    breaks(unsupported, [&] { return cudaFree(x.data()); });
    breaks(unsupported, [&] { return cudaMemcpy(there, x.data(), 4, cudaMemcpyDefault); });
    breaks(cudaErrorStreamCaptureIsolation, [&] { return cudaStreamWaitEvent(s.main, outside); });
    breaks(cudaErrorCapturedEvent, [&] {
        CHECK(cudaEventRecord(inside, s.main) == cudaSuccess);
        return cudaEventQuery(inside);
    });
    breaks(cudaErrorStreamCaptureUnmatched, [&] {
        s.order(s.main, s.side);
        cudaGraph_t none = nullptr;
        return cudaStreamEndCapture(s.side, &none);
    });
    breaks(cudaErrorStreamCaptureWrongThread, [&] {
        cudaError_t status = cudaSuccess;
        std::thread([&] {
            cudaGraph_t none = nullptr;
            status = cudaStreamEndCapture(s.main, &none);
        }).join();
        return status;
    });
    cudaEventDestroy(outside);
    cudaEventDestroy(inside);
    cudaGetLastError();
}

TEST_CASE("simt: other threads go on during a thread-local capture", "[simt]") {
    const streams s;
    s.begin();
    std::thread([&] {
        float* p = nullptr;
        CHECK(cudaMalloc(&p, 4) == cudaSuccess);
        CHECK(cudaFree(p) == cudaSuccess);
        CHECK(cudaStreamSynchronize(s.side) == cudaSuccess);
    }).join();
    CHECK(s.end() == cudaSuccess);
    REQUIRE(cudaStreamBeginCapture(s.main, cudaStreamCaptureModeGlobal) == cudaSuccess);
    std::thread([&] {
        float* p = nullptr;
        CHECK(cudaMalloc(&p, 4) == cudaErrorStreamCaptureUnsupported);
    }).join();
    CHECK(s.end() == cudaErrorStreamCaptureInvalidated);
    cudaGetLastError();
}
