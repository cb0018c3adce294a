// Captured steps and side branches of the library, replayed by the emulator in several orders.
#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/sentence.hpp"
#include "test_support.hpp"

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/copy_arrays.hpp>
#include <pfad/nn/depthwise_conv2d.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace pfad;
using namespace pfad::test;
using simt::test::chosen;

static_assert(queued_context<cuda::context>);

namespace {

using values = std::vector<float>;
const shape<4> dims = {{2, 3, 4, 8}};

template <class S>
struct network {
    nn::depthwise_conv2d<float, S> conv;
    nn::batch_norm<float, S> norm;
    template <class C>
    explicit network(C& ctx) : conv(ctx, 8, 3, 3), norm(ctx, 8) {}
    auto fields() { return pfad::fields("conv", conv, "norm", norm); }
    void initialise(initialiser rule, random_stream& random) {
        conv.initialise(rule, random);
        norm.initialise(rule, random);
    }
    template <class C>
    maps<float, S> operator()(tape<C>& t, const maps<float, S>& x) const {
        return norm(t, conv(t, x), post::relu);
    }
};

/// How a step runs its fixed branch.
enum class branch { none, side, joined_late, memory_shared };

/// A student learns what a fixed network says of the same picture.
class training {
public:
    explicit training(branch how) : how_(how), teacher_(ctx_), student_(ctx_) {
        random_stream random(3, "networks");
        cpu::context plain(1);
        for (auto* each : {&teacher_, &student_}) {
            network<host> start(plain);
            start.initialise(initialiser::kaiming_fan_out, random);
            copy_arrays(ctx_, start, *each);
        }
        optimiser_.emplace(ctx_, sgd_options{}, std::tuple(parameter_group(student_, 0.1)));
    }

    /// The loss and the velocities after each step.
    std::vector<values> operator()(int steps, bool captured) {
        std::vector<values> result;
        cuda::captured run{ctx_, [&] { step(); }};
        for (int i = 0; i < steps; ++i) {
            write_elements(ctx_, x_,
                           elements<float>(random_array(dims, "step " + std::to_string(i))));
            if (captured)
                run();
            else
                step();
            result.push_back(read_elements(ctx_, loss_));
            result.push_back(read_elements(ctx_, optimiser_->velocities()));
        }
        CHECK(run.is_captured() == (captured && steps > 2));
        CHECK((run.reserved_bytes() > 0) == captured);
        return result;
    }

private:
    void step() {
        tape<cuda::context> t(ctx_, mode::train);
        const auto x = constant(x_);
        const auto fixed = [&](auto& f) { return teacher_(f, x); };
        const auto trained = [&](auto& g) { return student_(g, x); };
        maps<float, gpu> target, found;
        if (how_ == branch::none) {
            tape<cuda::context> f(ctx_, mode::eval);
            target = fixed(f);
            found = trained(t);
        } else if (how_ == branch::side) {
            std::tie(target, found) = fork_join(t, fixed, trained);
        } else {
            // Wrong on purpose.
            auto& side = cuda::fork(ctx_);
            const auto before = side.memory;
            if (how_ == branch::memory_shared)
                side.memory = ctx_.memory;
            tape<cuda::context> f(side, mode::eval);
            target = fixed(f);
            found = trained(t);
            if (how_ == branch::memory_shared)
                cuda::join(ctx_);
            side.memory = before;
        }
        const auto loss = cosine_distance_loss(t, target, found);
        loss_ = loss.value;
        t.backward(loss);
        if (how_ == branch::joined_late)
            cuda::join(ctx_);
        optimiser_->step(ctx_);
    }

    cuda::context ctx_;
    branch how_;
    network<gpu> teacher_, student_;
    tensor<float, 4, gpu> x_ = empty<float>(ctx_, dims);
    tensor<float, 1, gpu> loss_;
    std::optional<sgd<float, gpu>> optimiser_;
};

} // namespace

TEST_CASE("captured: a training is the eager one, bit for bit", "[simt]") {
    const auto eager = training(branch::none)(6, false);
    CHECK(eager[0] != eager[2]);
    simt::test::in_every_order([&] {
        CHECK(training(branch::none)(6, true) == eager);
        CHECK(training(branch::side)(6, false) == eager);
    });
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const chosen scope(simt::order::seeded_random, seed);
        CHECK(training(branch::side)(6, true) == eager);
    }
}

TEST_CASE("captured: a join that comes too late, or memory that branches share, shows", "[simt]") {
    const auto eager = training(branch::none)(6, false);
    for (const auto how : {branch::joined_late, branch::memory_shared}) {
        int wrong = 0;
        {
            const chosen scope(simt::order::warp_greedy); // the main branch first
            wrong += training(how)(6, true) != eager;
        }
        for (std::uint64_t seed = 1; seed <= 32 && wrong < 2; ++seed) {
            const chosen scope(simt::order::seeded_random, seed);
            wrong += training(how)(6, true) != eager;
        }
        INFO((how == branch::joined_late ? "joined late" : "memory shared"));
        CHECK(wrong == 2);
    }
}

TEST_CASE("captured: the step's memory is nobody else's", "[simt]") {
    cuda::context ctx;
    const auto x = full(ctx, shape<1>{{100}}, 1.0f);
    tensor<float, 1, gpu> y;
    cuda::captured step{ctx, [&] {
                            const auto half = full(cuda::fork(ctx), x.dims(), 0.5f);
                            y = empty<float>(ctx, x.dims());
                            accumulate_forward(ctx, x, y.view(), store::set);
                            cuda::join(ctx);
                            accumulate_forward(ctx, half, y.view(), store::add);
                        }};
    const auto ordinary = ctx.memory->reserved_bytes();
    for (int i = 0; i < 5; ++i)
        step();
    CHECK(step.is_captured());
    const std::size_t bytes = step.reserved_bytes();
    CHECK(bytes >= 800);
    CHECK(ctx.memory->reserved_bytes() == ordinary);
    // What is allocated between replays keeps its values over them, on the side, too.
    const auto other = full(ctx, x.dims(), 7.0f), third = full(ctx.side(), x.dims(), 8.0f);
    step();
    CHECK(read_elements(ctx, other) == values(100, 7.0f));
    CHECK(read_elements(ctx, third) == values(100, 8.0f));
    CHECK(read_elements(ctx, y) == values(100, 1.5f));
    CHECK(step.reserved_bytes() == bytes);
}

TEST_CASE("captured: a step that never repeats", "[simt]") {
    cuda::context ctx;
    std::vector<tensor<float, 1, gpu>> kept;
    cuda::captured step{ctx, [&] { kept.push_back(full(ctx, shape<1>{{100}}, 1.0f)); }};
    const auto run = [&] {
        for (int i = 0; i < 20; ++i)
            step();
    };
    CHECK(sentence_of(errc::value, run) ==
          "captured: the step does not repeat: it took more memory in each of 8 runs");
    CHECK(kept.size() == 8);
}

TEST_CASE("captured: a step that cannot be captured leaves the context usable", "[simt]") {
    cuda::context ctx;
    enum { waits, reads, grows, allocates, forgets, throws };
    for (const auto what : {waits, reads, grows, allocates, forgets, throws}) {
        INFO(what);
        int run = 0;
        const auto x = full(ctx, shape<1>{{10}}, 0.0f);
        auto one = full(ctx, shape<1>{{10}}, 1.0f);
        const auto memory = ctx.memory;
        pool outside(std::make_shared<cuda::device_memory>(), "on the GPU");
        void* block = nullptr;
        bool wrong = true;
        cuda::captured step{ctx, [&] {
                                accumulate_forward(ctx, one, x.view(), store::add);
                                const auto y = full(ctx, shape<1>{{10}}, 0.0f);
                                if (++run < 3 || !wrong)
                                    return;
                                if (what == waits)
                                    synchronise(ctx);
                                if (what == reads)
                                    static_cast<void>(read_elements(ctx, y));
                                if (what == grows)
                                    static_cast<void>(full(ctx, shape<1>{{1000}}, 0.0f));
                                if (what == allocates)
                                    block = outside.take(64, "somebody");
                                if (what == forgets)
                                    fill_forward(cuda::fork(ctx), 1.0f, y.view());
                                if (what == throws)
                                    throw std::logic_error("not today");
                            }};
        step();
        step();
        if (what == throws) {
            CHECK_THROWS_AS(step(), std::logic_error);
        } else {
            const auto code = what == grows ? errc::memory : errc::backend;
            const std::string cannot = "captured: the step cannot be captured: ";
            const std::string refused = "operation not permitted when stream is capturing";
            const std::string sentences[] = {
                cannot + "cuda: waiting for the stream: " + refused,
                cannot + "cuda: waiting for the stream: " + refused,
                cannot + "captured_test: needs 4000 more bytes on the GPU from a pool that is "
                         "frozen",
                cannot + "cuda: memory of the GPU: " + refused,
                "captured: the end of the capture: capturing stream has unjoined work",
            };
            CHECK(sentence_of(code, [&] { step(); }) == sentences[what]);
        }
        CHECK(!step.is_captured());
        CHECK(ctx.memory == memory);
        // The context works, on both streams, and so does the step once it is right.
        CHECK(read_elements(ctx, x) == values(10, 2.0f));
        fill_forward(cuda::fork(ctx), 3.0f, one.view());
        cuda::join(ctx);
        CHECK(read_elements(ctx, one) == values(10, 3.0f));
        wrong = false;
        step();
        CHECK(step.is_captured());
        CHECK(read_elements(ctx, x) == values(10, 5.0f));
    }
}

TEST_CASE("captured: fixed networks on both branches, and a capture that fails", "[simt]") {
    struct fixed_network {
        nn::conv2d<float, gpu> conv;
        nn::batch_norm<float, gpu> norm;
        fixed_network(cuda::context& ctx, const char* name)
            : conv(ctx, {.in = 8, .out = 8}), norm(ctx, 8) {
            write_elements(ctx, conv.weight.value,
                           elements<float>(random_array(conv.weight.dims(), name)));
            write_elements(ctx, norm.parameters.running_mean.value,
                           elements<float>(random_array(shape<1>{{8}}, name)));
        }
    };
    cuda::context ctx;
    const fixed_network one(ctx, "one"), other(ctx, "other");
    const auto x = constant(upload<float>(ctx, random_array(dims, "x")));
    tensor<float, 4, gpu> y;
    bool fails = false;
    const auto evaluate = [&] {
        tape<cuda::context> t(ctx, mode::eval);
        const auto [a, b] = fork_join(
            t, [&](auto& side) { return one.conv(side, x, one.norm); },
            [&](auto& own) { return other.conv(own, x, other.norm, post::relu); });
        y = add(t, a, b).value;
        if (fails)
            throw std::logic_error("not today");
    };
    const auto fixed = cuda::make_fixed_networks(ctx);
    cuda::captured step{ctx, evaluate, fixed};
    // The side is made in the first run, and has memory of the step's from the second on.
    for (int i = 0; i < 3; ++i)
        step();
    CHECK(fixed->size() == 2);
    CHECK_FALSE(step.is_captured());
    fails = true;
    CHECK_THROWS_AS(step(), std::logic_error);
    CHECK(ctx.fixed == nullptr);
    CHECK(ctx.side().fixed == nullptr);
    fails = false;
    step();
    CHECK(step.is_captured());
    CHECK(fixed->size() == 2);
    const auto found = read_elements(ctx, y);
    ctx.fixed = fixed.get();
    evaluate();
    CHECK(read_elements(ctx, y) == found);
    ctx.fixed = nullptr;
    evaluate();
    CHECK(read_elements(ctx, y) != found); // the fold rounds otherwise
    // Another step shares the copies, and keeps what it needs of them.
    {
        tensor<float, 4, gpu> z;
        std::optional<cuda::captured<cuda::context>> first, shares;
        const auto kept = cuda::make_fixed_networks(ctx);
        const auto into = [&](tensor<float, 4, gpu>& to) {
            return [&] {
                tape<cuda::context> t(ctx, mode::eval);
                to = one.conv(t, x, one.norm).value;
            };
        };
        first.emplace(ctx, into(y), kept);
        shares.emplace(ctx, into(z), kept);
        for (int i = 0; i < 4; ++i)
            (*first)();
        CHECK(kept->size() == 1);
        for (int i = 0; i < 4; ++i)
            (*shares)();
        CHECK(shares->is_captured());
        CHECK(shares->nodes() == first->nodes());
        CHECK(kept->size() == 1);
        const auto before = read_elements(ctx, z);
        y = {};
        first.reset();
        std::vector<tensor<float, 1, gpu>> others;
        for (int i = 0; i < 8; ++i)
            others.push_back(full(ctx, shape<1>{{8 * 9 * 8}}, 7.0f));
        (*shares)();
        CHECK(read_elements(ctx, z) == before);
    }
    // What is first asked for while it is recorded is the graph's own.
    const auto late = cuda::make_fixed_networks(ctx);
    bool early = true;
    const auto big = shape<4>{{8, 3, 3, 8}};
    cuda::captured second{ctx,
                          [&] {
                              {
                                  const auto room = full(ctx, big, 0.0f);
                                  const auto more = full(ctx, shape<1>{{8}}, 0.0f);
                                  if (early)
                                      y = full(ctx, dims, 0.0f);
                              }
                              if (!early) {
                                  tape<cuda::context> t(ctx, mode::eval);
                                  y = one.conv(t, x, one.norm).value;
                              }
                          },
                          late};
    for (int i = 0; i < 3; ++i)
        second();
    early = false;
    second();
    CHECK(second.is_captured());
    CHECK(late->size() == 0);
    tape<cuda::context> t(ctx, mode::eval);
    const auto recorded = read_elements(ctx, y);
    ctx.fixed = late.get();
    CHECK(read_elements(ctx, one.conv(t, x, one.norm).value) == recorded);
    ctx.fixed = nullptr;
}

TEST_CASE("side: is made once, by itself, and joined where a branch throws", "[simt]") {
    cuda::context ctx;
    CHECK(!ctx.has_side());
    cuda::context& side = ctx.side();
    CHECK(ctx.has_side());
    CHECK(&ctx.side() == &side);
    CHECK(side.stream() != ctx.stream());
    CHECK(side.memory != ctx.memory);
    tape<cuda::context> t(ctx, mode::train);
    const auto y = full(ctx, shape<1>{{10}}, 0.0f);
    const auto f = [&](auto& s) {
        fill_forward(s.context, 1.0f, y.view());
        return 0;
    };
    REQUIRE(cudaStreamBeginCapture(ctx.stream(), cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    CHECK_THROWS_AS(fork_join(t, f, [](auto&) -> int { throw std::logic_error("not today"); }),
                    std::logic_error);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(ctx.stream(), &graph) == cudaSuccess); // joined
    cudaGraphDestroy(graph);
}
