// A network of one's own as an ONNX file, with pfad::onnx alone.
#include <pfad/nn/conv2d.hpp>
#include <pfad/onnx/ops.hpp>

#include <cstdio>

int main() {
    pfad::cpu::context host;
    pfad::nn::conv2d<float> net(host, {.in = 3, .out = 2});
    pfad::onnx::context ctx;
    ctx.hold(net, "net");
    pfad::tape<pfad::onnx::context> t(ctx, pfad::mode::eval);
    const auto y = net(
        t, pfad::constant(ctx.input<float>("x", pfad::shape{1, 8, 8, 3}, pfad::shape{1, 3, 8, 8})));
    ctx.output("y", y.value, pfad::shape{1, 2, 8, 8});
    const auto file = ctx.graph.finish("net");
    std::printf("%d nodes\n", file.graph().node_size());
    return file.graph().node_size() == 2 ? 0 : 1;
}
