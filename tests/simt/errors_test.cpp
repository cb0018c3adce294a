// What goes wrong with a GPU, each as one sentence.
#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/sentence.hpp"
#include "test_support.hpp"

#include <string>

using namespace pfad;
using simt::test::chosen;

namespace {

void make() {
    const cuda::context here;
}

const std::string lost =
    ", here or in something queued before; this process can use the GPU no more";

} // namespace

TEST_CASE("errors: no device, no driver, an old driver", "[simt]") {
    const chosen scope(simt::order::forward);
    const std::string none = "cuda: no GPU can be used here: ";
    simt::options().device_present = false;
    CHECK(sentence_of(errc::unsupported, make) == none + "no CUDA-capable device is detected");
    simt::options().driver_version = 0;
    CHECK(sentence_of(errc::unsupported, make) == none + "there is no driver");
    simt::options().driver_version = 12040;
    CHECK(sentence_of(errc::unsupported, make) ==
          none + "the driver serves CUDA up to 12.4, this program needs 13.0");
    CHECK(sentence_of(errc::unsupported, [] { const cuda::context second(1); }) ==
          none + "the driver serves CUDA up to 12.4, this program needs 13.0");
}

TEST_CASE("errors: there is no GPU of this number", "[simt]") {
    CHECK(sentence_of(errc::unsupported, [] { const cuda::context second(1); }) ==
          "cuda: there is no GPU 1, only 1 in all");
}

TEST_CASE("errors: out of memory names the op and the bytes, and passes", "[simt]") {
    const chosen scope(simt::order::forward);
    cuda::context ctx;
    std::size_t free = 0, total = 0;
    REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
    simt::options().device_bytes = total - free + 4096;
    tape<cuda::context> t(ctx, mode::train);
    const auto x = leaf(full(ctx, shape<4>{{1, 8, 8, 8}}, 1.0f)); // 2 KiB
    CHECK(sentence_of(errc::memory, [&] {
              const auto y = add(t, x, x);
              static_cast<void>(add(t, y, y));
          }) == "add: out of memory: 2048 bytes on the GPU, beside 4096 that its pool has in use");
    CHECK(
        sentence_of(errc::memory, [&] { static_cast<void>(full(ctx, shape<1>{{2000}}, 1.0f)); }) ==
        "errors_test: out of memory: 8000 bytes on the GPU, beside 2048 that its pool has in "
        "use"); // a tape does not keep y
    t.run();
    CHECK(cudaPeekAtLastError() == cudaSuccess);
}

TEST_CASE("errors: the pool's cached blocks serve a larger request", "[simt]") {
    const chosen scope(simt::order::forward);
    cuda::context ctx;
    std::size_t free = 0, total = 0;
    REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
    simt::options().device_bytes = total - free + 8192;
    for (const std::int64_t size : {512, 1024, 2048}) {
        const auto x = full(ctx, shape<1>{{size}}, 1.0f);
        CHECK(test::read_elements(ctx, x)[0] == 1);
    }
}

TEST_CASE("errors: a kernel that fails is found later, and ends the GPU", "[simt]") {
    const chosen scope(simt::order::forward);
    cuda::context ctx;
    const auto x = full(ctx, shape<1>{{100}}, 1.0f);
    simt::options().kernels_until_error = 1;
    fill_forward(ctx, 2.0f, x.view());
    fill_forward(ctx, 3.0f, x.view()); // this one
    const std::string failure = "unspecified launch failure" + lost;
    CHECK(sentence_of(errc::backend, [&] { synchronise(ctx); }) ==
          "cuda: waiting for the stream: " + failure);
    const auto fill = [&] { fill_forward(ctx, 4.0f, x.view()); };
    CHECK(sentence_of(errc::backend, fill) == "fill_forward: " + failure);
    CHECK(sentence_of(errc::backend, [&] {
              static_cast<void>(empty<float>(ctx, shape<1>{{5000}}));
          }) == "cuda: memory of the GPU: " + failure);
}

TEST_CASE("errors: a GPU that is lost", "[simt]") {
    const chosen scope(simt::order::forward);
    cuda::context ctx;
    const auto x = full(ctx, shape<1>{{100}}, 1.0f);
    tensor<float, 1, gpu> y;
    cuda::captured step{ctx, [&] { y = full(ctx, shape<1>{{100}}, 1.0f); }};
    for (int i = 0; i < 5; ++i)
        step();
    REQUIRE(step.is_captured());
    static_cast<void>(ctx.side());
    simt::options().device_error = cudaErrorECCUncorrectable;
    const std::string failure = "uncorrectable ECC error encountered" + lost;
    CHECK(sentence_of(errc::backend, [&] { step(); }) ==
          "captured: the launch of the step: " + failure);
    CHECK(sentence_of(errc::backend, [&] { synchronise(ctx); }) ==
          "cuda: waiting for the stream: " + failure);
    CHECK(sentence_of(errc::backend, [&] { cuda::fork(ctx); }) == "cuda: an event: " + failure);
}
