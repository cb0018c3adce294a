#include "support/catch.hpp"

#include <pfad/train/run_options.hpp>

#include <limits>
#include <set>
#include <string>

using namespace pfad;
using train::training_options;

TEST_CASE("training_options: the defaults are the paper's [train]") {
    const training_options o;
    o.check();
    CHECK(o.size == 256);
    CHECK(o.batch == 16);
    CHECK(o.iterations() == 7000);
    CHECK(o.model.rcm);
    CHECK(o.model.aff);
    CHECK(o.model.pcar);
}

TEST_CASE("training_options: every number out of its range is refused [train]") {
    const auto refused = [](auto&& change) {
        training_options o;
        change(o);
        CHECK_THROWS_AS(o.check(), error);
    };
    refused([](auto& o) { o.size = 31; });
    refused([](auto& o) { o.size = 4097; });
    refused([](auto& o) { o.batch = 1; });
    refused([](auto& o) {
        o.size = 32;
        o.batch = 3;
    });
    refused([](auto& o) { o.student_iterations = 2147483647; });
    refused([](auto& o) { o.student_iterations = -1; });
    refused([](auto& o) { o.segmentation_iterations = -1; });
    refused([](auto& o) { o.student_rate = 0; });
    refused([](auto& o) { o.residual_rate = -1; });
    refused([](auto& o) { o.head_rate = 0; });
    const double infinite = std::numeric_limits<double>::infinity();
    const double nothing = std::numeric_limits<double>::quiet_NaN();
    for (const double no : {-0.1, infinite, nothing}) {
        refused([no](auto& o) { o.student_rate = no; });
        refused([no](auto& o) { o.residual_rate = no; });
        refused([no](auto& o) { o.head_rate = no; });
        refused([no](auto& o) { o.momentum = no; });
        refused([no](auto& o) { o.weight_decay = no; });
        refused([no](auto& o) { o.focal_gamma = no; });
    }
    refused([](auto& o) { o.momentum = 1; });
    refused([](auto& o) { o.checkpoint_every = -1; });
    refused([](auto& o) { o.loader_threads = 0; });
}

TEST_CASE("training_options: the fingerprint tells apart whatever changes the result [train]") {
    std::set<std::string> seen = {training_options().fingerprint()};
    const auto differs = [&](auto&& change) {
        training_options o;
        change(o);
        CHECK(seen.insert(o.fingerprint()).second);
    };
    differs([](auto& o) { o.model.rcm = false; });
    differs([](auto& o) { o.model.aff = false; });
    differs([](auto& o) { o.model.pcar = false; });
    differs([](auto& o) { o.model.plain_decoder = true; });
    differs([](auto& o) { o.model.rcm_detail.layer_scale = 2e-6; });
    differs([](auto& o) { o.model.rcm_detail.band += 2; });
    differs([](auto& o) { o.size = 128; });
    differs([](auto& o) { o.batch = 8; });
    differs([](auto& o) { o.student_iterations = 1; });
    differs([](auto& o) { o.segmentation_iterations = 1; });
    differs([](auto& o) { o.student_rate += 1e-9; });
    differs([](auto& o) { o.residual_rate += 1e-9; });
    differs([](auto& o) { o.head_rate += 1e-9; });
    differs([](auto& o) { o.momentum += 1e-9; });
    differs([](auto& o) { o.weight_decay += 1e-9; });
    differs([](auto& o) { o.focal_gamma = 2; });
    differs([](auto& o) { o.rotate = data::rotation::full; });
    differs([](auto& o) { o.opacity.low += 1e-9; });
    differs([](auto& o) { o.seed = 1; });
    differs([](auto& o) { o.start = "1"; });
    // How fast and how often, not what.
    training_options same;
    same.loader_threads = 2;
    same.checkpoint_every = 7;
    CHECK_FALSE(seen.insert(same.fingerprint()).second);
}
