#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/activation.hpp>

#include <limits>

using namespace pfad;
using namespace pfad::test;

namespace {

template <class F>
auto each(F f) {
    return [f](array<4> x) {
        for (double& value : x.data)
            value = f(value);
        return x;
    };
}

template <class Context, class F, class Reference>
void check_activation(F f, Reference reference) {
    const auto op = [f](auto& t, const auto& x) { return activate(t, f, x); };
    for (const shape<4>& dims :
         {shape<4>{{2, 3, 4, 5}}, shape<4>{{1, 1, 1, 1}}, shape<4>{{1, 7, 1, 11}}})
        check_op<Context>(op, each(reference), thorough::everything, 2, 5,
                          spread_array(dims, "x", 8.0 / static_cast<double>(dims.size())));
    // Over several threads.
    check_op<Context>(op, each(reference), thorough::value_and_bits, 2, 5,
                      spread_array(shape<4>{{2, 64, 65, 5}}, "x", 0x1p-12));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("activate: relu", "[ops]", backends) {
    check_activation<TestType>(relu{}, [](double x) { return std::max(x, 0.0); });
}

TEMPLATE_LIST_TEST_CASE("activate: sigmoid", "[ops]", backends) {
    check_activation<TestType>(sigmoid{}, [](double x) { return 1 / (1 + std::exp(-x)); });
}

TEMPLATE_LIST_TEST_CASE("activate: gelu, the exact one", "[ops]", backends) {
    check_activation<TestType>(gelu{},
                               [](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; });
}

TEST_CASE("activate: relu's gradient selects and is zero at zero", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    const auto x = leaf(full(ctx, shape<1>{{3}}, 0.0f));
    x.value.data()[1] = -1;
    x.value.data()[2] = 2;
    const auto y = activate(t, relu{}, x);
    const auto g = y.slot->claim(ctx, y.dims());
    g.to.data[0] = std::numeric_limits<float>::infinity();
    g.to.data[1] = std::numeric_limits<float>::quiet_NaN();
    g.to.data[2] = 7;
    t.run();
    CHECK(download(ctx, x.gradient()).data == std::vector<double>{0, 0, 7});
}

TEST_CASE("activate: sigmoid stays in [0, 1] far out", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    auto x = empty<float>(ctx, shape<1>{{4}});
    const float far[] = {-1e30f, -100, 100, 1e30f};
    std::copy_n(far, 4, x.data());
    const auto y = activate(t, sigmoid{}, constant(x)).value;
    CHECK(y.data()[0] >= 0);
    CHECK(y.data()[0] < 1e-37f);
    CHECK(y.data()[1] < 1e-37f);
    CHECK(y.data()[2] == 1);
    CHECK(y.data()[3] == 1);
}
