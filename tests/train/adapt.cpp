#include "support/compare.hpp"
#include "train/small_run.hpp"

#include <pfad/train/adapt.hpp>

using namespace pfad;

namespace {

using arrays = std::map<std::string, std::vector<float>>;

// Names of what differs, and whether all of them are of running statistics.
struct difference {
    std::vector<std::string> names;
    bool statistics_alone = true;
};

difference between(const arrays& before, const arrays& after) {
    difference d;
    for (const auto& [name, values] : before)
        if (values != after.at(name)) {
            d.names.push_back(name);
            d.statistics_alone &= name.ends_with("running_mean") || name.ends_with("running_var");
        }
    return d;
}

} // namespace

TEST_CASE("adapt: statistics alone follow new pictures, but for the teacher's", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    const auto options = small_run(net.model, 1, 1);
    std::vector<int> stages;
    train::adapt(net.ctx, net.model, {.statistics = 2, .iterations = 0}, options, pictures.good,
                 pictures.textures,
                 [&](const train::training_step& step) { stages.push_back(step.stage); });
    const auto d = between(start, snapshot(net.model));
    CHECK(stages == std::vector{1, 1, 2, 2});
    CHECK(d.statistics_alone);
    for (const char* const part : {"student.", "segmentation."})
        CHECK(std::ranges::any_of(d.names, [&](const auto& n) { return n.starts_with(part); }));
    CHECK(std::ranges::none_of(d.names, [](const auto& n) { return n.starts_with("teacher."); }));
    restore(net.model, start);
}

TEST_CASE("adapt: iterations train the last stage alone; none change nothing", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    const auto options = small_run(net.model, 1, 1);
    const auto adapt = [&](const train::adapt_options& how) {
        CHECK(train::adapt(net.ctx, net.model, how, options, pictures.good, pictures.textures,
                           [](const train::training_step&) {}));
        return between(start, snapshot(net.model));
    };
    CHECK(adapt({.statistics = 0, .iterations = 0}).names.empty());
    const auto d = adapt({.statistics = 0, .iterations = 1});
    CHECK_FALSE(d.statistics_alone);
    CHECK(
        std::ranges::all_of(d.names, [](const auto& n) { return n.starts_with("segmentation."); }));
    restore(net.model, start);
}

TEST_CASE("adapt: it stops when it is told to", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    int steps = 0;
    CHECK_FALSE(train::adapt(net.ctx, net.model, {.statistics = 2, .iterations = 3},
                             small_run(net.model, 1, 1), pictures.good, pictures.textures,
                             [&](const train::training_step&) { return ++steps < 3; }));
    CHECK(steps == 3);
    restore(net.model, start);
}
