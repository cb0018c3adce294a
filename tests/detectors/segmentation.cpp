#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/detectors/pfadseg.hpp>

#include <set>
#include <string>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("segmentation: one logit a position, with RCM or ASPP", "[detectors]") {
    cpu::context ctx(2);
    for (const bool rcm : {false, true}) {
        segmentation<float> m(ctx, {false, false}, rcm);
        CHECK(m.rcm.has_value() == rcm);
        CHECK(m.aspp.has_value() == !rcm);
        tape<cpu::context> t(ctx, mode::eval);
        const auto y = m(t, constant(full(ctx, shape<4>{{2, 3, 2, 448}}, 0.5f)));
        CHECK(y.dims() == shape<4>{{2, 3, 2, 1}});
    }
}

TEST_CASE("segmentation: res and the rest share no parameter and miss none", "[detectors]") {
    cpu::context ctx(1);
    segmentation<float> m(ctx, {false, true}, true);
    std::set<const void*> all, parts;
    std::set<std::string> names, tail;
    const auto into = [](auto& set) {
        return [&set](const std::string&, auto& p) { CHECK(set.insert(p.slot.get()).second); };
    };
    visit_parameters(m, "", into(all));
    visit_parameters(m.res, "res", into(parts));
    auto rest = m.context_and_head();
    visit_parameters(rest, "", into(parts));
    CHECK(all == parts);
    visit(m, "", [&](const std::string& name, auto&) { names.insert(name); });
    visit(rest, "", [&](const std::string& name, auto&) { tail.insert(name); });
    for (const auto& name : tail) {
        INFO(name);
        CHECK(names.count(name) == 1);
    }
}
