// A block of one's own, trained: squeeze and excitation on a residual path, fitted to one batch.
#include <pfad/pfad.hpp>

#include <cstdio>

using namespace pfad;

template <class T>
struct excited_block {
    nn::conv2d<T> conv, gate;
    nn::batch_norm<T> norm;

    template <class C>
    excited_block(C& ctx, int c)
        : conv(ctx, {.in = c, .out = c}), gate(ctx, {.in = c, .out = c, .kernel = 1, .bias = true}),
          norm(ctx, c) {}
    auto fields() { return pfad::fields("conv", conv, "gate", gate, "norm", norm); }
    template <class C>
    maps<T> operator()(tape<C>& t, const maps<T>& x) const {
        const auto y = norm(t, conv(t, x), post::relu, x); // adds x and applies ReLU in one pass
        return multiply(t, y, activate(t, sigmoid{}, gate(t, y)));
    }
};

int main() {
    cpu::context ctx;
    excited_block<float> block(ctx, 8);
    initialise(block, "block", initialiser::kaiming_fan_out, 1);
    sgd<float> optimiser(ctx, {}, std::tuple(parameter_group(block, 0.05)));
    const shape<4> dims = {{4, 16, 16, 8}};
    const auto x = constant(random<float>(ctx, dims, 1)),
               goal = constant(random<float>(ctx, dims, 2));
    for (int step = 0; step < 60; ++step) {
        tape t(ctx, mode::train);
        const auto loss = cosine_distance_loss(t, goal, block(t, x));
        t.backward(loss);
        optimiser.step(ctx);
        std::printf("step %2d  loss %.4f\n", step, static_cast<double>(loss.value.data()[0]));
    }
}
