// The building blocks alone: a compiler and threads.
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>
#include <pfad/ops/conv2d.hpp>

int main() {
    pfad::cpu::context ctx(1);
    const auto x = pfad::full<float>(ctx, pfad::shape<4>{{1, 2, 2, 1}}, 2);
    const auto w = pfad::full<float>(ctx, pfad::shape<4>{{1, 1, 1, 1}}, 3);
    const auto y = pfad::empty<float>(ctx, pfad::shape<4>{{1, 2, 2, 1}});
    pfad::cpu::conv2d_forward<float>(ctx, x, w, {}, y, {});
    return y.data()[3] == 6 ? 0 : 1;
}
