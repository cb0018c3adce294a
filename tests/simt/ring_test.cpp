// Numbers on their way back to the host, and pinned memory.
#include "support/catch.hpp"
#include "test_support.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/cuda/copy.hpp>
#include <pfad/cuda/ring.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace pfad;
using simt::test::chosen;

namespace {

tensor<float, 1, gpu> on_gpu(cuda::context& ctx, const std::vector<float>& from) {
    const auto size = static_cast<std::int64_t>(from.size());
    auto result = empty<float>(ctx, shape<1>{{size}});
    cuda::copy(ctx, view<const float, 1>{from.data(), {size}}, result.view());
    return result;
}

} // namespace

TEST_CASE("ring: gives back in order, and waits only when it is full", "[simt]") {
    const chosen scope(simt::order::forward);
    simt::options().queries_until_done = 2;
    cuda::context ctx;
    cuda::ring ring(3, 2);
    const std::size_t waits = simt::waits();
    CHECK(!ring.pop());
    for (const float first : {1.0f, 2.0f}) {
        ring.push(ctx, on_gpu(ctx, {first, -first}));
        CHECK(!ring.full());
    }
    CHECK(!ring.pop()); // under way
    CHECK(!ring.pop());
    CHECK(ring.pop() == std::vector<float>{1, -1});
    ring.push(ctx, on_gpu(ctx, {3}));
    ring.push(ctx, on_gpu(ctx, {4, -4}));
    CHECK(ring.full());
    CHECK(simt::waits() == waits);
    CHECK_THROWS_WITH(ring.push(ctx, on_gpu(ctx, {5})), "ring: is popped when it is full");
    CHECK(ring.pop() == std::vector<float>{2, -2});
    CHECK(simt::waits() == waits + 1);
    CHECK(!ring.pop());
    synchronise(ctx);
    CHECK(ring.pop() == std::vector<float>{3});
    CHECK(ring.pop() == std::vector<float>{4, -4});
    CHECK(!ring.pop());
    CHECK(simt::waits() == waits + 2);
}

TEST_CASE("ring: refuses what it has no room for", "[simt]") {
    cuda::context ctx;
    CHECK_THROWS_WITH(cuda::ring(0, 1), "ring: has at least one slot of one float");
    cuda::ring ring(2, 2);
    CHECK_THROWS_WITH(ring.push(ctx, on_gpu(ctx, {1, 2, 3})),
                      "ring: the elements fit into a slot, got (3) and (2)");
    ring.push(ctx, on_gpu(ctx, {1, 2})); // is waited for at the end
}

TEST_CASE("pinned memory: serves a context of the host through a pool", "[simt]") {
    cuda::context ctx;
    cpu::context plain(1);
    plain.memory = cuda::pinned_pool();
    const auto batch = full(plain, shape<2>{{3, 4}}, 2.0f);
    CHECK(plain.memory->reserved_bytes() > 0);
    const auto there = to_gpu(ctx, batch);
    std::fill_n(batch.data(), batch.size(), 0.0f);
    cuda::copy(ctx, there, batch.view());
    synchronise(ctx);
    CHECK(batch.data()[11] == 2);
}
