// Pictures into a video file.
#pragma once

#include "support/video_file.hpp"

#include <pfad/io/file.hpp>

#include <fcntl.h>
#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>
#include <sys/file.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace program {

/// The codec of a video file by its name; none where the name is not that of a video.
[[nodiscard]] inline std::optional<int> codec_of(const std::filesystem::path& path) {
    const auto kind = path.extension();
    if (kind == ".avi" || kind == ".mkv")
        return cv::VideoWriter::fourcc('M', 'J', 'P', 'G');
    if (kind == ".mp4")
        return cv::VideoWriter::fourcc('m', 'p', '4', 'v');
    return {};
}

/// A video that appears under its name when it is closed, whole or not at all.
class recording {
public:
    explicit recording(const std::string& path)
        : path_(pfad::detail::behind_links(path)),
          temporary_(path_.parent_path() /
                     (path_.stem().string() + '.' + std::to_string(::getpid()) + "-0.tmp" +
                      path_.extension().string())) {}
    recording(const recording&) = delete;
    recording& operator=(const recording&) = delete;
    ~recording() { discard(); }

    /// A frame, of the first one's size. BGR.
    void add(const cv::Mat& picture, double rate) {
        if (count_ == 0) {
            size_ = picture.size();
            if (!writer_.open(temporary_.string(), cv::CAP_FFMPEG, codec_of(path_).value(), rate,
                              size_))
                pfad::fail(pfad::errc::io, path_.string() + ": cannot be written");
            // As atomic_file holds its own, so that remove_leftovers() sees that it is in use.
            held_.emplace(::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC));
            ::flock(held_->number(), LOCK_EX);
        }
        if (picture.size() != size_)
            pfad::fail(pfad::errc::value, path_.string() +
                                              ": a picture has another size than those before it; "
                                              "choose a folder for results");
        writer_.write(picture);
        ++count_;
    }

    /// Does nothing where there was no frame. Returns their number.
    std::int64_t close() {
        if (count_ == 0)
            return 0;
        writer_.release();
        // OpenCV does not tell of a write that failed. What is missing then is in the file's length.
        const auto whole = whole_size(temporary_.string());
        if (!whole || *whole == 0 || *whole != std::filesystem::file_size(temporary_) ||
            ::fsync(held_->number()) != 0) {
            discard();
            pfad::fail(pfad::errc::io,
                       path_.string() + ": cannot be written, the disk may be full");
        }
        pfad::detail::take_mode_and_owner(held_->number(), path_.string());
        std::error_code problem;
        std::filesystem::rename(temporary_, path_, problem);
        if (problem) {
            discard();
            pfad::fail(pfad::errc::io,
                       path_.string() + ": cannot be written: " + problem.message());
        }
        return count_;
    }

private:
    void discard() {
        writer_.release();
        std::error_code ignored;
        std::filesystem::remove(temporary_, ignored);
    }

    std::filesystem::path path_, temporary_;
    cv::VideoWriter writer_;
    std::optional<pfad::detail::descriptor> held_; ///< the temporary file
    cv::Size size_;
    std::int64_t count_ = 0;
};

} // namespace program
