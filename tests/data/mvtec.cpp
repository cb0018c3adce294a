#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/mvtec.hpp>

using namespace pfad;
using namespace pfad::data;

TEST_CASE("mvtec: the layout is found, kinds and names in order", "[data]") {
    const picture_folder folder;
    folder.text("nut/train/good/001.png");
    folder.text("nut/train/good/000.png");
    folder.text("nut/test/scratch/a.b.jpg");
    folder.text("nut/test/good/000.PNG");
    folder.text("nut/test/bent/007.bmp");
    folder.text("nut/test/readme.txt");
    folder.text("nut/test/.cache/x.png");
    const auto mask = folder.text("nut/ground_truth/scratch/a.b_mask.png");
    folder.text("nut/ground_truth/bent/007_mask.png");
    const auto category = folder.path() / "nut";

    const auto training = list_training_pictures(category);
    REQUIRE(training.size() == 2);
    CHECK(training[0].filename() == "000.png");

    const auto items = list_test_items(category);
    REQUIRE(items.size() == 3);
    CHECK(items[0].kind == "bent");
    CHECK(items[1].kind == "good");
    CHECK_FALSE(items[1].anomalous());
    CHECK(items[1].mask.empty());
    CHECK(items[2].anomalous());
    CHECK(items[2].mask == mask);
}

TEST_CASE("mvtec: a missing mask names picture and mask", "[data]") {
    const picture_folder folder;
    folder.text("test/bent/007.png");
    const auto said = sentence_of([&] { (void)list_test_items(folder.path()); });
    CHECK(contains(said, "test/bent/007.png"));
    CHECK(contains(said, "ground_truth/bent/007_mask.png is missing"));
}

TEST_CASE("mvtec: missing and empty folders are errors that name them", "[data]") {
    const picture_folder folder;
    const auto missing = folder.path() / "nowhere";
    CHECK(contains(sentence_of([&] { (void)list_training_pictures(missing); }),
                   "nowhere: there is no such folder"));
    CHECK(contains(sentence_of([&] { (void)list_test_items(missing); }),
                   "nowhere: there is no such folder"));
    CHECK(contains(sentence_of([&] { (void)list_training_pictures(folder.path()); }),
                   "train/good: there is no such folder"));
    folder.text("train/good/notes.txt");
    CHECK(contains(sentence_of([&] { (void)list_training_pictures(folder.path()); }),
                   "train/good: there is no PNG, JPEG or BMP"));
    std::filesystem::create_directories(folder.path() / "test");
    CHECK(contains(sentence_of([&] { (void)list_test_items(folder.path()); }),
                   "test: there is no folder of test pictures"));
    std::filesystem::create_directories(folder.path() / "test" / "bent");
    CHECK(contains(sentence_of([&] { (void)list_test_items(folder.path()); }),
                   "test/bent: there is no PNG, JPEG or BMP"));
}
