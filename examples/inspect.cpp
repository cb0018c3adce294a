// pfad_inspect: score, verdict and heat map of pictures.
#include "device/options.hpp"

namespace {

struct arguments {
    std::string model, out;
    std::vector<std::string> pictures;
    double threshold = 0;
    program::device_options device;
};

int inspect(const arguments& a) {
    const auto device = program::make_device(a.device);
    double threshold = device->load(a.model);
    if (a.threshold != 0)
        device->set_threshold(threshold = a.threshold);
    std::error_code problem;
    std::filesystem::create_directories(a.out, problem);
    if (problem)
        pfad::fail(pfad::errc::io, a.out + ": the folder cannot be made: " + problem.message());
    program::result_paths paths({a.pictures.begin(), a.pictures.end()});
    for (const auto& path : a.pictures) {
        std::string const to = paths.next(a.out, path);
        const auto picture = pfad::read_picture(path);
        const auto found = device->inspect(picture);
        pfad::write_png(to, pfad::inspect::render_inspection(picture, found.map, threshold));
        std::printf("%s  score %.4f  threshold %.4f  %s  %s\n", path.c_str(), found.score,
                    threshold, found.defect ? "DEFECT" : "good", to.c_str());
        std::fflush(stdout);
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app{"Inspects pictures: prints score and verdict, writes each with its heat map."};
    app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
    app.add_option("pictures", a.pictures, "PNG, JPEG or BMP")->required();
    app.add_option("--out", a.out, "folder for the pictures with heat maps")->required();
    app.add_option("--threshold", a.threshold, "instead of the calibrated one")
        ->check(CLI::Range(1e-9, 1.0));
    a.device.add_to(app);
    if (const int status = program::parse("pfad_inspect", app, argc, argv); status >= 0)
        return status;
    return program::run("pfad_inspect", [&] { return inspect(a); });
}
