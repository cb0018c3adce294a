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
        "ng/1.png: its mask is missing; looked for 1_mask.png, 1.png"));
    CHECK(contains(
        sentence_of([&] { (void)list_labelled_folders(good, bad, folder.path() / "none"); }),
        "none: there is no such folder"));
}

TEST_CASE("labelled: fields of CSV with quotes, line breaks and blanks", "[data]") {
    const auto rows = parse_csv("x", "path, label\r\n\r\n\"a,\"\"b\"\".png\" ,good\n"
                                     "\"two\nlines\",\n ,\"\"");
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].fields == std::vector<std::string>{"path", "label"});
    CHECK(rows[1].fields == std::vector<std::string>{"a,\"b\".png", "good"});
    CHECK(rows[1].line == 3);
    CHECK(rows[2].fields == std::vector<std::string>{"two\nlines", ""});
    CHECK(rows[3].fields == std::vector<std::string>{"", ""});
    CHECK(rows[3].line == 6);
    CHECK(parse_csv("x", "").empty());
    // Commas within quotes separate nothing, and a carriage return alone ends a line.
    const auto old = parse_csv("x", "\"a,b,c\";d\re;f\r");
    REQUIRE(old.size() == 2);
    CHECK(old[0].fields == std::vector<std::string>{"a,b,c", "d"});
    CHECK(old[1].fields == std::vector<std::string>{"e", "f"});
    CHECK(contains(sentence_of([] { (void)parse_csv("x", "a\n\"b\n"); }), "x: line 2: a quote"));
}

TEST_CASE("labelled: CSV as programs of all countries write it", "[data]") {
    const picture_folder folder;
    folder.text("a;b.png");
    folder.text("\xc3\xa4.png");
    const auto kinds = [&](const std::string& text) {
        std::ofstream(folder / "list.csv", std::ios::binary) << text;
        std::string found;
        for (const auto& item : list_labelled_csv(folder / "list.csv"))
            found += item.kind + " " + item.picture.filename().string() + "\n";
        return found;
    };
    const std::string expected = "good a;b.png\nbad \xc3\xa4.png\n";
    CHECK(kinds("path,label\na;b.png,good\n\xc3\xa4.png,bad\n") == expected);
    CHECK(kinds("Path;LABEL\r\n\"a;b.png\";OK\r\n\xc3\xa4.png;NG\r\n") == expected);
    CHECK(kinds("path\tlabel\na;b.png\tnormal\n\xc3\xa4.png\tdefect\n") == expected);
    CHECK(kinds("\xef\xbb\xbfpath;label\n\"a;b.png\";good\n\xc3\xa4.png;bad\n") == expected);
    const std::u16string wide = u"path,label\r\na;b.png,good\r\n\u00e4.png,bad\r\n";
    for (const bool big : {false, true}) {
        std::string text = big ? "\xfe\xff" : "\xff\xfe";
        for (const char16_t c : wide)
            for (const int shift : {big ? 8 : 0, big ? 0 : 8})
                text += static_cast<char>(c >> shift);
        CHECK(kinds(text) == expected);
        CHECK(contains(complaint(folder, text + "x"), "odd number of bytes"));
    }
    CHECK(contains(complaint(folder, std::string("path,label\0\n", 12)), "it has zero bytes"));
    CHECK(text_of("x", byte_span(reinterpret_cast<const std::uint8_t*>("\xff\xfe\x3d\xd8\x00\xde"),
                                 6)) == "\xf0\x9f\x98\x80");
    CHECK(contains(complaint(folder, "\xff\xfe\x3d\xd8"), "damaged text in UTF-16"));
    CHECK(contains(complaint(folder, "\xef\xbb\xbf\xff\xfe"
                                     "a"),
                   "lists no picture"));
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
    CHECK(contains(complaint(folder, "path\na.png\n"),
                   "its first line has no column `label`, but `path`"));
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
    CHECK(contains(complaint(folder, "path,label\na.png,bad\nm.png,bad\n./a.png,good\n"),
                   "line 4: lists the picture of line 2 again"));
    folder.text("c.png");
    for (const char* rest : {"a.png,bad,\nc.png,bad,m.png\n", "a.png,bad,m.png\nc.png,bad,\n"})
        CHECK(contains(complaint(folder, std::string("path,label,mask\n") + rest),
                       "line 3: bad pictures with a mask and without"));
}
