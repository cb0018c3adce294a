// Inspection from many threads, as ThreadSanitizer can follow it: a barrier of OpenMP is none to it, so
// each of them computes alone.
#include "../../programs/support/watch.hpp"
#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/pfadseg.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace pfad;

namespace {

bool same(const detect::inspection& a, const detect::inspection& b) {
    return a.score == b.score && a.defect == b.defect && a.regions == b.regions &&
           a.map.dims() == b.map.dims() &&
           std::equal(a.map.data(), a.map.data() + a.map.size(), b.map.data()) &&
           std::equal(a.mask.data(), a.mask.data() + a.mask.size(), b.mask.data());
}

pfad::inspector load_small(const picture_folder& folder) {
    const auto path = folder / "model.safetensors";
    pfad::context ctx(1);
    pfadseg<float> model(ctx, {});
    model.initialise(3);
    save_model(path, model, {"pfadseg", 64, 0.25, {}});
    return pfad::inspector::load(path, {.threads = 1});
}

} // namespace

TEST_CASE("inspector: eight threads with pictures, batches, tiles and watched folders share one",
          "[threads]") {
    const picture_folder folder;
    const auto inspector = load_small(folder);
    const auto square = some_picture(64, 64, 3, 1), wide = some_picture(70, 64, 1, 2);
    const std::vector<picture_view> both = {square, wide};

    // A picture is there and another arrives, from each of two threads.
    const auto watched = folder.picture("arrivals/square.png", square).parent_path();
    const auto watch = [&](const std::string& arriving) {
        std::map<std::string, detect::inspection> found;
        std::vector<detect::inspection> result;
        program::picture_watch arrivals(watched, {}, "");
        for (const bool arrived : {false, true}) {
            if (arrived)
                std::filesystem::rename(folder.picture(arriving, wide), watched / arriving);
            arrivals.poll(
                [&](const std::string& path, const image_u8& picture) {
                    found[std::filesystem::path(path).filename()] = inspector.inspect(picture);
                },
                [](const std::string&, const std::string&) {});
        }
        for (const std::string& name : {std::string("square.png"), arriving})
            result.push_back(std::move(found[name]));
        return result;
    };
    // All of them meet an inspector that has not inspected yet: plans and packed weights, too, are
    // made by whoever is first.
    std::array<std::vector<detect::inspection>, 8> found;
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < found.size(); ++i)
            threads.emplace_back([&, i] {
                if (i % 4 == 0)
                    found[i].push_back(inspector.inspect(square));
                else if (i % 4 == 1)
                    found[i] = inspector.inspect(both);
                else if (i % 4 == 2)
                    found[i].push_back(inspector.inspect_tiles(wide));
                else
                    found[i] = watch(std::to_string(i) + ".png");
            });
    }
    const auto of_square = inspector.inspect(square), of_wide = inspector.inspect(wide);
    const auto of_tiles = inspector.inspect_tiles(wide);
    for (std::size_t i = 0; i < found.size(); ++i) {
        REQUIRE(found[i].size() == (i % 2 == 0 ? 1 : 2));
        CHECK(same(found[i][0], i % 4 == 2 ? of_tiles : of_square));
        if (i % 2 == 1)
            CHECK(same(found[i][1], of_wide));
    }
}
