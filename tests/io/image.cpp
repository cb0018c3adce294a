#include "io/pictures.hpp"

#include <pfad/io/jpeg_huffman.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <random>

using namespace io_test;
using pfad::errc;

namespace {

/// A PNG header that claims an extent, and nothing behind it.
bytes png_header(std::uint32_t width, std::uint32_t height) {
    bytes png = bytes_of("\x89PNG\r\n\x1a\n");
    const auto number = [&](std::uint32_t value) {
        for (const int shift : {24, 16, 8, 0})
            png.push_back(static_cast<std::uint8_t>(value >> shift));
    };
    number(13);
    for (const char c : {'I', 'H', 'D', 'R'})
        png.push_back(static_cast<std::uint8_t>(c));
    number(width);
    number(height);
    for (const int byte : {8, 2, 0, 0, 0, 0, 0, 0, 0})
        png.push_back(static_cast<std::uint8_t>(byte));
    return png;
}

} // namespace

TEST_CASE("image: a PNG comes back bit for bit, grey as RGB", "[io]") {
    const temporary_folder folder;
    const auto rgb = ramp(7, 5, 3), grey = ramp(6, 9, 1);
    pfad::write_png(folder / "rgb", rgb);
    pfad::write_png(folder / "grey", grey);
    CHECK(pfad::read_picture(folder / "rgb").pixels == rgb.pixels);
    CHECK(pfad::picture_size(folder / "rgb") == pfad::picture_extent{7, 5});
    CHECK(std::ranges::equal(pfad::read_mask(folder / "grey").pixels, grey.pixels,
                             [](int mask, int value) { return mask == (value ? 255 : 0); }));
    const auto spread = pfad::read_picture(folder / "grey");
    CHECK(spread.channels == 3);
    CHECK(spread.view().stride == 18);
    for (std::size_t i = 0; i < grey.pixels.size(); ++i)
        for (std::size_t c = 0; c < 3; ++c)
            REQUIRE(spread.pixels[3 * i + c] == grey.pixels[i]);
}

TEST_CASE("image: rows with a stride are written without what lies between", "[io]") {
    const temporary_folder folder;
    const auto whole = ramp(8, 4, 3);
    pfad::picture_view part = whole.view();
    part.width = 5;
    pfad::write_png(folder / "part", part);
    const auto back = pfad::read_picture(folder / "part");
    CHECK(back.width == 5);
    for (int y = 0; y < 4; ++y)
        CHECK(std::equal(part.row(y), part.row(y) + 15, back.view().row(y)));
}

TEST_CASE("image: JPEG and BMP, by content and not by name", "[io]") {
    const temporary_folder folder;
    const auto image = ramp(20, 12, 3);
    put_file(folder / "a.png", bmp_of(image));
    CHECK(pfad::read_picture(folder / "a.png").pixels == image.pixels);
    CHECK(pfad::picture_size(folder / "a.png") == pfad::picture_extent{20, 12});
    pfad::image_u8 flat{20, 12, 3, bytes(720, 100)};
    put_file(folder / "b.bmp", jpeg_of(flat));
    const auto back = pfad::read_picture(folder / "b.bmp");
    CHECK(pfad::picture_size(folder / "b.bmp") == pfad::picture_extent{20, 12});
    CHECK(std::all_of(back.pixels.begin(), back.pixels.end(),
                      [](int value) { return value >= 98 && value <= 102; }));
}

TEST_CASE("image: one pixel is a picture", "[io]") {
    const temporary_folder folder;
    const pfad::image_u8 one{1, 1, 3, {9, 8, 7}};
    pfad::write_png(folder / "p", one);
    CHECK(pfad::read_picture(folder / "p").pixels == one.pixels);
    CHECK(pfad::picture_size(folder / "p") == pfad::picture_extent{1, 1});
    put_file(folder / "j", jpeg_of(one));
    CHECK(pfad::read_picture(folder / "j").width == 1);
    put_file(folder / "b", bmp_of(one));
    CHECK(pfad::read_picture(folder / "b").pixels == one.pixels);
}

TEST_CASE("image: what is no picture is said so", "[io]") {
    CHECK(sentence_for(bytes_of("some notes about pictures\n")) ==
          "is not a PNG, JPEG or BMP picture");
    CHECK(sentence_for({}) == "is not a PNG, JPEG or BMP picture");
    CHECK(sentence_for(bytes_of("GIF89a")) == "is not a PNG, JPEG or BMP picture");
    CHECK(error_of(errc::io, [] { static_cast<void>(pfad::read_picture("no/such.png")); }) ==
          "no/such.png: there is no such file");
    CHECK(error_of(errc::io, [] { static_cast<void>(pfad::picture_size("no/such.png")); }) ==
          "no/such.png: there is no such file");
}

TEST_CASE("image: more than 100 megapixels is refused from the header", "[io]") {
    const temporary_folder folder;
    const std::string expected = "is 20000x20000, more than the 100 megapixels that pfad reads";
    CHECK(sentence_for(png_header(20000, 20000)) == expected);
    CHECK(has(sentence_for(png_header(4294967295u, 4294967295u)), "is 4294967295x4294967295"));
    bytes jpeg = jpeg_of(ramp(16, 16, 3));
    for (std::size_t i = 0; i + 9 < jpeg.size(); ++i)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) {
            for (const std::size_t at : {i + 5, i + 7}) {
                jpeg[at] = 20000 >> 8;
                jpeg[at + 1] = 20000 & 255;
            }
            break;
        }
    CHECK(sentence_for(jpeg) == expected);
    bytes bmp = bmp_of(ramp(4, 4, 3));
    for (const std::size_t at : {std::size_t(18), std::size_t(22)}) {
        bmp[at] = 20000 & 255;
        bmp[at + 1] = 20000 >> 8;
    }
    CHECK(sentence_for(bmp) == expected);
    put_file(folder / "p", png_header(20000, 20000));
    CHECK(has(error_of(errc::io, [&] { static_cast<void>(pfad::picture_size(folder / "p")); }),
              expected));
    CHECK(sentence_for(png_header(0, 5)) == "is truncated");
    const auto small = png_of(4, 8, 0, {bytes(4), bytes(4), bytes(4)});
    CHECK(pfad::decode_picture(small, "p", {.most_pixels = 12}).width == 4);
    CHECK(error_of(errc::io, [&] {
              static_cast<void>(pfad::decode_picture(small, "p", {.most_pixels = 11}));
          }) == "p: is 4x3, more than the 11 pixels that pfad reads");
}

TEST_CASE("read_picture: a PNG whose data is far longer than its pixels is refused", "[io]") {
    const auto with_data = [](std::uint32_t length) {
        bytes png = png_header(1, 1);
        append_chunk(png, "IDAT", bytes(length));
        append_chunk(png, "IEND", {});
        return png;
    };
    CHECK(sentence_for(with_data(70000)) == "has more data than its pixels can be");
    CHECK(has(sentence_for(with_data(1000)), "cannot be decoded"));
}

TEST_CASE("image: a picture cut anywhere is an error", "[io]") {
    const auto image = ramp(24, 18, 3);
    for (const bytes& whole : {pfad::encode_png(image), jpeg_of(image), bmp_of(image)}) {
        CHECK(sentence_for(whole).empty());
        for (std::size_t size = 0; size < whole.size(); size += size < 64 ? 1 : 37) {
            const bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK(!sentence_for(part).empty());
        }
        const bytes last(whole.begin(), whole.end() - 1);
        CHECK(sentence_for(last) == "is truncated");
    }
}

TEST_CASE("image: a thumbnail's end is not the end of the picture", "[io]") {
    const bytes inner = jpeg_of(ramp(8, 8, 3)), outer = jpeg_of(ramp(30, 20, 3));
    bytes whole = {0xff, 0xd8, 0xff, 0xe1};
    whole.push_back(static_cast<std::uint8_t>((inner.size() + 2) >> 8));
    whole.push_back(static_cast<std::uint8_t>(inner.size() + 2));
    whole.insert(whole.end(), inner.begin(), inner.end());
    whole.insert(whole.end(), outer.begin() + 2, outer.end());
    CHECK(sentence_for(whole).empty());
    whole.erase(whole.end() - 100, whole.end());
    CHECK(sentence_for(whole) == "is truncated");
}

TEST_CASE("image: changed bytes give a picture or an error, never a crash", "[io]") {
    const temporary_folder folder;
    const auto image = ramp(24, 18, 3);
    std::mt19937 random(4);
    for (const bytes& whole : {pfad::encode_png(image), jpeg_of(image), bmp_of(image)})
        for (int round = 0; round < 300; ++round) {
            bytes changed = whole;
            // Mostly in the headers, where extents and lengths are.
            const std::size_t range = round % 2 ? changed.size() : 64;
            changed[random() % range] = static_cast<std::uint8_t>(random());
            put_file(folder / "p", changed);
            try {
                const auto read = pfad::read_picture(folder / "p");
                CHECK(static_cast<int>(read.pixels.size()) == read.width * read.height * 3);
            } catch (const pfad::error& e) {
                CHECK(has(e.what(), folder / "p"));
            }
        }
}

TEST_CASE("image: what cannot be encoded is refused, and nothing is written", "[io]") {
    const temporary_folder folder;
    const bytes pixel(4);
    for (const pfad::picture_view view :
         {pfad::picture_view{nullptr, 1, 1, 3, 3}, pfad::picture_view{pixel.data(), 0, 1, 3, 3},
          pfad::picture_view{pixel.data(), 1, 1, 4, 4},
          pfad::picture_view{pixel.data(), 1, 1, 3, 2}})
        CHECK(!error_of(errc::value, [&] { pfad::write_png(folder / "p", view); }).empty());
    CHECK(folder.count() == 0);
}

TEST_CASE("read_picture: a PNG with any one bit flipped is refused", "[io]") {
    // Checksums see what the pixels' format does not: stored data, texts, the checksums themselves.
    const auto whole = png_of(3, 8, 2, {{1, 2, 3, 4, 5, 6, 7, 8, 9}}, {{"tEXt", bytes_of("a")}});
    CHECK(sentence_for(whole).empty());
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
        bytes flipped = whole;
        flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        CAPTURE(bit / 8);
        CHECK(!error_of(errc::io, [&] {
                   static_cast<void>(pfad::decode_picture(flipped, "p"));
               }).empty());
    }
}

TEST_CASE("read_picture: a JPEG whose coded data is cut before its end marker is refused", "[io]") {
    const bytes whole = jpeg_of(ramp(40, 33, 3));
    const auto pixels = pfad::decode_picture(whole, "p").pixels;
    const std::size_t coded = whole.size() * 2 / 3;
    int refused = 0;
    for (std::size_t size = coded; size < whole.size() - 2; size += 3) {
        bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        cut.insert(cut.end(), {0xff, 0xd9});
        pfad::image_u8 read;
        const auto problem = error_of(errc::io, [&] { read = pfad::decode_picture(cut, "p"); });
        refused += !problem.empty();
        // What remains may only lack bits that fill the last byte.
        if (problem.empty())
            CHECK(read.pixels == pixels);
    }
    CHECK(refused > 50);
}

TEST_CASE("read_picture: JPEGs as cameras write them", "[io]") {
    const bytes whole = jpeg_of(ramp(40, 33, 3));
    const auto pixels = pfad::decode_picture(whole, "p").pixels;
    bytes with_junk(whole.begin(), whole.end() - 2);
    for (int i = 0; i < 300; ++i)
        with_junk.push_back(i % 2 ? 0x12 : 0x34);
    with_junk.insert(with_junk.end(), {0xff, 0xd9, 1, 2, 3});
    CHECK(pfad::decode_picture(with_junk, "p").pixels == pixels);
    // Motion JPEG leaves out the usual tables, which are those that stb writes.
    const auto tables_of = [](const bytes& segments) {
        std::map<int, bytes> tables;
        for (std::size_t at = 4; at < segments.size();) {
            const std::size_t symbols =
                std::accumulate(&segments[at + 1], &segments[at + 17], std::size_t(0));
            const auto first = segments.begin() + static_cast<std::ptrdiff_t>(at + 1);
            tables[segments[at]] = bytes(first, first + static_cast<std::ptrdiff_t>(16 + symbols));
            at += 17 + symbols;
        }
        return tables;
    };
    constexpr std::array<std::uint8_t, 2> define{0xff, 0xc4};
    const auto written = std::search(whole.begin(), whole.end(), define.begin(), define.end());
    const std::ptrdiff_t size = 2 + (written[2] << 8) + written[3];
    CHECK(tables_of(pfad::detail::usual_huffman_tables()) ==
          tables_of(bytes(written, written + size)));
    const bytes bare = without_segments(whole, 0xc4);
    CHECK(bare.size() < whole.size());
    CHECK(pfad::decode_picture(bare, "p").pixels == pixels);
    CHECK(!sentence_for(without_segments(whole, 0xdb)).empty());

    bytes twelve = whole, arithmetic = whole, lossless = whole;
    for (std::size_t i = 0; i + 9 < whole.size(); ++i)
        if (whole[i] == 0xff && whole[i + 1] == 0xc0) {
            twelve[i + 4] = 12;
            lossless[i + 1] = 0xc3;
            arithmetic[i + 1] = 0xc9;
            break;
        }
    CHECK(sentence_for(twelve) == "has 12 bits a sample; of a JPEG pfad reads 8");
    CHECK(sentence_for(lossless) == "is a lossless or hierarchical JPEG, which pfad does not read");
#ifndef PFAD_SYSTEM_CODECS
    CHECK(has(sentence_for(arithmetic), "is coded arithmetically"));
#endif

    // One scan over and over: a small file that would take for ever.
    constexpr std::array<std::uint8_t, 2> start{0xff, 0xda};
    const auto scan = std::search(whole.begin(), whole.end(), start.begin(), start.end());
    bytes many(whole.begin(), scan);
    for (int i = 0; i < 501; ++i)
        many.insert(many.end(), scan, whole.end() - 2);
    many.insert(many.end(), {0xff, 0xd9});
    CHECK(sentence_for(many) == "has more than 500 scans");
}

TEST_CASE("image: the cases from the field", "[io]") {
    const char* const shared = std::getenv("PFAD_SHARED_DIR");
    const std::filesystem::path cases = std::filesystem::path(shared ? shared : "") / "cases";
    if (!std::filesystem::is_directory(cases))
        return; // as for all tests of real pictures
    const auto picture = [&](const char* name) {
        return pfad::read_picture(cases / "pictures" / name).pixels;
    };
    CHECK(picture("cmyk_noadobe.jpg") == picture("cmyk.jpg"));
    CHECK(picture("junk_before_eoi.jpg") == picture("whole.jpg"));
    CHECK(picture("nodht.jpg") == picture("whole.jpg"));
    CHECK(picture("grey8_gap2000.bmp") == picture("grey8.bmp"));
    CHECK(pfad::picture_size(cases / "pictures" / "orient6.jpg") ==
          pfad::picture_size(cases / "pictures" / "plain.jpg"));
    for (const char* const damaged :
         {"cut_with_eoi.jpg", "crc_stored_bit.png", "grey8_short_palette.bmp", "grey16_12bit.png"})
        CHECK(!error_of(errc::io, [&] { static_cast<void>(picture(damaged)); }).empty());
    const auto expected = pfad::read_mask(cases / "masks" / "rgb_red255.png").pixels;
    CHECK(std::ranges::count(expected, 255) == 400);
    for (const char* const name : {"mask.jpg", "palette_dark.png", "rgb_blue8.png",
                                   "rgba_white_transparent.png", "value1.png"})
        CHECK(pfad::read_mask(cases / "masks" / name).pixels == expected);
}
