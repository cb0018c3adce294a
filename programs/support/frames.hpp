// Where pfad_opencv_inspect gets its pictures from: files, a video, a camera.
#pragma once

#include "support/video_file.hpp"

#include <pfad/data/files.hpp>
#include <pfad/io/image.hpp>

#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace program {

/// A picture that its source owns, until the next one is asked for.
struct frame {
    std::string name;           ///< for people
    std::filesystem::path file; ///< what its results are named after
    pfad::picture_view picture;
};

/// Pictures one after the other.
struct frame_source {
    virtual ~frame_source() = default;
    /// Returns false at the end.
    virtual bool next(frame& f) = 0;
    /// Throws errc::io where next() returned false before the source's proper end.
    virtual void expect_end() const {}
    /// Frames a second; 0 for single pictures.
    [[nodiscard]] virtual double rate() const { return 0; }
};

/// Picture files, read as pfad_train reads them.
class picture_files final : public frame_source {
public:
    picture_files(std::vector<std::filesystem::path> paths, const pfad::picture_options& reading)
        : paths_(std::move(paths)), reading_(reading) {}

    bool next(frame& f) override {
        if (at_ == paths_.size())
            return false;
        const auto& path = paths_[at_++];
        picture_ = pfad::read_picture(path.string(), reading_);
        f = {path.string(), path, picture_};
        return true;
    }

private:
    std::vector<std::filesystem::path> paths_;
    pfad::picture_options reading_;
    std::size_t at_ = 0;
    pfad::image_u8 picture_;
};

/// Frames that OpenCV captures. They stay where they are: a cv::Mat is seen as a picture_view.
class captured_frames final : public frame_source {
public:
    /// Of a camera, by OpenCV's number. It has no end but that the caller stops.
    explicit captured_frames(int camera)
        : name_("camera " + std::to_string(camera)), stem_("camera" + std::to_string(camera)),
          endless_(true) {
        if (!capture_.open(camera))
            pfad::fail(pfad::errc::io, name_ + ": cannot be opened");
    }
    /// Of a video file.
    explicit captured_frames(const std::string& video)
        : name_(video), stem_(std::filesystem::path(video).stem().string()) {
        const std::uint64_t size = std::filesystem::file_size(video);
        const auto whole = whole_size(video);
        if (whole && *whole > size)
            cut_ = video + ": is truncated, " + std::to_string(size) + " of at least " +
                   std::to_string(*whole) + " bytes are there: ";
        // No other of OpenCV's readers: the options that silence_opencv() sets are FFmpeg's.
        if (!capture_.open(video, cv::CAP_FFMPEG))
            pfad::fail(pfad::errc::io, cut_.empty() ? video + ": is no video that OpenCV reads"
                                                    : cut_ + "no frame of it can be read");
        // Upright, as pictures are. OpenCV 4.6 by itself turns the wrong way: its angle is the other one.
        capture_.set(cv::CAP_PROP_ORIENTATION_AUTO, 0);
        degrees_ = static_cast<int>(capture_.get(cv::CAP_PROP_ORIENTATION_META));
        if (CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR == 6)
            degrees_ = (360 - degrees_) % 360;
    }

    bool next(frame& f) override {
        if (!capture_.read(mat_))
            return false;
        if (mat_.type() != CV_8UC3)
            pfad::fail(pfad::errc::unsupported, name_ + ": its frames are not BGR in 8 bits");
        for (const auto& [degrees, turn] : {std::pair(90, cv::ROTATE_90_CLOCKWISE),
                                            {180, cv::ROTATE_180},
                                            {270, cv::ROTATE_90_COUNTERCLOCKWISE}})
            if (degrees_ == degrees)
                cv::rotate(mat_, turned_, turn);
        const cv::Mat& upright = turned_.empty() ? mat_ : turned_;
        char number[24];
        std::snprintf(number, sizeof number, "_%06lld", static_cast<long long>(++count_));
        f.name = name_ + " frame " + std::to_string(count_);
        f.file = stem_ + number;
        f.picture = {upright.data, upright.cols, upright.rows, pfad::pixel_format::bgr,
                     static_cast<std::ptrdiff_t>(upright.step)};
        return true;
    }
    void expect_end() const override {
        if (endless_)
            pfad::fail(pfad::errc::io,
                       name_ + ": gives no frame after " + std::to_string(count_) + " of them");
        if (cut_.empty() && count_ == 0)
            pfad::fail(pfad::errc::io, name_ + ": has no frame that OpenCV reads");
        if (cut_.empty())
            return;
        // The head knows the number, or lets it be estimated.
        const auto claimed = static_cast<std::int64_t>(capture_.get(cv::CAP_PROP_FRAME_COUNT));
        const std::string next = std::to_string(count_ + 1);
        pfad::fail(pfad::errc::io,
                   cut_ + (claimed > count_ ? "frame " + next + " of " + std::to_string(claimed) +
                                                  " is not whole"
                                            : "there is no whole frame " + next));
    }
    /// 25 where the source does not know.
    [[nodiscard]] double rate() const override {
        const double rate = capture_.get(cv::CAP_PROP_FPS);
        return rate >= 1 && rate <= 1000 ? rate : 25;
    }

private:
    cv::VideoCapture capture_;
    std::string name_, stem_;
    bool endless_ = false;
    std::string cut_; ///< the beginning of the sentence; empty where nothing is known to be missing
    std::int64_t count_ = 0;
    int degrees_ = 0; ///< clockwise, until a frame is upright
    cv::Mat mat_, turned_;
};

} // namespace program
