#include "data/picture_folder.hpp"
#include "support/sentence.hpp"

#include <pfad/data/keep_out.hpp>

#include <string>

using namespace pfad;
using namespace pfad::data;

namespace {

std::vector<std::filesystem::path> numbered(int count) {
    std::vector<std::filesystem::path> result;
    for (int i = 0; i < count; ++i)
        result.push_back(std::to_string(i));
    return result;
}

} // namespace

TEST_CASE("keep out: every N-th picture, spread evenly, and none twice", "[data]") {
    const auto found = keep_out(numbered(17), 8);
    CHECK(found.kept_out == std::vector<std::filesystem::path>{"7", "15"});
    REQUIRE(found.training.size() == 15);
    CHECK(found.training[6] == "6");
    CHECK(found.training[7] == "8");
    CHECK(found.training[14] == "16");
    CHECK(keep_out(numbered(4), 2).kept_out == std::vector<std::filesystem::path>{"1", "3"});
}

TEST_CASE("keep out: none by 0, and of fewer pictures than N", "[data]") {
    CHECK(keep_out(numbered(9), 0).kept_out.empty());
    CHECK(keep_out(numbered(9), 0).training == numbered(9));
    CHECK(keep_out(numbered(7), 8).kept_out.empty());
    CHECK(keep_out({}, 8).training.empty());
}

TEST_CASE("keep out: all of them or a negative number is refused", "[data]") {
    for (const int bad : {1, -1})
        CHECK(contains(sentence_of([&] { (void)keep_out(numbered(9), bad); }),
                       "every second picture or fewer are kept out, or 0 for none"));
}
