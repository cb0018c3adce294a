#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/textures.hpp>

using namespace pfad;
using namespace pfad::data;

TEST_CASE("textures: found at any depth, sorted by path", "[data]") {
    const picture_folder folder;
    folder.text("images/woven/woven_1.jpg");
    folder.text("images/banded/banded_2.jpg");
    folder.text("images/banded/deeper/x.PNG");
    folder.text("flat.bmp");
    folder.text("labels/list.txt");
    folder.text(".hidden/h.jpg");
    const auto found = list_textures(folder.path());
    REQUIRE(found.size() == 4);
    CHECK(found[0].filename() == "flat.bmp");
    CHECK(found[1].filename() == "banded_2.jpg");
    CHECK(found[2].filename() == "x.PNG");
    CHECK(found[3].filename() == "woven_1.jpg");
}

TEST_CASE("textures: a loop of links ends", "[data]") {
    const picture_folder folder;
    folder.text("a/one.png");
    std::filesystem::create_directory_symlink(folder.path(), folder.path() / "a" / "up");
    CHECK(list_textures(folder.path()).size() == 1);
}

TEST_CASE("textures: none is an error", "[data]") {
    const picture_folder folder;
    folder.text("labels/list.txt");
    CHECK(contains(sentence_of([&] { (void)list_textures(folder.path()); }),
                   folder.path().string() + ": there is no PNG, JPEG or BMP"));
    CHECK(contains(sentence_of([&] { (void)list_textures(folder.path() / "no"); }),
                   "no such folder"));
}
