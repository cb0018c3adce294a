#include <pfad/pfad.hpp>

int parameters_of_a_block() {
    pfad::cpu::context ctx(1);
    pfad::nn::conv2d<float> conv(ctx, {.in = 1, .out = 1});
    return static_cast<int>(pfad::parameter_count(conv));
}
