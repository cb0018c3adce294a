#include "nn/module_check.hpp"

#include <pfad/nn/copy_arrays.hpp>
#include <pfad/nn/residual_block.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

constexpr nn::block_kind both = {.pcar = true, .aff = true};

template <class M>
std::vector<double> values_of(M& m) {
    std::vector<double> values;
    visit(m, "", [&](const std::string&, auto& p) {
        values.insert(values.end(), p.value.data(), p.value.data() + p.value.size());
    });
    return values;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("copy_arrays: to a backend's memory and back", "[nn]", backends) {
    using block = nn::residual_block<float>;
    cpu::context plain(1);
    auto ctx = make_context<TestType>(1);
    block from(plain, 4, 6, 2, both), back(plain, 4, 6, 2, both);
    nn::residual_block<float, typename TestType::space> there(ctx, 4, 6, 2, both);
    fill(from);
    const auto wanted = values_of(from);
    CHECK(values_of(back) != wanted);
    const auto version = there.conv1.weight.stamp.version();
    copy_arrays(ctx, from, there);
    copy_arrays(ctx, there, back);
    CHECK(values_of(back) == wanted);
    CHECK(there.conv1.weight.stamp.version() > version);
    // The memory is each network's own.
    elements(from.conv1.weight)[0] += 1;
    copy_arrays(ctx, there, back);
    CHECK(values_of(back) == wanted);
}

TEST_CASE("copy_arrays: networks of other parts or extents are refused", "[nn]") {
    cpu::context ctx(1);
    nn::residual_block<float> from(ctx, 4, 4, 1, both), wider(ctx, 6, 6, 1, both);
    nn::residual_block<float> without(ctx, 4, 4, 1, {.pcar = false, .aff = true});
    CHECK(error_code([&] { copy_arrays(ctx, from, wider); }) == errc::shape);
    CHECK(error_code([&] { copy_arrays(ctx, from, without); }) == errc::value);
}

TEST_CASE("visit_pairs: the same parts in the order of the lists", "[nn]") {
    cpu::context ctx(1);
    nn::stage<float> a(ctx, 4, 6, 2, both);
    nn::stage<double> b(ctx, 4, 6, 2, both);
    std::vector<const void*> first, second, firsts, seconds;
    visit(a, "", [&](const std::string&, auto& p) { first.push_back(p.value.data()); });
    visit(b, "", [&](const std::string&, auto& p) { second.push_back(p.value.data()); });
    visit_pairs(a, b, [&](auto& p, auto& q) {
        firsts.push_back(p.value.data());
        seconds.push_back(q.value.data());
    });
    CHECK(firsts == first);
    CHECK(seconds == second);
}
