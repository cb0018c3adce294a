// What is in picture files beside pixels of 8 bits: palettes, masks, orientations, more bits.
#include "io/pictures.hpp"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

using namespace io_test;
using pfad::errc;

TEST_CASE("image: transparency is dropped, 16 bits become 8", "[io]") {
    const temporary_folder folder;
    put_file(folder / "alpha", png_of(2, 8, 6, {{1, 2, 3, 0, 4, 5, 6, 128}}));
    CHECK(pfad::read_picture(folder / "alpha").pixels == bytes{1, 2, 3, 4, 5, 6});
    put_file(folder / "wide", wide_png({0, 3, 0x1234, 0xffff}));
    CHECK(pfad::read_picture(folder / "wide").pixels ==
          bytes{0, 0, 0, 0, 0, 0, 0x12, 0x12, 0x12, 255, 255, 255});
}

TEST_CASE("read_picture: every stored form of a PNG", "[io]") {
    const auto rgb_of = [](const bytes& png) { return pfad::decode_picture(png, "p").pixels; };
    const auto grey = [](const bytes& values) {
        bytes rgb;
        for (const auto value : values)
            rgb.insert(rgb.end(), 3, value);
        return rgb;
    };
    CHECK(rgb_of(png_of(3, 1, 0, {{0x40}})) == grey({0, 255, 0}));
    CHECK(rgb_of(png_of(3, 2, 0, {{0x1b}})) == grey({0, 85, 170}));
    CHECK(rgb_of(png_of(3, 4, 0, {{0x1f, 0x70}})) == grey({17, 255, 119}));
    CHECK(rgb_of(png_of(2, 8, 4, {{9, 0, 8, 255}})) == grey({9, 8}));
    CHECK(rgb_of(png_of(2, 8, 0, {{9, 8}}, {{"tRNS", {0, 9}}})) == grey({9, 8}));
    CHECK(rgb_of(png_of(1, 16, 2, {{0xfe, 1, 2, 3, 4, 5}})) == bytes{0xfe, 2, 4});
    CHECK(rgb_of(png_of(1, 16, 6, {{0xfe, 1, 2, 3, 4, 5, 0, 0}})) == bytes{0xfe, 2, 4});
    const chunk colours{"PLTE", {1, 2, 3, 4, 5, 6, 7, 8, 9}};
    for (const auto& [depth, row] :
         {std::pair(2, bytes{0x84}), {4, bytes{0x20, 0x10}}, {8, bytes{2, 0, 1}}})
        CHECK(rgb_of(png_of(3, depth, 3, {row}, {colours})) == bytes{7, 8, 9, 1, 2, 3, 4, 5, 6});
    CHECK(rgb_of(png_of(2, 8, 3, {{1, 0}}, {colours, {"tRNS", {0, 0, 0}}})) ==
          bytes{4, 5, 6, 1, 2, 3});
    CHECK(sentence_for(png_of(2, 8, 3, {{1, 3}}, {colours})) ==
          "is damaged: it uses colour 3 of a palette of 3");
    CHECK(!sentence_for(png_of(1, 8, 3, {{0}})).empty());
    CHECK(sentence_for(png_of(1, 8, 0, {{0}}, {{"CgBI", {0, 0, 0, 0}}})) ==
          "has a chunk `CgBI`, without which it cannot be understood and which pfad does not know");
}

TEST_CASE("read_picture: EXIF's orientation is applied to pictures, masks and sizes", "[io]") {
    const temporary_folder folder;
    // 1 2 3
    // 4 5 6
    const std::vector<bytes> rows = {{1, 2, 3}, {4, 5, 6}};
    const std::array<bytes, 8> upright = {
        bytes{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
        {1, 4, 2, 5, 3, 6},      {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
    for (int orientation = 1; orientation <= 8; ++orientation)
        for (const bool big : {false, true}) {
            CAPTURE(orientation, big);
            put_file(folder / "p", png_of(3, 8, 0, rows, {{"eXIf", exif_of(orientation, big)}}));
            const auto read = pfad::read_picture(folder / "p");
            const pfad::picture_extent extent{orientation < 5 ? 3 : 2, orientation < 5 ? 2 : 3};
            CHECK(pfad::picture_extent{read.width, read.height} == extent);
            CHECK(pfad::picture_size(folder / "p") == extent);
            const auto& expected = upright[static_cast<std::size_t>(orientation - 1)];
            for (std::size_t i = 0; i < 6; ++i)
                CHECK(read.pixels[3 * i] == expected[i]);
        }
    // A JPEG keeps it in its first segments, a mask turns as its picture does.
    const auto image = ramp(24, 16, 3);
    const bytes plain = jpeg_of(image);
    bytes turned(plain.begin(), plain.begin() + 2);
    bytes exif = bytes_of(std::string_view("Exif\0\0", 6));
    const bytes tiff = exif_of(6, true);
    exif.insert(exif.end(), tiff.begin(), tiff.end());
    turned.insert(turned.end(), {0xff, 0xe1});
    append(turned, static_cast<std::uint32_t>(exif.size() + 2), 2);
    turned.insert(turned.end(), exif.begin(), exif.end());
    turned.insert(turned.end(), plain.begin() + 2, plain.end());
    const auto lying = pfad::decode_picture(plain, "p"), stands = pfad::decode_picture(turned, "p");
    CHECK(stands.width == 16);
    for (int y = 0; y < stands.height; ++y)
        for (int x = 0; x < stands.width; ++x)
            REQUIRE(stands.view().row(y)[3 * x] == lying.view().row(15 - x)[3 * y]);
    put_file(folder / "m", png_of(3, 8, 0, {{0, 0, 9}, {0, 0, 0}}, {{"eXIf", exif_of(6, false)}}));
    const auto mask = pfad::read_mask(folder / "m");
    CHECK(mask.width == 2);
    CHECK(mask.pixels == bytes{0, 0, 0, 0, 0, 255});
    // As a long number, behind JPEG's mark, and of two segments the first that says something.
    bytes wide = exif_of(6, false), marked = bytes_of(std::string_view("Exif\0\0", 6));
    wide[12] = 4;
    marked.insert(marked.end(), wide.begin(), wide.end());
    for (const auto& one : {wide, marked})
        CHECK(pfad::decode_picture(png_of(3, 8, 0, rows, {{"eXIf", one}}), "p").width == 2);
    const std::size_t segment = exif.size() + 4;
    bytes twice(turned.begin(), turned.begin() + 2 + static_cast<std::ptrdiff_t>(segment));
    twice.insert(twice.end(), turned.begin() + 2, turned.end());
    twice[2 + segment + 4 + 6] = 'X'; // the second has no structure
    CHECK(pfad::decode_picture(twice, "p").width == 16);
    // What is damaged or out of range says nothing.
    for (const auto& bad : {bytes{}, bytes_of("MM"), exif_of(9, true), exif_of(0, false),
                            bytes{'I', 'I', 42, 0, 255, 255, 255, 255}})
        CHECK(pfad::decode_picture(png_of(3, 8, 0, rows, {{"eXIf", bad}}), "p").width == 3);
}

TEST_CASE(
    "read_picture: of 16 bits those that count, and a picture that is nearly black is refused",
    "[io]") {
    const auto first = [](const bytes& png, int bits) {
        return pfad::decode_picture(png, "p", {.bits = bits}).pixels[0];
    };
    CHECK(first(wide_png({4095}), 12) == 255);
    CHECK(first(wide_png({2048}), 12) == 128);
    CHECK(first(wide_png({1023}), 10) == 255);
    CHECK(first(wide_png({4095}), 16) == 15);
    CHECK(first(wide_png({0}), 0) == 0);
    CHECK(first(wide_png({1 << 14}), 0) == 64);
    CHECK(sentence_for(wide_png({2032, 3})) ==
          "uses only the lowest 11 of its 16 bits a sample, so it would be almost black; say how "
          "many count, such as --bits 12, or --bits 16 for all");
    CHECK(has(sentence_for(wide_png({16383})), "--bits 14"));
    CHECK(has(sentence_for(wide_png({1})), "--bits 10"));
    // Alpha is no brightness, and values that do not fit are more than an accident.
    CHECK(has(sentence_for(png_of(1, 16, 4, {{0x0f, 0xff, 0xff, 0xff}})), "--bits 12"));
    CHECK(has(sentence_for(png_of(1, 16, 6, {{1, 1, 1, 1, 1, 1, 0xff, 0xff}})), "--bits 10"));
    CHECK(first(wide_png({5000, 17}), 12) == 255);
    CHECK_THROWS_WITH(first(wide_png({5000, 60000, 17}), 12),
                      "p: most of its samples are larger than --bits 12 has room for, up to 60000");
}

TEST_CASE("read_picture: every stored form of a BMP without compression", "[io]") {
    const auto rgb_of = [](const bytes& bmp) { return pfad::decode_picture(bmp, "p").pixels; };
    const bytes palette = {1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0};
    // Blue comes first in the file, and the lowest row.
    CHECK(rgb_of(bmp_file(2, 2, 8, 0, 3, palette, {{2, 0}, {1, 1}})) ==
          bytes{6, 5, 4, 6, 5, 4, 9, 8, 7, 3, 2, 1});
    CHECK(rgb_of(bmp_file(2, -2, 8, 0, 3, palette, {{2, 0}, {1, 1}})) ==
          bytes{9, 8, 7, 3, 2, 1, 6, 5, 4, 6, 5, 4});
    CHECK(rgb_of(bmp_file(3, 1, 4, 0, 3, palette, {{0x21, 0x00}})) ==
          bytes{9, 8, 7, 6, 5, 4, 3, 2, 1});
    CHECK(rgb_of(bmp_file(3, 1, 1, 0, 2, palette, {{0x40}})) == bytes{3, 2, 1, 6, 5, 4, 3, 2, 1});
    CHECK(rgb_of(bmp_file(1, 1, 16, 0, 0, {}, {{0x1f, 0x7c}})) == bytes{255, 0, 255});
    const bytes of_565 = {0, 0xf8, 0, 0, 0xe0, 7, 0, 0, 0x1f, 0, 0, 0};
    CHECK(rgb_of(bmp_file(1, 1, 16, 3, 0, of_565, {{0xe0, 0x07}})) == bytes{0, 255, 0});
    CHECK(rgb_of(bmp_file(1, 1, 32, 0, 0, {}, {{1, 2, 3, 0}})) == bytes{3, 2, 1});
    CHECK(rgb_of(bmp_file(1, 1, 24, 0, 0, bytes(3000), {{1, 2, 3}})) == bytes{3, 2, 1});
    CHECK(sentence_for(bmp_file(2, 1, 8, 0, 3, palette, {{0, 3}})) ==
          "is damaged: it uses colour 3 of a palette of 3");
    CHECK(sentence_for(bmp_file(2, 1, 8, 0, 0, palette, {{0, 200}})) ==
          "is damaged: it uses colour 200 of a palette of 3");
    CHECK(sentence_for(bmp_file(2, 1, 8, 0, 0, {}, {{0, 0}})) ==
          "is a damaged BMP: it has no palette");
    CHECK(sentence_for(bmp_file(2, 1, 8, 1, 3, palette, {{0, 0}})) ==
          "is a compressed BMP, which pfad does not read");
    CHECK(sentence_for(bmp_file(2, 1, 7, 0, 3, palette, {{0, 0}})) ==
          "is a BMP of 7 bits a pixel; pfad reads 1, 4, 8, 16, 24 and 32");
    CHECK(sentence_for(bmp_file(1, 1, 16, 3, 0, bytes(12), {{0xe0, 0x07}})) ==
          "is a damaged BMP: its masks leave no colour");
    for (const bytes& masks : {bytes{0, 0xf8, 0, 0, 0xe0, 0x0f, 0, 0, 0x1f, 0, 0, 0},
                               bytes{0, 0xa8, 0, 0, 0xe0, 0x07, 0, 0, 0x1f, 0, 0, 0},
                               bytes{0, 0xf8, 1, 0, 0xe0, 0x07, 0, 0, 0x1f, 0, 0, 0}})
        CHECK(sentence_for(bmp_file(1, 1, 16, 3, 0, masks, {{0xe0, 0x07}})) ==
              "is a damaged BMP: its masks overlap, have gaps or are too wide");
}

TEST_CASE("read_mask: what counts as a defect", "[io]") {
    const temporary_folder folder;
    const auto mask_of = [&](const bytes& file) {
        put_file(folder / "m", file);
        return pfad::read_mask(folder / "m").pixels;
    };
    const bytes second = {0, 255, 0};
    CHECK(mask_of(png_of(3, 8, 0, {{0, 1, 0}})) == second);
    CHECK(mask_of(wide_png({0, 3, 0})) == second);
    CHECK(mask_of(png_of(3, 1, 0, {{0x40}})) == second);
    // No colour is too dark, and an index of a palette is a label.
    CHECK(mask_of(png_of(3, 8, 2, {{0, 0, 0, 0, 0, 1, 0, 0, 0}})) == second);
    const chunk dark{"PLTE", {0, 0, 0, 0, 0, 1}}, black{"PLTE", {0, 0, 0, 0, 0, 0}};
    CHECK(mask_of(png_of(3, 8, 3, {{0, 1, 0}}, {dark})) == second);
    CHECK(mask_of(png_of(3, 8, 3, {{0, 1, 0}}, {black})) == second);
    // An encoder may sort a palette: white first does not make the background a defect.
    const chunk sorted{"PLTE", {255, 255, 255, 0, 0, 0}};
    CHECK(mask_of(png_of(3, 8, 3, {{1, 0, 1}}, {sorted})) == second);
    // Transparency: white on a layer, any colour on a layer, the layer alone.
    const bytes white = {255, 255, 255, 0, 255, 255, 255, 255, 255, 255, 255, 0};
    CHECK(mask_of(png_of(3, 8, 6, {white})) == second);
    CHECK(mask_of(png_of(3, 8, 6, {{0, 0, 0, 0, 9, 0, 0, 40, 7, 7, 7, 0}})) == second);
    CHECK(mask_of(png_of(3, 8, 6, {{0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0}})) == second);
    CHECK(mask_of(png_of(3, 8, 6, {{0, 0, 0, 255, 8, 0, 0, 255, 0, 0, 0, 255}})) == second);
    CHECK(mask_of(png_of(3, 8, 4, {{0, 255, 1, 255, 0, 255}})) == second);
    // The same of a palette's colours and of BMP's fourth byte, where they say something.
    const chunk red{"PLTE", {255, 0, 0, 255, 255, 255}};
    CHECK(mask_of(png_of(3, 8, 3, {{1, 0, 1}}, {red, {"tRNS", {255, 0}}})) == second);
    CHECK(mask_of(png_of(3, 8, 3, {{0, 1, 0}}, {red, {"tRNS", {255}}})) == second);
    CHECK(mask_of(bmp_file(3, 1, 32, 0, 0, {},
                           {{255, 255, 255, 0, 255, 255, 255, 255, 255, 255, 255, 0}})) == second);
    CHECK(mask_of(bmp_file(3, 1, 32, 0, 0, {}, {{0, 0, 0, 0, 9, 9, 9, 0, 0, 0, 0, 0}})) == second);
    // JPEG's noise around zero is none.
    pfad::image_u8 drawn{48, 48, 1, bytes(48 * 48)};
    for (int y = 20; y < 31; ++y)
        std::fill_n(drawn.pixels.begin() + 48 * y + 13, 17, std::uint8_t(255));
    CHECK(mask_of(jpeg_of(drawn)) == drawn.pixels);
}

TEST_CASE("read_picture: a progressive JPEG without all of its scans is damaged", "[io]") {
    // A frame of one block, a scan of the mean, and one of the other coefficients that leaves a bit out.
    bytes file = {0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0};
    const auto scan = [&](std::uint8_t first, std::uint8_t last, std::uint8_t low) {
        file.insert(file.end(), {0xff, 0xda, 0, 8, 1, 1, 0, first, last, low, 0x55});
    };
    const auto ended = [&] {
        bytes whole = file;
        whole.insert(whole.end(), {0xff, 0xd9});
        return sentence_for(whole);
    };
    const std::string missing = "is a damaged JPEG: scans are missing";
    scan(0, 0, 0);
    CHECK(ended() == missing);
    scan(1, 63, 1);
    CHECK(ended() == missing);
    scan(1, 5, 0x10);
    CHECK(ended() == missing);
    scan(6, 63, 0x10);
    CHECK(ended() != missing);
}
