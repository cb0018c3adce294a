// One reader of files for libFuzzer (scripts/fuzz.sh): READER is its number. Whatever the bytes are, it reads
// them or throws pfad::error with one sentence.
#include "support/evaluation_page.hpp"
#include "support/watch.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/data/labelled.hpp>
#include <pfad/detect/detector_file.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/io/base64.hpp>
#include <pfad/io/image.hpp>
#include <pfad/io/torch_checkpoint.hpp>
#include <pfad/train/run_file.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

enum reader { picture, mask, weights, model, checkpoint, csv, log };

/// The bytes as a file, for readers that take a path.
std::string file_of(const std::uint8_t* data, std::size_t size) {
    static const std::string path = std::filesystem::temp_directory_path() / "log.jsonl";
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    return path;
}

void expect(bool ok) {
    if (!ok)
        std::abort();
}

void read(reader kind, const std::uint8_t* data, std::size_t size) {
    // Small, so that a run tries many: what a header claims is refused above.
    const pfad::picture_options options{.most_pixels = 1 << 18};
    switch (kind) {
    case picture: {
        const auto read = pfad::decode_picture({data, size}, "p", options);
        expect(read.width > 0 && read.height > 0 && read.channels == 3);
        expect(read.pixels.size() ==
               static_cast<std::size_t>(read.width) * static_cast<std::size_t>(read.height) * 3);
        return;
    }
    case mask: {
        const auto read = pfad::read_mask(file_of(data, size), options);
        for (const auto value : read.pixels)
            expect(value == 0 || value == 255);
        return;
    }
    case weights:
        for (const auto& [name, entry] : pfad::load_weights(file_of(data, size)).tensors)
            static_cast<void>(entry.values<double>());
        return;
    case model: {
        pfad::cpu::context ctx(1);
        const auto file = pfad::load_safetensors(file_of(data, size));
        static_cast<void>(pfad::describe_model<pfad::pfadseg>(file));
        auto options_of_file = pfad::read_options<pfad::pfadseg>(file);
        static_cast<void>(options_of_file.list());
        if (const auto preview = file.metadata.find("preview"); preview != file.metadata.end())
            if (const auto png = pfad::from_base64(preview->second))
                static_cast<void>(pfad::decode_picture(*png, "preview", options));
        return;
    }
    case checkpoint: {
        const auto file = pfad::load_safetensors(file_of(data, size));
        const auto at = pfad::train::checkpoint_iteration(file, {{"seed", "0"}}, 100);
        expect(at >= 0 && at <= 100);
        return;
    }
    case csv:
        for (const auto& row :
             pfad::data::parse_csv("list", pfad::data::text_of("list", {data, size})))
            expect(row.line >= 1 && !row.fields.empty());
        return;
    case log: { // of a training, and of a watch
        const auto path = file_of(data, size);
        std::vector<pfad::stage_facts> stages(2);
        for (auto& stage : stages)
            stage.losses = {{.key = "loss"}};
        for (const auto& chart : program::read_losses(path, stages))
            expect(chart.curves.size() == 1 && !chart.curves[0].points.empty());
        static_cast<void>(program::watch_record(path).read());
        return;
    }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        read(reader(READER), data, size);
    } catch (const pfad::error& problem) {
        const std::string_view text = problem.what();
        expect(!text.empty() && text.find('\n') == std::string_view::npos);
    }
    return 0;
}
