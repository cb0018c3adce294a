// pfad_inspect: score, verdict and heat map of pictures. Exit status 1 where one has a defect.
#include "session/options.hpp"
#include "support/findings.hpp"
#include "support/watch.hpp"

#include <pfad/data/files.hpp>
#include <pfad/report/heat_map.hpp>

#include <algorithm>
#include <thread>

namespace {

struct arguments {
    std::string model, out, watch;
    std::vector<std::string> pictures;
    double threshold = 0;
    std::optional<double> unsure;
    bool json = false;
    program::tiles_option tiles;
    program::reading_options reading;
    program::device_options device;
};

/// A model with its threshold, and where its findings go.
class picture_inspector {
public:
    explicit picture_inspector(const arguments& a)
        : json_(a.json || !a.watch.empty()), tiles_(a.tiles.side), out_(a.out),
          paths_(files_, !a.watch.empty()) {
        files_.reads(a.model);
        files_.reads_all(a.pictures);
        files_.writes_into(out_);
        work_ = program::open_session(a.device, a.model, a.reading);
        if (a.threshold != 0)
            work_->set_threshold(a.threshold);
        if (a.unsure && *a.unsure >= work_->threshold())
            pfad::fail(pfad::errc::value,
                       "--unsure: no score is, since it is not below the threshold, " +
                           program::score_text(work_->threshold(), work_->scores));
        if (a.unsure)
            work_->set_unsure_threshold(*a.unsure);
        if (!out_.empty())
            pfad::data::make_folder(out_);
    }

    /// Prints what is found in a picture, and writes its heat map first. Returns whether it has a
    /// defect.
    bool inspect(const std::string& name, const pfad::image_u8& picture) {
        const auto found = work_->inspect(picture, tiles_);
        const auto range = work_->scores;
        const double threshold = work_->threshold();
        std::string to;
        if (!out_.empty()) {
            to = paths_.next(out_, name == "-" ? "stdin" : name);
            pfad::write_png(to, pfad::report::render_inspection(picture, found.map, threshold,
                                                                range.brightest(threshold)));
        }
        program::print_line(json_ ? program::to_text(program::json_line(name, found, threshold, to))
                                  : program::text_line(name, found, threshold, range, to));
        return found.defect;
    }

    /// How picture files are read.
    [[nodiscard]] const pfad::picture_options& reading() const { return work_->reading; }

private:
    bool json_;
    std::optional<int> tiles_;
    std::unique_ptr<program::session> work_;
    std::string out_;
    program::files_apart files_;
    program::result_paths paths_;
};

/// The picture that standard input is.
pfad::image_u8 read_standard_input(const pfad::picture_options& reading) {
    std::vector<std::uint8_t> bytes;
    std::uint8_t block[1 << 16];
    while (const std::size_t got = std::fread(block, 1, sizeof block, stdin))
        bytes.insert(bytes.end(), block, block + got);
    if (std::ferror(stdin))
        pfad::fail(pfad::errc::io, "standard input: cannot be read");
    return pfad::decode_picture(bytes, "standard input", reading);
}

/// Inspects what arrives in a folder until that is gone.
[[noreturn]] void watch(const arguments& a) {
    pfad::data::expect_folder(a.watch);
    std::error_code absent;
    if (std::filesystem::equivalent(a.watch, a.out, absent))
        pfad::fail(pfad::errc::io,
                   a.out + ": is the watched folder; choose another one for results");
    picture_inspector find(a);
    program::picture_watch arrivals(a.watch, find.reading(),
                                    a.out.empty() ? "" : a.out + "/watched.jsonl");
    for (;;) {
        arrivals.poll(
            [&](const std::string& path, const pfad::image_u8& picture) {
                find.inspect(path, picture);
            },
            [](const std::string& path, const std::string& problem) {
                program::print_line(program::to_text({{"picture", path}, {"error", problem}}));
            });
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

int inspect(const arguments& a) {
    if (a.pictures.empty() == a.watch.empty())
        pfad::fail(pfad::errc::value, "give the pictures, or a folder to --watch");
    if (!a.watch.empty())
        watch(a);
    if (std::count(a.pictures.begin(), a.pictures.end(), "-") > 1)
        pfad::fail(pfad::errc::value, "-: standard input is one picture and cannot be read twice");
    picture_inspector find(a);
    bool defect = false;
    for (const auto& path : a.pictures)
        defect |= find.inspect(path, path == "-" ? read_standard_input(find.reading())
                                                 : pfad::read_picture(path, find.reading()));
    return defect ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_inspect", [&] {
        arguments a;
        CLI::App app{
            "Inspects pictures: prints score and verdict of each, and draws its heat map.\n"
            "Exit status 0: no defect; 1: a defect in one of them; 2: an error."};
        app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
        app.add_option("pictures", a.pictures, "PNG, JPEG or BMP; - reads one from standard input");
        app.add_option(
            "--watch", a.watch,
            "inspect the pictures that are or arrive in this folder, until it is gone, with a "
            "line of JSON each");
        app.add_option("--out", a.out, "folder for the pictures with heat maps");
        app.add_option("--threshold", a.threshold, "instead of the model's")
            ->check(CLI::PositiveNumber);
        app.add_option("--unsure", a.unsure,
                       "scores from here up to the threshold are unsure, instead of the model's; "
                       "0: none")
            ->check(CLI::NonNegativeNumber);
        app.add_flag("--json", a.json, "one line of JSON a picture");
        a.tiles.add_to(app);
        a.reading.add_to(app);
        a.device.add_to(app);
        return program::parse_and_run(app, argc, argv, [&] { return inspect(a); });
    });
}
