#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/io/picture_view.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using namespace pfad;
using bytes = std::vector<std::uint8_t>;

namespace {

bytes row_of(const picture_view& view, int y) {
    bytes buffer;
    const auto* const row = plain_row(view, y, buffer);
    return {row, row + view.width * (view.channels() == 1 ? 1 : 3)};
}

} // namespace

TEST_CASE("picture_view: every format becomes grey or RGB", "[io]") {
    const bytes p = {1, 2, 3, 4, 5, 6, 7, 8, 99, 11, 12, 13, 14, 15, 16, 17, 18, 99}; // rows of 9
    const auto second = [&](pixel_format format, int width) {
        return row_of({p.data(), width, 2, format, 9}, 1);
    };
    CHECK(second(pixel_format::grey, 3) == bytes{11, 12, 13});
    CHECK(second(pixel_format::rgb, 2) == bytes{11, 12, 13, 14, 15, 16});
    CHECK(second(pixel_format::bgr, 2) == bytes{13, 12, 11, 16, 15, 14});
    CHECK(second(pixel_format::rgba, 2) == bytes{11, 12, 13, 15, 16, 17});
    CHECK(second(pixel_format::bgra, 2) == bytes{13, 12, 11, 17, 16, 15});
    const picture_view plain(p.data(), 2, 2, 3, 9);
    bytes buffer;
    CHECK(plain.plain());
    CHECK(plain_row(plain, 1, buffer) == p.data() + 9); // where it lies
    CHECK_FALSE(picture_view(p.data(), 2, 2, 4, 9).plain());
}

TEST_CASE("picture_view: of 16 bits the upper 8 count", "[io]") {
    const std::vector<std::uint16_t> p = {0, 255, 256, 0x1234, 0xffff, 0x0fff, 7};
    const picture_view grey(p.data(), 7, 1, pixel_format::grey, 14);
    CHECK(row_of(grey, 0) == bytes{0, 0, 1, 0x12, 255, 0x0f, 0});
    const picture_view of_12(p.data(), 7, 1, pixel_format::grey, 14, 12);
    CHECK(row_of(of_12, 0) == bytes{0, 15, 16, 255, 255, 255, 0}); // beyond 12 bits: the largest
    const picture_view bgr(p.data(), 2, 1, pixel_format::bgr, 12);
    CHECK(row_of(bgr, 0) == bytes{1, 0, 0, 0x0f, 255, 0x12});
    CHECK(bgr.bytes_per_pixel() == 6);

    // At an odd address, as in the middle of a message.
    bytes message(15);
    std::memcpy(message.data() + 1, p.data(), 14);
    picture_view odd(p.data(), 7, 1, pixel_format::grey, 14);
    odd.data = message.data() + 1;
    CHECK(row_of(odd, 0) == row_of(grey, 0));
}

TEST_CASE("picture_view: a window is a part of the same pixels", "[io]") {
    const auto picture = some_picture(9, 7, 4);
    const auto part = picture.view().window(3, 2, 5, 4);
    CHECK(part.data == picture.pixels.data() + (2 * 9 + 3) * 4);
    CHECK(part.width == 5);
    CHECK(part.height == 4);
    CHECK(part.stride == 36);
    CHECK(part.format == pixel_format::rgba);
}

TEST_CASE("picture_view: its channels are 1, 3 or 4", "[io]") {
    const std::uint8_t pixel[8] = {};
    for (const int channels : {-1, 0, 2, 5})
        CHECK(sentence_of(errc::value, [&] { (void)picture_view(pixel, 1, 1, channels, 8); }) ==
              "picture_view: a picture has 1, 3 or 4 channels, not " + std::to_string(channels));
}
