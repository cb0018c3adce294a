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
    const auto found = keep_out(numbered(66), 8);
    CHECK(found.kept_out ==
          std::vector<std::filesystem::path>{"7", "15", "23", "31", "39", "47", "55", "63"});
    REQUIRE(found.training.size() == 58);
    CHECK(found.training[6] == "6");
    CHECK(found.training[7] == "8");
    CHECK(found.training[57] == "65");
    CHECK(keep_out(numbered(16), 2).kept_out.size() == 8);
}

TEST_CASE("keep out: none by 0, and where they would be too few", "[data]") {
    CHECK(keep_out(numbered(90), 0).kept_out.empty());
    CHECK(keep_out(numbered(90), 0).training == numbered(90));
    CHECK(keep_out(numbered(63), 8).kept_out.empty());
    CHECK(keep_out(numbered(63), 8).training == numbered(63));
    CHECK(keep_out(numbered(64), 8).kept_out.size() == 8);
    CHECK(keep_out({}, 8).training.empty());
}

TEST_CASE("keep out: all of them or a negative number is refused", "[data]") {
    for (const int bad : {1, -1})
        CHECK(contains(sentence_of([&] { (void)keep_out(numbered(9), bad); }),
                       "every second picture or fewer are kept out, or 0 for none"));
}
