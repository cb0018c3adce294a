#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/detectors/pfadseg.hpp>

#include <algorithm>
#include <limits>
#include <string>

using namespace pfad;

static_assert(detector<pfad::pfadseg>);

TEST_CASE("pfadseg_options: the defaults are the paper's", "[detectors]") {
    const pfadseg_options o;
    o.check(256);
    CHECK(o.batch == 16);
    CHECK(iterations_of(facts_of(pfadseg<float>::stages(o))) == 7000);
    CHECK((o.rcm && o.aff && o.pcar));
    const auto methods = pfadseg<float>::methods();
    REQUIRE(methods.size() == 2);
    CHECK(methods[1].name == "destseg");
    CHECK_FALSE((methods[1].options.rcm || methods[1].options.aff || methods[1].options.pcar));
}

TEST_CASE("pfadseg_options: every number out of its range is refused", "[detectors]") {
    const auto said = [](auto&& change, int size = 256) {
        pfadseg_options o;
        change(o);
        return sentence_of([&] { o.check(size); });
    };
    CHECK(said([](auto& o) { o.batch = 1; }) ==
          "training: `batch` is 1, but must be a whole number from 2 to 1048576");
    CHECK(contains(said([](auto& o) { o.batch = 3; }, 32), "needs four values or more"));
    CHECK_FALSE(said([](auto& o) { o.student_iterations = 2147483647; }).empty());
    CHECK_FALSE(said([](auto& o) { o.student_iterations = -1; }).empty());
    CHECK_FALSE(said([](auto& o) { o.segmentation_iterations = -1; }).empty());
    CHECK(said([](auto& o) { o.student_rate = 0; }) ==
          "training: `student_rate` is 0, but must be a number above 0");
    CHECK_FALSE(said([](auto& o) { o.residual_rate = -1; }).empty());
    CHECK_FALSE(said([](auto& o) { o.head_rate = 0; }).empty());
    CHECK_FALSE(said([](auto& o) { o.momentum = 1; }).empty());
    CHECK_FALSE(said([](auto& o) { o.opacity = {0.5, 0.2}; }).empty());
    CHECK_FALSE(said([](auto& o) { o.opacity = {0.5, 1.2}; }).empty());
    CHECK_FALSE(said([](auto& o) { o.rcm_detail.band = 4; }).empty());
    const double infinite = std::numeric_limits<double>::infinity();
    const double nothing = std::numeric_limits<double>::quiet_NaN();
    for (const double no : {-0.1, infinite, nothing}) {
        CHECK_FALSE(said([no](auto& o) { o.student_rate = no; }).empty());
        CHECK_FALSE(said([no](auto& o) { o.residual_rate = no; }).empty());
        CHECK_FALSE(said([no](auto& o) { o.head_rate = no; }).empty());
        CHECK_FALSE(said([no](auto& o) { o.momentum = no; }).empty());
        CHECK_FALSE(said([no](auto& o) { o.weight_decay = no; }).empty());
        CHECK_FALSE(said([no](auto& o) { o.focal_gamma = no; }).empty());
    }
}

TEST_CASE("option: a value as text and back, or refused", "[detectors]") {
    pfadseg_options o;
    const auto named = [&](std::string_view name) {
        for (const auto& one : o.list())
            if (one.name == name)
                return one;
        throw std::runtime_error("no such option");
    };
    CHECK(value_text(named("rcm")) == "on");
    CHECK(set_value(named("rcm"), "off"));
    CHECK_FALSE(o.rcm);
    CHECK_FALSE(set_value(named("rcm"), "0"));
    CHECK(set_value(named("batch"), "8"));
    CHECK(o.batch == 8);
    for (const char* const no : {"", "8.5", "1", "eight", "8 ", "1e99", "nan"}) {
        INFO(no);
        CHECK_FALSE(set_value(named("batch"), no));
    }
    CHECK(o.batch == 8);
    o.student_rate = 0.1 + 0.2;
    const auto text = value_text(named("student_rate"));
    o.student_rate = 1;
    CHECK(set_value(named("student_rate"), text));
    CHECK(o.student_rate == 0.1 + 0.2);
    CHECK_FALSE(set_value(named("student_rate"), "inf"));
}

TEST_CASE("option: one of several names", "[detectors]") {
    pfadseg_options o;
    option_list all = o.list();
    const auto& norm = *std::ranges::find(all, "pooled_norm", &option::name);
    for (const char* const name : {"layer", "none", "pixel", "batch"}) {
        CHECK(set_value(norm, name));
        CHECK(value_text(norm) == name);
    }
    CHECK(o.pooled_norm == nn::pooled_norm::batch);
    for (const char* const no : {"", "0", "Layer", "layer "})
        CHECK_FALSE(set_value(norm, no));
    CHECK(o.pooled_norm == nn::pooled_norm::batch);
    CHECK(range_text(norm) == "batch, layer, none or pixel");
}

TEST_CASE("rate_schedule: rises in equal steps to one", "[detectors]") {
    const rate_schedule none{}, four{4};
    CHECK(none.at(0) == 1);
    CHECK(four.at(0) == 0.25);
    CHECK(four.at(2) == 0.75);
    CHECK(four.at(3) == 1);
    CHECK(four.at(1000) == 1);
    for (const auto& stage : facts_of(pfadseg<float>::stages({.warmup = 7})))
        CHECK(stage.schedule.warmup == 7);
}
