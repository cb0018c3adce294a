#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/files.hpp>

using namespace pfad;
using namespace pfad::data;

TEST_CASE("list_pictures: sorted, by extension in either case, hidden files apart", "[data]") {
    const picture_folder folder;
    for (const char* const name :
         {"b.JPG", "a.png", "c.Jpeg", "d.bmp", ".hidden.png", "notes.txt", "plain", "e.gif"})
        folder.text(name);
    std::filesystem::create_directories(folder.path() / "folder.png");
    const auto found = list_pictures(folder.path());
    REQUIRE(found.size() == 4);
    CHECK(found[0].filename() == "a.png");
    CHECK(found[1].filename() == "b.JPG");
    CHECK(found[2].filename() == "c.Jpeg");
    CHECK(found[3].filename() == "d.bmp");
}

TEST_CASE("list_pictures: a missing folder, a file and an empty folder are errors", "[data]") {
    const picture_folder folder;
    const auto missing = folder.path() / "nowhere";
    const auto said = sentence_of([&] { (void)list_pictures(missing); });
    CHECK(said == missing.string() + ": there is no such folder");
    const auto file = folder.text("file");
    CHECK(contains(sentence_of([&] { (void)list_pictures(file); }), "not a folder"));
    std::filesystem::create_directories(folder.path() / "empty");
    const auto empty = sentence_of([&] { (void)list_pictures(folder.path() / "empty"); });
    CHECK(contains(empty, (folder.path() / "empty").string()));
    CHECK(contains(empty, "no PNG, JPEG or BMP"));
    folder.text("other/a.tif");
    CHECK(contains(sentence_of([&] { (void)list_pictures(folder.path() / "other"); }),
                   "in this folder, but 1 file that is not PNG, JPEG or BMP by name ("));
}
