#include "support/catch.hpp"
#include "support/sentence.hpp"

#include <pfad/detectors/pfadseg.hpp>
#include <pfad/train/run_options.hpp>

#include <set>

using namespace pfad;
using train::fingerprint_of;
using train::run_options;

TEST_CASE("run_options: every number out of its range is refused", "[train]") {
    run_options().check();
    const auto refused = [](auto&& change) {
        run_options o;
        change(o);
        CHECK_THROWS_AS(o.check(), error);
    };
    refused([](auto& o) { o.size = 31; });
    refused([](auto& o) { o.size = 4097; });
    refused([](auto& o) { o.checkpoint_every = -1; });
    refused([](auto& o) { o.loader_threads = 0; });
    refused([](auto& o) { o.rates = -0.5; });
    refused([](auto& o) { o.rates = 1.5; });
}

TEST_CASE("run_options: the fingerprint tells apart whatever changes the result", "[train]") {
    pfadseg_options first;
    std::set<train::fingerprint> seen = {fingerprint_of({}, first.list())};
    // Every option of the detector by itself.
    for (std::size_t i = 0; i < first.list().size(); ++i) {
        pfadseg_options o;
        const auto one = o.list()[i];
        INFO(one.name);
        if (bool* const* const flag = std::get_if<bool*>(&one.value))
            **flag = !**flag;
        else if (int* const* const number = std::get_if<int*>(&one.value))
            ++**number;
        else if (const auto* const names = std::get_if<choice>(&one.value))
            CHECK(names->set(names->names()[names->name() == names->names()[0] ? 1 : 0]));
        else
            **std::get_if<double*>(&one.value) *= 1 + 1e-9;
        CHECK(seen.insert(fingerprint_of({}, o.list())).second);
    }
    const auto differs = [&](auto&& change) {
        run_options o;
        change(o);
        CHECK(seen.insert(fingerprint_of(o, first.list())).second);
    };
    differs([](auto& o) { o.size = 128; });
    differs([](auto& o) { o.seed = 1; });
    differs([](auto& o) { o.rotate = data::rotation::full; });
    differs([](auto& o) { o.start = "0123456789"; });
    differs([](auto& o) { o.rates = 0; });
    differs([](auto& o) { o.iterations = {1, 12}; });
    differs([](auto& o) { o.iterations = {11, 2}; });
    // How a run is made, not what comes of it.
    run_options same;
    same.loader_threads = 3;
    same.checkpoint_every = 7;
    CHECK(fingerprint_of(same, first.list()) == fingerprint_of({}, first.list()));
}
