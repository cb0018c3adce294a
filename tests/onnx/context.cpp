// The graph that a network leaves behind. What it computes is compared in tests/python/test_onnx.py.
#include "support/catch.hpp"
#include "support/sentence.hpp"

#include <pfad/cpu/queue.hpp>
#include <pfad/nn/aff.hpp>
#include <pfad/nn/aspp.hpp>
#include <pfad/nn/pcar.hpp>
#include <pfad/onnx/ops.hpp>
#include <pfad/ops/fill.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

using namespace pfad;

static_assert(any_context<pfad::onnx::context> && queued_context<pfad::onnx::context>);

namespace {

using layer = nn::conv2d<float>;

/// What the module makes of an input (1, 8, 8, c), as a file with the output y (batch, out, 8, 8).
template <class M>
::onnx::ModelProto written(M& m, std::int64_t c, std::int64_t out) {
    pfad::onnx::context ctx;
    ctx.hold(m, "net");
    tape<pfad::onnx::context> t(ctx, mode::eval);
    const auto y =
        m(t, constant(ctx.input<float>("x", shape<4>{{1, 8, 8, c}}, shape<4>{{1, c, 8, 8}})));
    ctx.output("y", y.value, shape<4>{{1, out, 8, 8}});
    return ctx.graph.finish("test");
}

std::map<std::string, int> operators(const ::onnx::ModelProto& file) {
    std::map<std::string, int> counts;
    for (const auto& node : file.graph().node())
        ++counts[node.op_type()];
    return counts;
}

const ::onnx::NodeProto& named(const ::onnx::ModelProto& file, const std::string& name) {
    const auto& nodes = file.graph().node();
    const auto found = std::ranges::find_if(nodes, [&](auto& node) { return node.name() == name; });
    REQUIRE(found != nodes.end());
    return *found;
}

} // namespace

TEST_CASE("onnx: a convolution is a node with the layer's name, weights in PyTorch's order",
          "[onnx]") {
    cpu::context ctx(1);
    layer conv(ctx, {.in = 2, .out = 3, .kernel = 3, .dilation = 2, .bias = true});
    for (std::int64_t i = 0; i < conv.weight.value.size(); ++i)
        conv.weight.value.data()[i] = static_cast<float>(i); // (k, r, s, c)
    const auto file = written(conv, 2, 3);
    CHECK(operators(file) == std::map<std::string, int>{{"Conv", 1}, {"Reshape", 1}});
    const auto& node = named(file, "net");
    CHECK(std::vector<std::string>(node.input().begin(), node.input().end()) ==
          std::vector<std::string>{"x", "net.weight", "net.bias"});
    std::map<std::string, std::vector<std::int64_t>> lists;
    for (const auto& a : node.attribute())
        lists[a.name()] = {a.ints().begin(), a.ints().end()};
    CHECK(lists["pads"] == std::vector<std::int64_t>{2, 2, 2, 2});
    CHECK(lists["dilations"] == std::vector<std::int64_t>{2, 2});
    CHECK(lists["strides"] == std::vector<std::int64_t>{1, 1});
    const auto& weight = file.graph().initializer(0);
    CHECK(weight.name() == "net.weight");
    CHECK(std::vector<std::int64_t>(weight.dims().begin(), weight.dims().end()) ==
          std::vector<std::int64_t>{3, 2, 3, 3});
    const auto* const values = reinterpret_cast<const float*>(weight.raw_data().data());
    CHECK(values[1] == 2);      // the next tap of channel 0
    CHECK(values[9] == 1);      // channel 1
    CHECK(values[18] == 2 * 9); // the second filter
}

TEST_CASE("onnx: the batch stays open, the rest is known", "[onnx]") {
    cpu::context ctx(1);
    nn::aspp<float> context(ctx, 2, 3); // with a part that is repeated over the image
    const auto file = written(context, 2, 3);
    CHECK(file.opset_import(0).version() == pfad::onnx::opset);
    const auto text = [](const ::onnx::ValueInfoProto& value) {
        std::string dims;
        for (const auto& extent : value.type().tensor_type().shape().dim())
            dims +=
                (extent.has_dim_param() ? extent.dim_param() : std::to_string(extent.dim_value())) +
                " ";
        return dims;
    };
    CHECK(text(file.graph().input(0)) == "batch 2 8 8 ");
    CHECK(text(file.graph().output(0)) == "batch 3 8 8 ");
    CHECK(operators(file)["Expand"] == 1);
    CHECK(operators(file)["Concat"] == 1);
}

TEST_CASE("onnx: PCAR's three convolutions are one node", "[onnx]") {
    cpu::context ctx(1);
    nn::pcar<float> block(ctx, 16);
    const auto file = written(block, 16, 16);
    CHECK(operators(file)["Conv"] == 3); // with the two of SPR
    CHECK(operators(file)["Softmax"] == 1);
    CHECK(named(file, "net.convs.weight").input_size() == nn::pcar<float>::branches);
    CHECK(named(file, "net.convs").input(1) == "net.convs.weight");
    // A kernel of each sample's own has no operator.
    nn::pcar<float> other(ctx, 16, nn::pcar_path::one_kernel);
    CHECK_THROWS_AS(written(other, 16, 16), error);
}

TEST_CASE("onnx: a value that is used twice is one, a layer that is used twice has two names",
          "[onnx]") {
    cpu::context ctx(1);
    struct twice {
        layer conv;
        explicit twice(cpu::context& c) : conv(c, {.in = 2, .out = 2}) {}
        auto fields() { return pfad::fields("conv", conv); }
        maps<float> operator()(tape<pfad::onnx::context>& t, const maps<float>& x) const {
            const auto y = conv(t, x);
            return add(t, conv(t, y), multiply(t, y, y));
        }
    } net(ctx);
    const auto file = written(net, 2, 2);
    CHECK(file.graph().initializer_size() == 2); // the weight once, and the extents of the output
    CHECK(named(file, "net.conv_2").input(0) == "net.conv");
    CHECK(named(file, "mul_1").input(0) == "net.conv");
    CHECK(named(file, "mul_1").input(1) == "net.conv");
}

TEST_CASE("onnx: an address stands for a value as long as its tensor lives", "[onnx]") {
    pfad::onnx::context ctx;
    const auto* address = static_cast<const float*>(nullptr);
    {
        const auto x = ctx.input<float>("x", shape<1>{{100}});
        address = x.data();
        CHECK(ctx.name(view<const float, 1>(x)) == "x");
    }
    const auto y = empty<float>(ctx, shape<1>{{100}});
    CHECK(y.data() == address); // the pool hands the block out again
    CHECK(sentence_of([&] { (void)ctx.name(view<const float, 1>(y)); }) ==
          "onnx: the network has an op that has no form in ONNX");
}

TEST_CASE("onnx: two networks of one prefix, and other numbers of elements, are refused",
          "[onnx]") {
    cpu::context host_ctx(1);
    layer one(host_ctx, {.in = 1, .out = 1}), other(host_ctx, {.in = 1, .out = 1});
    pfad::onnx::context ctx;
    ctx.hold(one);
    ctx.hold(one);
    ctx.hold(other, "other");
    CHECK_THROWS_AS(ctx.hold(other), error);
    CHECK_THROWS_AS(ctx.input<float>("x", shape<2>{{1, 4}}, shape<2>{{1, 5}}), error);
    const auto x = ctx.input<float>("x", shape<2>{{1, 4}});
    CHECK_THROWS_AS(ctx.output("y", x, shape<2>{{1, 2}}), error);
}

TEST_CASE("onnx: an op without a form is refused, and so is what ONNX's checker refuses",
          "[onnx]") {
    cpu::context host_ctx(1);
    struct halves {
        auto fields() { return pfad::fields(); }
        maps<float> operator()(tape<pfad::onnx::context>& t, const maps<float>& x) const {
            const auto y = constant(empty<float>(t.context, x.dims()));
            fill_forward(t.context, 0.5f, y.value.flat().view());
            return multiply(t, x, y);
        }
    } net;
    CHECK(sentence_of([&] { (void)written(net, 2, 2); }) ==
          "onnx: the network has an op that has no form in ONNX");
    pfad::onnx::graph wrong;
    const std::int64_t dims[] = {1, 2};
    wrong.input<float>("x", dims);
    wrong.node("Conv", {"x", "nowhere"}, {}, "y");
    wrong.output<float>("y", dims);
    CHECK(sentence_of([&] {
              (void)wrong.finish("wrong");
          }).starts_with("onnx: the graph is refused: "));
}
