// A folder of a test's own with small pictures in it.
#pragma once

#include "support/sentence.hpp"
#include "support/temporary_folder.hpp"

#include <pfad/io/image.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

/// A picture in which every pixel differs from its neighbours; `variant` makes others.
inline pfad::image_u8 some_picture(int width, int height, int channels, int variant = 0) {
    pfad::image_u8 picture;
    picture.width = width;
    picture.height = height;
    picture.channels = channels;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int k = 0; k < channels; ++k)
                picture.pixels.push_back(static_cast<std::uint8_t>(
                    (x * 37 + y * 91 + k * 53 + x * y * 7 + variant * 71) % 256));
    return picture;
}

class picture_folder : public temporary_folder {
public:
    /// Writes a picture as PNG, whatever its name; makes the folders above it.
    std::filesystem::path picture(const std::string& name, const pfad::image_u8& picture) const {
        const auto file = made(name);
        pfad::write_png(file, picture);
        return file;
    }

    std::filesystem::path text(const std::string& name) const {
        const auto file = made(name);
        std::ofstream(file) << "not a picture\n";
        return file;
    }

private:
    std::filesystem::path made(const std::string& name) const {
        const auto file = path() / name;
        std::filesystem::create_directories(file.parent_path());
        return file;
    }
};

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}
