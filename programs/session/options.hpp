// The command line's say in where a program computes.
#pragma once

#include "session.hpp"
#include "support/program.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace program {

/// The options --device, --precision and --threads.
struct device_options {
    std::string name = "cpu";
    std::string precision = "float";
    int threads = 0;

    void add_to(CLI::App& app) {
        app.add_option("--device", name, "cpu, or cuda for a GPU")
            ->check(CLI::IsMember({"cpu", "cuda"}))
            ->capture_default_str();
        app.add_option("--precision", precision,
                       "of activations: float (TF32 in a GPU's convolutions) or bf16")
            ->check(CLI::IsMember({"float", "bf16"}))
            ->capture_default_str();
        app.add_option("--threads", threads, "of the CPU; 0: one per processor")
            ->check(thread_range)
            ->capture_default_str();
    }
};

/// The options --bits and --megapixels: how picture files are read.
struct reading_options {
    pfad::picture_options values;

    void add_to(CLI::App& app) {
        app.add_option("--bits", values.bits,
                       "of a picture file's 16 bits a sample, how many count: 12 for a camera that "
                       "stores 0 to 4095 (default: 16, and for a model what its training had)")
            ->check(CLI::Range(9, 16));
        app.add_option_function<int>(
               "--megapixels",
               [this](int most) { values.most_pixels = most * std::int64_t(1000000); },
               "larger picture files are refused")
            ->check(CLI::Range(1, 100000))
            ->default_str("100");
    }
};

/// The option --tiles.
struct tiles_option {
    std::optional<int> side; ///< as inspector::inspect_tiles takes it; none: the whole picture

    void add_to(CLI::App& app) {
        app.add_option("--tiles", side,
                       "inspect in overlapping tiles of this side, in pixels of the picture; 0: of "
                       "the model's size")
            ->check([](const std::string& text) {
                const double value = pfad::number_of(text); // what is none is told by CLI11
                return value < 32 && value != 0 ? "a tile's side is 0 or at least 32 pixels" : "";
            });
    }
};

/// A session of a method. Throws errc::value where there is no such method, errc::unsupported for what
/// this program or machine has not got.
std::unique_ptr<session> make_session(const device_options& o,
                                      const std::string& method,
                                      const reading_options& reading = {});

/// A session of the method of a model file, which it has opened.
std::unique_ptr<session>
open_session(const device_options& o, const std::string& model, const reading_options& reading);

} // namespace program
