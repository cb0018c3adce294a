// JPEG by libjpeg, strictly: it goes on after damage with a warning, which is an error here.
#pragma once

#include <pfad/io/raster.hpp>

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

// jpeglib.h needs size_t and FILE, and jerror.h the macros of jpeglib.h.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

namespace pfad::detail::system_decoders {

/// libjpeg leaves by longjmp. So every function between setjmp and its calls has trivial objects alone,
/// and what has a destructor stands outside.
class jpeg_reader {
public:
    explicit jpeg_reader(byte_span bytes) {
        info_.err = jpeg_std_error(&errors_);
        info_.client_data = this;
        errors_.error_exit = failed;
        errors_.emit_message = warned;
        if (setjmp(back_))
            return;
        jpeg_create_decompress(&info_);
        jpeg_mem_src(&info_, bytes.data(), static_cast<unsigned long>(bytes.size()));
    }
    jpeg_reader(const jpeg_reader&) = delete;
    jpeg_reader& operator=(const jpeg_reader&) = delete;
    ~jpeg_reader() { jpeg_destroy_decompress(&info_); }

    /// What went wrong.
    [[nodiscard]] const char* problem() const { return problem_; }
    /// Whether that is a file that ends early.
    [[nodiscard]] bool truncated() const { return errors_.msg_code == JWRN_JPEG_EOF; }

    /// Reads up to the pixels. Returns false where it fails.
    bool read_header() {
        if (problem_[0] != '\0' || setjmp(back_))
            return false;
        jpeg_read_header(&info_, TRUE);
        if (info_.jpeg_color_space == JCS_UNKNOWN) {
            std::snprintf(problem_, sizeof problem_, "%d colours that it does not name",
                          info_.num_components);
            return false;
        }
        // Black ink has a channel of its own: CMYK, whose colours mix() makes.
        info_.out_color_space = info_.num_components == 1   ? JCS_GRAYSCALE
                                : info_.num_components == 4 ? JCS_CMYK
                                                            : JCS_RGB;
        jpeg_start_decompress(&info_);
        return true;
    }
    /// Reads the pixels into memory that is large enough.
    bool read_pixels(std::uint8_t* to) {
        if (setjmp(back_))
            return false;
        const std::size_t row = static_cast<std::size_t>(channels()) * info_.output_width;
        while (info_.output_scanline < info_.output_height) {
            JSAMPROW line = to + row * info_.output_scanline;
            jpeg_read_scanlines(&info_, &line, 1);
        }
        jpeg_finish_decompress(&info_);
        return true;
    }

    [[nodiscard]] int channels() const { return info_.output_components; }
    [[nodiscard]] int width() const { return static_cast<int>(info_.output_width); }
    [[nodiscard]] int height() const { return static_cast<int>(info_.output_height); }

private:
    [[noreturn]] static void failed(j_common_ptr info) {
        auto* const self = static_cast<jpeg_reader*>(info->client_data);
        info->err->format_message(info, self->problem_);
        std::longjmp(self->back_, 1);
    }
    static void warned(j_common_ptr info, int level) {
        if (level >= 0)
            return;
        switch (info->err->msg_code) {
        case JWRN_EXTRANEOUS_DATA:
            // Phones and drones write what they like in front of the end.
            if (info->err->msg_parm.i[1] == 0xd9)
                return;
            [[fallthrough]];
        case JWRN_JPEG_EOF:
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_MUST_RESYNC:
        case JWRN_BOGUS_PROGRESSION:
            failed(info);
        default: // of versions and profiles, which change no pixel
            return;
        }
    }

    jpeg_decompress_struct info_ = {};
    jpeg_error_mgr errors_ = {};
    std::jmp_buf back_ = {};
    char problem_[JMSG_LENGTH_MAX] = "";
};

/// RGB of the inks' absence, which is what every CMYK JPEG in use stores, with Adobe's marker or without.
[[nodiscard]] inline std::vector<std::uint8_t> mix(const std::vector<std::uint8_t>& cmyk) {
    std::vector<std::uint8_t> rgb(cmyk.size() / 4 * 3);
    std::uint8_t* to = rgb.data();
    for (const std::uint8_t* from = cmyk.data(); to != rgb.data() + rgb.size(); from += 4)
        for (int i = 0; i < 3; ++i)
            *to++ = static_cast<std::uint8_t>((from[i] * from[3] + 127) / 255);
    return rgb;
}

[[nodiscard]] inline raster
decode_jpeg(const std::string& path, byte_span bytes, const picture_facts& facts) {
    jpeg_reader reader(bytes);
    const auto expect_read = [&](bool ok) {
        if (!ok)
            fail(errc::io, path + (reader.truncated()
                                       ? ": is truncated"
                                       : ": cannot be decoded: " + std::string(reader.problem())));
    };
    expect_read(reader.read_header());
    raster r;
    r.width = reader.width();
    r.height = reader.height();
    r.channels = reader.channels();
    if (r.width != facts.width || r.height != facts.height)
        fail(errc::io, path + ": is a damaged JPEG: it has two sizes");
    r.samples.resize(r.pixels() * static_cast<std::size_t>(r.channels));
    expect_read(reader.read_pixels(r.samples.data()));
    if (r.channels == 4) {
        r.samples = mix(r.samples);
        r.channels = 3;
    }
    return r;
}

} // namespace pfad::detail::system_decoders
