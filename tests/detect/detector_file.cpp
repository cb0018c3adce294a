#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/detect/detector_file.hpp>
#include <pfad/detectors/pfadseg.hpp>

#include <algorithm>
#include <cmath>

using namespace pfad;

namespace {

// Only its arrays are used, so the plain backend will do.
template <class M>
std::vector<std::vector<float>> copy_of(M& m) {
    std::vector<std::vector<float>> all;
    for (const auto& array : named_arrays<float>(m))
        all.emplace_back(array.values.data, array.values.data + array.size());
    return all;
}

state_dict described(const model_description& d, pfadseg_options options = {}) {
    return {"some.safetensors", {}, to_metadata(d, options.list())};
}

void read(const state_dict& file) {
    static_cast<void>(describe_model<pfadseg>(file));
    static_cast<void>(read_options<pfadseg>(file));
}

std::string refusal(state_dict file, const std::string& key, const std::string& value) {
    file.metadata[key] = value;
    return sentence_of([&] { read(file); });
}

} // namespace

TEST_CASE("detector_file: a model comes back from its file, weights and all it says", "[detect]") {
    const picture_folder folder;
    const auto path = (folder.path() / "m.safetensors").string();
    cpu::context ctx(1);
    model_description d{"destseg", 96, 0.1234567890123456789, {}};
    d.notes["command"] = "some \"quoted\" words";
    pfadseg_options options{.rcm = false, .aff = false, .pcar = false};
    options.student_rate = 0.1 + 0.2;
    pfadseg<float> model(ctx, options);
    // Every value its own, statistics too.
    float next = 0;
    for (auto& array : named_arrays<float>(model))
        for (std::int64_t i = 0; i < array.size(); ++i)
            array.values.data[i] = (next += 1) * 0x1p-26f;
    save_model(path, model, d);

    const auto file = load_safetensors(path);
    CHECK(method_of(file) == "destseg");
    CHECK(file.at("teacher.bn1.num_batches_tracked").type == dtype::i64);
    auto back = load_model<pfadseg>(ctx, file);
    CHECK(back.description.method == "destseg");
    CHECK(back.description.size == 96);
    CHECK(back.description.threshold == d.threshold);
    CHECK(back.description.notes.at("command") == d.notes["command"]);
    const auto& kept = back.network.options;
    CHECK_FALSE((kept.rcm || kept.aff || kept.pcar));
    CHECK(kept.student_rate == options.student_rate);
    CHECK(copy_of(back.network) == copy_of(model));
}

TEST_CASE("detector_file: each option is kept", "[detect]") {
    for (int bits = 0; bits < 16; ++bits) {
        pfadseg_options options{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
        options.rcm_detail.band = 7;
        options.rcm_detail.mlp_ratio = 3;
        options.pooled_norm = static_cast<nn::pooled_norm>(bits % 4);
        options.map = static_cast<pfadseg_map>(bits % 2);
        auto back = read_options<pfadseg>(described({"pfadseg"}, options));
        const auto want = options.list(), got = back.list();
        REQUIRE(got.size() == want.size());
        for (std::size_t i = 0; i < want.size(); ++i)
            CHECK(value_text(got[i]) == value_text(want[i]));
    }
}

TEST_CASE("detector_file: what a file must not say is told in one sentence", "[detect]") {
    const auto good = described({"pfadseg"});
    CHECK(refusal(good, "version", "2") ==
          "some.safetensors: is a model of version 2, and this pfad reads version 1");
    CHECK(contains(refusal(good, "format", "pt"), "is not a pfad model (its format is `pt`)"));
    CHECK(refusal(good, "method", "other") ==
          "some.safetensors: is a model of the method `other`, and what reads it is for `pfadseg`");
    CHECK(contains(refusal(good, "rcm", "yes"), "`rcm` is `yes`, which is no value in its range"));
    CHECK(contains(refusal(good, "student_rate", "0"), "no value in its range"));
    for (const char* const size : {"", "12", "-64", "64 pixels", "1e9", "nan", "64.5"})
        CHECK(contains(refusal(good, "size", size), "no value in its range"));
    for (const char* const threshold : {"1.5", "-0.1", "nan", "inf"})
        CHECK(contains(refusal(good, "threshold", threshold), "no value in its range"));
    CHECK(describe_model<pfadseg>(described({"pfadseg", 256, 0, {}})).threshold == 0);
    for (const auto& [key, value] : good.metadata) {
        auto file = good;
        file.metadata.erase(key);
        const auto said = sentence_of([&] { read(file); });
        const auto options = pfadseg_options().list();
        const bool training = std::ranges::any_of(options, [&, name = key](const option& o) {
            return o.name == name && o.kind == option_kind::training;
        });
        const bool published =
            key == "pooled_norm" || key == "map"; // what files have that do not say it
        if (training || published ||
            key == "preprocessing") // a default will do, or nobody reads it
            CHECK(said.empty());
        else
            CHECK(contains(said, "its metadata has no `" + key + "`"));
    }
}

TEST_CASE("detector_file: a file from before there were several methods is PFADSeg's", "[detect]") {
    state_dict file{"old.safetensors",
                    {},
                    {{"format", "pfadseg"},
                     {"version", "1"},
                     {"rcm", "on"},
                     {"aff", "off"},
                     {"pcar", "on"},
                     {"plain_decoder", "off"},
                     {"rcm_band", "11"},
                     {"rcm_mlp_ratio", "2"},
                     {"size", "64"},
                     {"threshold", "0.25"}}};
    CHECK(method_of(file) == "pfadseg");
    const auto d = describe_model<pfadseg>(file);
    CHECK(d.size == 64);
    CHECK(d.threshold == 0.25);
    const auto options = read_options<pfadseg>(file);
    CHECK(options.rcm);
    CHECK_FALSE(options.aff);
    CHECK(options.batch == 16); // what the file does not say
    CHECK(options.pooled_norm == nn::pooled_norm::batch);
    CHECK(options.map == pfadseg_map::segmentation);
    file.metadata.erase("aff");
    CHECK(contains(sentence_of([&] { read(file); }), "its metadata has no `aff`"));
}

TEST_CASE("detector_file: a teacher from torchvision's names, or not at all", "[detect]") {
    const picture_folder folder;
    const auto path = (folder.path() / "t.safetensors").string();
    cpu::context ctx(1);
    resnet18<float> teacher(ctx, 3), other(ctx, 3);
    initialise(teacher, "t", initialiser::kaiming_fan_out, 1);
    auto entries = to_state_dict(teacher);
    CHECK(entries.at("conv1.weight").dims == std::vector<std::int64_t>{64, 3, 7, 7});
    CHECK(entries.count("layer2.0.downsample.0.weight") == 1);
    // What torchvision's file has besides is passed over.
    entries["fc.bias"] = owned_entry(std::vector<float>(10), {10});
    save_safetensors(path, entries);
    from_state_dict(other, load_safetensors(path));
    CHECK(copy_of(other) == copy_of(teacher));

    // (k, c, r, s) in the file, (k, r, s, c) in the network.
    std::vector<float> first(64 * 3 * 7 * 7);
    first[7 * 7 + 1] = 5; // k 0, c 1, r 0, s 1
    entries["conv1.weight"] = owned_entry(first, {64, 3, 7, 7});
    save_safetensors(path, entries);
    from_state_dict(other, load_safetensors(path));
    CHECK(other.conv1.weight.value.data()[1 * 3 + 1] == 5);

    const auto before = copy_of(other);
    entries = to_state_dict(teacher);
    entries["layer3.1.bn2.running_var"] = owned_entry(std::vector<float>(128), {128});
    save_safetensors(path, entries);
    CHECK(contains(sentence_of([&] { from_state_dict(other, load_safetensors(path)); }),
                   "t.safetensors: tensor `layer3.1.bn2.running_var` has shape (128), not (256)"));
    CHECK(copy_of(other) == before);
    entries.erase("layer3.1.bn2.running_var");
    save_safetensors(path, entries);
    CHECK(contains(sentence_of([&] { from_state_dict(other, load_safetensors(path)); }),
                   "t.safetensors: has no tensor `layer3.1.bn2.running_var`"));
    CHECK(copy_of(other) == before);

    for (const double bad : {std::nan(""), HUGE_VAL, 1e300}) { // the last in double alone
        std::vector<double> values(256, 1);
        values[77] = bad;
        entries["layer3.1.bn2.running_var"] = owned_entry(values, {256});
        save_safetensors(path, entries);
        CHECK(contains(
            sentence_of(errc::value, [&] { from_state_dict(other, load_safetensors(path)); }),
            "t.safetensors: tensor `layer3.1.bn2.running_var` holds a value that is not "
            "finite"));
        CHECK(copy_of(other) == before);
    }
}

TEST_CASE("detector_file: what is pretrained is filled, and nothing else", "[detect]") {
    const picture_folder folder;
    const auto path = folder / "t.safetensors";
    cpu::context ctx(1);
    resnet18<float> source(ctx, 3);
    initialise(source, "t", initialiser::kaiming_fan_out, 1);
    save_safetensors(path, to_state_dict(source));
    pfadseg<float> model(ctx, {.rcm = false, .aff = false, .pcar = false});
    model.initialise(2);
    const auto student = copy_of(model.student);
    load_pretrained(model, path);
    CHECK(copy_of(model.teacher) == copy_of(source));
    CHECK(copy_of(model.student) == student);

    // By content, whatever the name, and with a prefix in front of all names.
    for (const std::string prefix : {"module", "backbone", "net.encoder"}) {
        const auto named = folder / "weights.pth.tar";
        auto entries = to_state_dict(source, prefix);
        entries["head.weight"] = owned_entry(std::vector<float>(2), {2});
        save_safetensors(named, entries);
        model.initialise(2);
        load_pretrained(model, named);
        CHECK(copy_of(model.teacher) == copy_of(source));
    }
    auto larger = to_state_dict(source, "");
    larger["layer2.2.bn1.weight"] = owned_entry(std::vector<float>(2), {2});
    save_safetensors(path, larger);
    CHECK(contains(sentence_of([&] { load_pretrained(model, path); }),
                   "is not ResNet18: it has `layer2.2.bn1.weight`"));
    auto two = to_state_dict(source, "teacher");
    two.merge(to_state_dict(source, "student"));
    save_safetensors(path, two);
    CHECK(contains(sentence_of([&] { load_pretrained(model, path); }),
                   "has several networks of this kind, under `student` and `teacher`"));
}
