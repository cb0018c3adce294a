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
    folder.text("ground_truth/bent/008_mask.png");
    const auto said = sentence_of([&] { (void)list_test_items(folder.path()); });
    CHECK(contains(said, "test/bent/007.png: its mask is missing; looked for 007_mask.png"));
    CHECK(contains(said, "ground_truth/bent"));
}

TEST_CASE("mvtec: without ground_truth there are no masks", "[data]") {
    const picture_folder folder;
    folder.text("test/bent/007.png");
    const auto items = list_test_items(folder.path());
    REQUIRE(items.size() == 1);
    CHECK(items[0].anomalous());
    CHECK(items[0].mask.empty());
}

TEST_CASE("mvtec: masks and folders as they come from elsewhere", "[data]") {
    const picture_folder folder;
    for (const char* const name :
         {"Test/Good/0.png", "Test/bent/0.png", "Test/bent/1.png", "Test/bent/2.png",
          "Test/bent/3.png", "Test/__MACOSX/0.png", "Test/@eaDir/0.png", "Test/bent/Thumbs.db",
          "Test/bent/.DS_Store", "Test/bent/4.tif", "Train/GOOD/0.png"})
        folder.text(name);
    const auto first = folder.text("Ground_Truth/Bent/0.png");
    const auto second = folder.text("Ground_Truth/Bent/1_mask.BMP");
    const auto third = folder.text("Ground_Truth/Bent/2_mask.PNG");
    const auto fourth = folder.text("Ground_Truth/Bent/3/000.png").parent_path();
    std::filesystem::create_symlink("nowhere.png", folder.path() / "Test/bent/5.png");
    passed_over others;
    const auto items = list_test_items(folder.path(), &others);
    REQUIRE(items.size() == 5);
    CHECK(items[0].kind == "good"); // in the order of the folders' names
    CHECK(items[1].kind == "bent");
    CHECK(items[1].mask == first);
    CHECK(items[2].mask == second);
    CHECK(items[3].mask == third);
    CHECK(items[4].mask == fourth);
    CHECK(others.text() == "1 file that is not PNG, JPEG or BMP by name (" +
                               (folder.path() / "Test/bent/4.tif").string() + "), 1 dead link");
    CHECK(list_training_pictures(folder.path()).size() == 1);
    folder.text("Ground_Truth/Bent/2_mask.bmp");
    CHECK(contains(sentence_of([&] { (void)list_test_items(folder.path()); }),
                   "2.png: has two masks, "));
    folder.text("train/good/0.png");
    folder.text("Train/Good/0.png");
    CHECK(list_training_pictures(folder.path())[0] == folder.path() / "train/good/0.png");
}

TEST_CASE("read_masks: several of one picture are one", "[data]") {
    const picture_folder folder;
    image_u8 one{4, 1, 1, {0, 9, 0, 0}}, two{4, 1, 1, {0, 0, 0, 1}};
    folder.picture("m/000.png", one);
    folder.picture("m/001.png", two);
    CHECK(read_masks(folder.path() / "m").pixels == std::vector<std::uint8_t>{0, 255, 0, 255});
    CHECK(read_masks(folder.path() / "m/000.png").pixels ==
          std::vector<std::uint8_t>{0, 255, 0, 0});
    folder.picture("m/002.png", {2, 2, 1, {0, 0, 0, 1}});
    folder.text("m/002.tif");
    CHECK(contains(sentence_of(errc::io, [&] { (void)read_masks(folder.path() / "m"); }),
                   "has more than masks, so one may be missing: 1 file that is not PNG"));
    std::filesystem::remove(folder.path() / "m/002.tif");
    CHECK(contains(sentence_of(errc::value, [&] { (void)read_masks(folder.path() / "m"); }),
                   "002.png: has another size"));
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
