// pfad_opencv_inspect: a folder of pictures, a video or a camera, live in a window or into files. Frames
// of OpenCV are inspected where they lie.
#include "session/options.hpp"
#include "support/findings.hpp"
#include "support/frames.hpp"
#include "support/recording.hpp"
#include "support/stop_signals.hpp"
#include "support/window.hpp"

#include <pfad/data/files.hpp>
#include <pfad/report/heat_map.hpp>

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>

#include <cstdlib>

namespace {

struct arguments {
    std::string model, source, out;
    std::optional<int> camera;
    double threshold = 0;
    bool window = false;
    program::reading_options reading;
    program::device_options device;
};

/// Errors are ours to tell. And a frame that is known to be cut is no frame.
void silence_opencv() {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    ::setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
    ::setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "fflags;discardcorrupt", 0);
}

/// The files that are read, so that none of them is written.
std::vector<std::filesystem::path> files_of(const arguments& a) {
    if (a.camera)
        return {};
    std::error_code ignored;
    if (std::filesystem::is_directory(a.source, ignored)) {
        pfad::data::passed_over others;
        auto pictures = pfad::data::list_pictures(a.source, &others);
        program::note_passed_over(others);
        return pictures;
    }
    if (!std::filesystem::is_regular_file(a.source, ignored))
        pfad::fail(pfad::errc::io, a.source + ": there is no such folder or file");
    return {a.source};
}

std::unique_ptr<program::frame_source> open_source(const arguments& a,
                                                   const std::vector<std::filesystem::path>& files,
                                                   const pfad::picture_options& reading) {
    if (a.camera)
        return std::make_unique<program::captured_frames>(*a.camera);
    if (files.size() == 1 && !pfad::data::is_picture_name(files[0]))
        return std::make_unique<program::captured_frames>(a.source);
    return std::make_unique<program::picture_files>(files, reading);
}

/// The overlay as OpenCV's BGR under a line of text. The line grows with the picture and fits its
/// width; of pictures of one size it has one height.
cv::Mat captioned(pfad::image_u8& overlay, const std::string& text, bool defect) {
    const char* const longest = "DEFECT  score 0.0000  threshold 0.0000  000.0 frames/s";
    const auto font = cv::FONT_HERSHEY_SIMPLEX;
    int below = 0;
    const double most = overlay.width / (cv::getTextSize(longest, font, 1, 1, &below).width + 8.0);
    const double wanted = std::max(0.4, std::min(overlay.width, overlay.height) / 900.0);
    const double scale = std::min(most, wanted);
    const int thickness = scale > 0.8 ? 2 : 1;
    const int height = cv::getTextSize(longest, font, scale, thickness, &below).height;
    const int margin = std::max(4, height / 2);
    cv::Mat result(overlay.height + height + below + 2 * margin, overlay.width, CV_8UC3,
                   cv::Scalar(32, 32, 32));
    cv::cvtColor(cv::Mat(overlay.height, overlay.width, CV_8UC3, overlay.pixels.data()),
                 result.rowRange(result.rows - overlay.height, result.rows), cv::COLOR_RGB2BGR);
    cv::putText(result, text, {4, margin + height}, font, scale,
                defect ? cv::Scalar(96, 128, 255) : cv::Scalar(144, 224, 144), thickness,
                cv::LINE_AA);
    return result;
}

/// Where the overlays go: a folder of PNG files, a video, or nowhere.
class results {
public:
    results(const std::string& out, program::files_apart&& files)
        : out_(out), files_(std::move(files)), paths_(files_) {
        if (out_.empty())
            return;
        if (program::codec_of(out_))
            video_.emplace(out_);
        else
            pfad::data::make_folder(out_);
    }

    /// Returns the path of the picture's own file, if it has one.
    std::string add(const program::frame& f,
                    pfad::image_u8& overlay,
                    const std::string& caption,
                    bool defect,
                    double rate) {
        if (video_)
            video_->add(captioned(overlay, caption, defect), rate > 0 ? rate : 1);
        if (video_ || out_.empty())
            return "";
        const auto path = paths_.next(out_, f.file);
        pfad::write_png(path, overlay);
        return path;
    }

    void close() {
        if (const auto frames = video_ ? video_->close() : 0)
            program::print_line(out_ + " written, " + std::to_string(frames) + " frames");
    }

private:
    std::string out_;
    program::files_apart files_;
    program::result_paths paths_;
    std::optional<program::recording> video_;
};

/// Frames a second over the last of them.
class frame_rate {
public:
    double next() {
        const auto now = std::chrono::steady_clock::now();
        const double seconds = std::chrono::duration<double>(now - before_).count();
        before_ = now;
        mean_ += (seconds - mean_) / std::min(++count_, 20);
        return 1 / mean_;
    }

private:
    std::chrono::steady_clock::time_point before_ = std::chrono::steady_clock::now();
    double mean_ = 0; // seconds a frame
    int count_ = 0;
};

/// Inspects until the source ends or the user leaves. Returns whether there is a defect.
bool inspect_all(program::session& work,
                 program::frame_source& source,
                 results& out,
                 program::window* window) {
    const bool live = source.rate() > 0;
    const auto range = work.scores;
    const double threshold = work.threshold();
    bool defect = false, left = false;
    program::frame f;
    frame_rate rate;
    while (!left && source.next(f)) {
        const auto found = work.inspect(f.picture);
        auto overlay = pfad::report::render_inspection(f.picture, found.map, threshold,
                                                       range.brightest(threshold));
        char caption[96];
        const int length = std::snprintf(caption, sizeof caption, "%s  score %s  threshold %s",
                                         program::verdict_text(found),
                                         program::score_text(found.score, range).c_str(),
                                         program::score_text(threshold, range).c_str());
        const auto path = out.add(f, overlay, caption, found.defect, source.rate());
        program::print_line(program::text_line(f.name, found, threshold, range, path));
        defect |= found.defect;
        if (live)
            std::snprintf(caption + length, sizeof caption - static_cast<std::size_t>(length),
                          "  %.1f frames/s", rate.next());
        if (window)
            left = !window->show(captioned(overlay, caption, found.defect), !live,
                                 program::stop_signals::caught());
        left |= program::stop_signals::caught() != 0;
    }
    if (!left)
        source.expect_end();
    return defect;
}

int inspect(const arguments& a) {
    silence_opencv();
    if (a.source.empty() == !a.camera.has_value())
        pfad::fail(pfad::errc::value, "give a folder, a picture or a video, or a --camera");
    const auto files = files_of(a);
    program::files_apart apart;
    apart.reads(a.model);
    apart.reads_all(files);
    if (program::codec_of(a.out))
        apart.writes(a.out);
    else
        apart.writes_into(a.out);
    std::optional<program::window> window;
    if (a.window || a.out.empty()) {
        program::expect_display();
        window.emplace();
    }
    const auto work = program::open_session(a.device, a.model, a.reading);
    if (a.threshold != 0)
        work->set_threshold(a.threshold);
    const auto source = open_source(a, files, work->reading);
    results out(a.out, std::move(apart));
    const program::stop_signals signals;
    bool defect = false;
    try {
        defect = inspect_all(*work, *source, out, window ? &*window : nullptr);
    } catch (const pfad::error& problem) {
        try {
            out.close(); // with what was inspected
        } catch (const pfad::error& second) {
            pfad::fail(problem.code(), std::string(problem.what()) + "; " + second.what());
        }
        throw;
    } catch (...) {
        out.close();
        throw;
    }
    out.close();
    return defect ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_opencv_inspect", [&] {
        arguments a;
        CLI::App app{
            "Inspects a folder of pictures, a video or a camera, in a window or into files.\n"
            "In the window q or Esc leaves; single pictures stay until a key is pressed.\n"
            "Exit status 0: no defect; 1: a defect in one of the pictures; 2: an error."};
        app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
        app.add_option("source", a.source, "folder of pictures, a picture or a video");
        app.add_option("--camera", a.camera, "in its place, the number of a camera; 0 is the first")
            ->check(CLI::Range(0, 1023));
        app.add_option("--out", a.out,
                       "in place of the window: NAME.avi, NAME.mkv or NAME.mp4 for a video, else a "
                       "folder for pictures with heat maps");
        app.add_flag("--window", a.window, "a window, too");
        app.add_option("--threshold", a.threshold, "instead of the model's")
            ->check(CLI::PositiveNumber);
        a.reading.add_to(app);
        a.device.add_to(app);
        return program::parse_and_run(app, argc, argv, [&] { return inspect(a); });
    });
}
