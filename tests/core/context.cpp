#include "support/catch.hpp"

#include <pfad/core/host_memory.hpp>
#include <pfad/cpu/queue.hpp>

using namespace pfad;

static_assert(any_context<cpu::context> && queued_context<cpu::context>);
static_assert(memory_source<host_memory> && !any_context<host_memory>);
static_assert(std::is_same_v<fixed_networks<cpu::context>, cpu::fixed_networks>);
static_assert(std::is_same_v<recorded_step<cpu::context>, std::function<void()>>);
static_assert(std::is_same_v<loss_ring<cpu::context>, cpu::ring>);

namespace {

/// A context that cannot wait is none.
struct hasty {
    using space = host;
    std::shared_ptr<pool> memory;
};
void fill_forward(hasty&, float, view<float, 1>) {}
void copy(hasty&, view<const float, 1>, view<float, 1>) {}

static_assert(memory_source<hasty> && !any_context<hasty>);

} // namespace

TEST_CASE("context: on the host a fork is the context, a step is itself", "[core]") {
    cpu::context ctx(1);
    CHECK(&fork(ctx) == &ctx);
    join(ctx);
    int calls = 0;
    recorded_step<cpu::context> step = repeated(
        ctx, [&] { ++calls; }, make_fixed_networks(ctx));
    step();
    step();
    CHECK(calls == 2);
    auto ring = make_ring(ctx, 2);
    CHECK_FALSE(ring.pop());
    const auto x = full(ctx, shape{2}, 1.5f);
    ring.push(ctx, x);
    CHECK(ring.full());
    CHECK(ring.pop() == std::vector<float>{1.5f, 1.5f});
    CHECK(staging_memory(ctx) == ctx.memory);
}
