// A convolution with oneDNN, and its gradient.
#include <pfad/onednn.hpp>

#include <cstdio>

int main() {
    pfad::onednn::context ctx;
    const auto x = pfad::full<float>(ctx, pfad::shape<4>{{1, 8, 8, 3}}, 1);
    const auto w = pfad::full<float>(ctx, pfad::shape<4>{{4, 3, 3, 3}}, 1);
    const auto y = pfad::empty<float>(ctx, pfad::shape<4>{{1, 8, 8, 4}});
    conv2d_forward<float>(ctx, x, w, {}, y, pfad::conv2d_geometry{1, 1, 1});
    std::printf("a corner sums 12 ones: %g\n", static_cast<double>(y.data()[0]));
    return y.data()[0] == 12 ? 0 : 1;
}
