#include "io/files.hpp"

#include <pfad/io/image.hpp>

#include <random>

using namespace io_test;
using pfad::errc;

namespace {

/// A grey or RGB ramp with some noise, so that no two rows are alike.
pfad::image_u8 ramp(int width, int height, int channels) {
    pfad::image_u8 image{width, height, channels, {}};
    std::mt19937 random(3);
    for (int i = 0; i < width * height * channels; ++i)
        image.pixels.push_back(static_cast<std::uint8_t>(i * 2 + static_cast<int>(random() % 9)));
    return image;
}

void take(void* to, void* data, int size) {
    const auto* const from = static_cast<const std::uint8_t*>(data);
    auto* const all = static_cast<bytes*>(to);
    all->insert(all->end(), from, from + size);
}
bytes jpeg_of(const pfad::image_u8& image) {
    bytes result;
    stbi_write_jpg_to_func(take, &result, image.width, image.height, image.channels,
                           image.pixels.data(), 90);
    return result;
}
bytes bmp_of(const pfad::image_u8& image) {
    bytes result;
    stbi_write_bmp_to_func(take, &result, image.width, image.height, image.channels,
                           image.pixels.data());
    return result;
}
bytes rgba_png(const std::vector<std::uint8_t>& pixels, int width, int height) {
    bytes result;
    stbi_write_png_to_func(take, &result, width, height, 4, pixels.data(), width * 4);
    return result;
}

/// An uncompressed 16-bit grey PNG of one row; stb checks neither checksum.
bytes wide_png(const std::vector<int>& values) {
    bytes rows = {0};
    for (const int value : values) {
        rows.push_back(static_cast<std::uint8_t>(value >> 8));
        rows.push_back(static_cast<std::uint8_t>(value));
    }
    const auto length = static_cast<std::uint8_t>(rows.size());
    const auto inverse = static_cast<std::uint8_t>(~length);
    bytes png = bytes_of("\x89PNG\r\n\x1a\n");
    const auto chunk = [&](const char* type, const bytes& data) {
        for (const int shift : {24, 16, 8, 0})
            png.push_back(static_cast<std::uint8_t>(data.size() >> shift));
        png.insert(png.end(), type, type + 4);
        png.insert(png.end(), data.begin(), data.end());
        png.insert(png.end(), 4, 0);
    };
    chunk("IHDR", {0, 0, 0, static_cast<std::uint8_t>(values.size()), 0, 0, 0, 1, 16, 0, 0, 0, 0});
    bytes stream = {0x78, 0x01, 1, length, 0, inverse, 255};
    stream.insert(stream.end(), rows.begin(), rows.end());
    stream.insert(stream.end(), 4, 0);
    chunk("IDAT", stream);
    chunk("IEND", {});
    return png;
}

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

std::string sentence_for(const bytes& content, const std::string& name = "p.png") {
    const temporary_folder folder;
    const std::string path = folder / name;
    put_file(path, content);
    const std::string text =
        error_of(errc::io, [&] { static_cast<void>(pfad::read_picture(path)); });
    if (text.empty())
        return text;
    REQUIRE(text.starts_with(path + ": "));
    return text.substr(path.size() + 2);
}

} // namespace

TEST_CASE("image: a PNG comes back bit for bit, grey as RGB", "[io]") {
    const temporary_folder folder;
    const auto rgb = ramp(7, 5, 3), grey = ramp(6, 9, 1);
    pfad::write_png(folder / "rgb", rgb);
    pfad::write_png(folder / "grey", grey);
    CHECK(pfad::read_picture(folder / "rgb").pixels == rgb.pixels);
    CHECK(pfad::picture_size(folder / "rgb") == pfad::picture_extent{7, 5});
    CHECK(pfad::read_mask(folder / "grey").pixels == grey.pixels);
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

TEST_CASE("image: transparency is dropped, 16 bits become 8", "[io]") {
    const temporary_folder folder;
    put_file(folder / "alpha", rgba_png({1, 2, 3, 0, 4, 5, 6, 128}, 2, 1));
    CHECK(pfad::read_picture(folder / "alpha").pixels == bytes{1, 2, 3, 4, 5, 6});
    put_file(folder / "wide", wide_png({0, 3, 0x1234, 0xffff}));
    CHECK(pfad::read_picture(folder / "wide").pixels ==
          bytes{0, 0, 0, 0, 0, 0, 0x12, 0x12, 0x12, 255, 255, 255});
    // In a mask no label becomes background.
    CHECK(pfad::read_mask(folder / "wide").pixels == bytes{0, 1, 0x12, 255});
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
}

TEST_CASE("read_picture: a PNG whose data is far longer than its pixels is refused", "[io]") {
    const auto with_data = [](std::uint32_t length) {
        bytes png = png_header(1, 1);
        const auto chunk = [&](std::uint32_t size, const char* type) {
            for (const int shift : {24, 16, 8, 0})
                png.push_back(static_cast<std::uint8_t>(size >> shift));
            png.insert(png.end(), type, type + 4);
            png.resize(png.size() + size + 4);
        };
        chunk(length, "IDAT");
        chunk(0, "IEND");
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
