// PNG by libpng, strictly: a checksum that does not fit or data that ends early is an error.
#pragma once

#include <pfad/io/raster.hpp>

#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace pfad::detail::system_decoders {

/// libpng leaves by longjmp. So every function between setjmp and its calls has trivial objects alone,
/// and what has a destructor stands outside.
class png_reader {
public:
    explicit png_reader(byte_span bytes) : left_(bytes) {
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, failed, ignored);
        info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
        if (info_ == nullptr)
            std::strcpy(problem_,
                        "libpng cannot be used: not enough memory, or of another version");
    }
    png_reader(const png_reader&) = delete;
    png_reader& operator=(const png_reader&) = delete;
    ~png_reader() { png_destroy_read_struct(&png_, &info_, nullptr); }

    /// What went wrong.
    [[nodiscard]] const char* problem() const { return problem_; }

    /// Reads up to the pixels. Returns false where it fails.
    bool read_header() {
        if (info_ == nullptr || setjmp(png_jmpbuf(png_)))
            return false;
        png_set_read_fn(png_, this, give);
        png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
        png_set_benign_errors(png_, 0);
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
        // Colour profiles and texts are not looked at, so what is wrong with them is no matter.
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
        png_read_info(png_, info_);
        const int type = png_get_color_type(png_, info_), depth = png_get_bit_depth(png_, info_);
        if (type == PNG_COLOR_TYPE_PALETTE) {
            png_set_packing(png_);
        } else {
            if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
                png_set_expand_gray_1_2_4_to_8(png_);
            if (png_get_valid(png_, info_, PNG_INFO_tRNS))
                png_set_tRNS_to_alpha(png_);
            if (depth == 16 && std::endian::native == std::endian::little)
                png_set_swap(png_);
        }
        static_cast<void>(png_set_interlace_handling(png_));
        png_read_update_info(png_, info_);
        return true;
    }
    /// Reads the pixels into rows of memory that is large enough, and what is behind them.
    bool read_pixels(png_bytepp rows) {
        if (setjmp(png_jmpbuf(png_)))
            return false;
        png_read_image(png_, rows);
        png_read_end(png_, nullptr);
        return true;
    }

    [[nodiscard]] int channels() const { return png_get_channels(png_, info_); }
    [[nodiscard]] bool wide() const { return png_get_bit_depth(png_, info_) == 16; }
    [[nodiscard]] std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
    [[nodiscard]] std::vector<std::array<std::uint8_t, 3>> palette() const {
        png_colorp colours = nullptr;
        int count = 0;
        std::vector<std::array<std::uint8_t, 3>> result;
        if (png_get_PLTE(png_, info_, &colours, &count) != 0 &&
            png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE)
            for (int i = 0; i < count; ++i)
                result.push_back({colours[i].red, colours[i].green, colours[i].blue});
        return result;
    }

    /// Alpha of the palette's first colours.
    [[nodiscard]] std::vector<std::uint8_t> opacity() const {
        png_bytep alpha = nullptr;
        int count = 0;
        if (png_get_color_type(png_, info_) != PNG_COLOR_TYPE_PALETTE ||
            png_get_tRNS(png_, info_, &alpha, &count, nullptr) == 0 || alpha == nullptr)
            return {};
        return {alpha, alpha + count};
    }

private:
    [[noreturn]] static void failed(png_structp png, png_const_charp what) {
        auto* const self = static_cast<png_reader*>(png_get_error_ptr(png));
        std::strncpy(self->problem_, what, sizeof self->problem_ - 1);
        png_longjmp(png, 1);
    }
    static void ignored(png_structp, png_const_charp) {}
    static void give(png_structp png, png_bytep to, std::size_t size) {
        auto& left = static_cast<png_reader*>(png_get_io_ptr(png))->left_;
        if (size > left.size())
            png_error(png, "its data ends early");
        std::memcpy(to, left.data(), size);
        left = left.subspan(size);
    }

    byte_span left_;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    char problem_[160] = "";
};

[[nodiscard]] inline raster
decode_png(const std::string& path, byte_span bytes, const picture_facts& facts) {
    png_reader reader(bytes);
    const auto expect_read = [&](bool ok) {
        if (!ok)
            fail(errc::io, path + ": cannot be decoded: " + reader.problem());
    };
    expect_read(reader.read_header());
    raster r;
    r.width = static_cast<int>(facts.width);
    r.height = static_cast<int>(facts.height);
    r.channels = reader.channels();
    r.palette = reader.palette();
    r.opacity = reader.opacity();
    const std::size_t count = r.pixels() * static_cast<std::size_t>(r.channels);
    std::vector<png_bytep> rows(static_cast<std::size_t>(r.height));
    const auto point = [&](auto& samples) {
        samples.resize(count);
        for (std::size_t y = 0; y < rows.size(); ++y)
            rows[y] = reinterpret_cast<png_bytep>(samples.data()) + y * reader.row_bytes();
    };
    reader.wide() ? point(r.wide) : point(r.samples);
    expect_read(reader.read_pixels(rows.data()));
    return r;
}

} // namespace pfad::detail::system_decoders
