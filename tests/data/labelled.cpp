#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/labelled.hpp>

#include <fstream>

using namespace pfad;
using namespace pfad::data;

namespace {

/// What list_labelled_csv() says of a file with this text.
std::string complaint(const picture_folder& folder, const std::string& text) {
    std::ofstream(folder / "list.csv") << text;
    return sentence_of(errc::io, [&] { (void)list_labelled_csv(folder / "list.csv"); });
}

} // namespace

TEST_CASE("labelled: a folder of good and one of bad pictures, with masks and without", "[data]") {
    const picture_folder folder;
    const auto good = folder.text("ok/b.jpg").parent_path();
    const auto bad = folder.text("ng/1.png").parent_path();
    folder.text("ng/0.BMP");
    folder.text("ng/notes.txt");
    const auto first = folder.text("shape/0_mask.png"), second = folder.text("shape/1.png");

    auto items = list_labelled_folders(good, bad, {});
    REQUIRE(items.size() == 3);
    CHECK_FALSE(items[0].anomalous());
    CHECK(items[1].anomalous());
    CHECK(items[1].mask.empty());

    items = list_labelled_folders(good, bad, folder.path() / "shape");
    REQUIRE(items.size() == 3);
    CHECK(items[0].mask.empty());
    CHECK(items[1].mask == first);
    CHECK(items[2].mask == second);

    std::filesystem::remove(second);
    CHECK(contains(
        sentence_of([&] { (void)list_labelled_folders(good, bad, folder.path() / "shape"); }),
        "ng/1.png: its mask is missing, "));
    CHECK(contains(
        sentence_of([&] { (void)list_labelled_folders(good, bad, folder.path() / "none"); }),
        "none: there is no such folder"));
}

TEST_CASE("labelled: fields of CSV with quotes, line breaks and blanks", "[data]") {
    const auto rows = parse_csv("x", "\xef\xbb\xbfpath, label\r\n\r\n\"a,\"\"b\"\".png\" ,good\n"
                                     "\"two\nlines\",\n ,\"\"");
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].fields == std::vector<std::string>{"path", "label"});
    CHECK(rows[1].fields == std::vector<std::string>{"a,\"b\".png", "good"});
    CHECK(rows[1].line == 3);
    CHECK(rows[2].fields == std::vector<std::string>{"two\nlines", ""});
    CHECK(rows[3].fields == std::vector<std::string>{"", ""});
    CHECK(rows[3].line == 6);
    CHECK(parse_csv("x", "").empty());
    CHECK(contains(sentence_of([] { (void)parse_csv("x", "a\n\"b\n"); }), "x: line 2: a quote"));
}

TEST_CASE("labelled: a CSV file's columns in any order, its paths beside it", "[data]") {
    const picture_folder folder;
    const auto good = folder.text("list/a.png"), bad = folder.text("b.png");
    const auto mask = folder.text("list/m/b.png");
    std::ofstream(folder / "list/list.csv")
        << "mask,label,line,path\n,good,1,a.png\nm/b.png,bad,1," << bad.string() << "\n";
    const auto items = list_labelled_csv(folder / "list/list.csv");
    REQUIRE(items.size() == 2);
    CHECK(items[0].picture == good);
    CHECK_FALSE(items[0].anomalous());
    CHECK(items[1].picture == bad);
    CHECK(items[1].mask == mask);

    std::ofstream(folder / "list.csv") << "path,label\nb.png,bad\nlist/a.png,good\n";
    CHECK(list_labelled_csv(folder / "list.csv")[0].mask.empty());
}

TEST_CASE("labelled: what is wrong with a CSV file is said with its line", "[data]") {
    const picture_folder folder;
    folder.text("a.png");
    folder.text("m.png");
    CHECK(contains(complaint(folder, ""), "list.csv: lists no picture"));
    CHECK(contains(complaint(folder, "path,label\n"), "list.csv: lists no picture"));
    CHECK(contains(complaint(folder, "path\na.png\n"), "its first line has no column `label`"));
    CHECK(contains(complaint(folder, "a.png,good\na.png,good\n"), "has no column `path`"));
    CHECK(contains(complaint(folder, "path,label,path\na.png,good,\n"), "`path` twice"));
    CHECK(contains(complaint(folder, "path,label\na.png\n"), "line 2: has 1 fields"));
    CHECK(contains(complaint(folder, "path,label\n,good\n"), "line 2: the path is empty"));
    CHECK(contains(complaint(folder, "path,label\n\na.png,0\n"), "line 3: the label is `0`"));
    CHECK(contains(complaint(folder, "path,label\nb.png,bad\n"), "line 2: there is no file"));
    CHECK(
        contains(complaint(folder, "path,label,mask\na.png,bad,b\n"), "line 2: there is no file"));
    CHECK(contains(complaint(folder, "path,label,mask\na.png,good,m.png\n"),
                   "line 2: a good picture has no mask"));
    for (const char* rest : {"a.png,bad,\na.png,bad,m.png\n", "a.png,bad,m.png\na.png,bad,\n"})
        CHECK(contains(complaint(folder, std::string("path,label,mask\n") + rest),
                       "line 3: bad pictures with a mask and without"));
}
