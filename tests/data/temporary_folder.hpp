// A folder of a test's own, removed at its end, and small pictures to put into it.
#pragma once

#include <pfad/io/image.hpp>

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
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

class temporary_folder {
public:
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "pfad_test_XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("cannot make a temporary folder");
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }

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
        const auto file = path_ / name;
        std::filesystem::create_directories(file.parent_path());
        return file;
    }

    std::filesystem::path path_;
};

/// The sentence of the pfad::error that f() throws, or "" where it throws none.
template <class F>
std::string sentence_of(F&& f) {
    try {
        f();
    } catch (const pfad::error& failure) {
        return failure.what();
    }
    return "";
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}
