// Everything that nvcc compiles, and a small pass through it. Without a GPU the context says so.
#include <pfad/cuda.cuh>

#include <cstdio>

int parameters_of_a_block(); // other.cpp

int main() {
    using namespace pfad;
    if (parameters_of_a_block() != 9)
        return 1;
    try {
        cuda::context ctx;
        tape<cuda::context> t(ctx, mode::train);
        const auto x = leaf(full(ctx, shape<4>{{2, 3, 4, 8}}, 1.0f));
        const auto y = activate(t, relu{}, add(t, x, x));
        t.backward(y);
        cpu::context host(1);
        const auto g = to_host(ctx, host, x.gradient());
        std::printf("a GPU computes: gradient %g\n", static_cast<double>(g.data()[0]));
        return g.data()[0] == 2 ? 0 : 1;
    } catch (const error& problem) {
        std::printf("%s\n", problem.what());
        return problem.code() == errc::unsupported ? 77 : 1;
    }
}
