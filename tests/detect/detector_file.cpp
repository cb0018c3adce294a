#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/detect/detector_file.hpp>

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

state_dict described(const model_description& d) {
    return {"some.safetensors", {}, to_metadata(d)};
}

std::string refusal(state_dict file, const std::string& key, const std::string& value) {
    file.metadata[key] = value;
    return sentence_of([&] { (void)describe_model(file); });
}

} // namespace

TEST_CASE("model_file: a model comes back from its file, weights and all it says [models]") {
    const picture_folder folder;
    const auto path = (folder.path() / "m.safetensors").string();
    cpu::context ctx(1);
    model_description d{{.rcm = false, .aff = false, .pcar = false}, 96, 0.1234567890123456789, {}};
    d.notes["command"] = "some \"quoted\" words";
    pfadseg<float> model(ctx, d.options);
    // Every value its own, statistics too.
    float next = 0;
    for (auto& array : named_arrays<float>(model))
        for (std::int64_t i = 0; i < array.size(); ++i)
            array.values.data[i] = (next += 1) * 0x1p-26f;
    save_model(path, model, d);

    const auto file = load_safetensors(path);
    const auto back = describe_model(file);
    CHECK(back.size == 96);
    CHECK(back.threshold == d.threshold);
    CHECK(back.notes.at("command") == d.notes["command"]);
    CHECK_FALSE((back.options.rcm || back.options.aff || back.options.pcar));
    CHECK(file.at("teacher.bn1.num_batches_tracked").type == dtype::i64);

    const auto want = copy_of(model);
    for (auto& array : named_arrays<float>(model))
        std::fill_n(array.values.data, array.size(), -1.0f);
    from_state_dict(model, file);
    CHECK(copy_of(model) == want);
}

TEST_CASE("model_file: each option is kept [models]") {
    for (int bits = 0; bits < 16; ++bits) {
        model_description d;
        d.options = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
        d.options.rcm_detail.band = 7;
        d.options.rcm_detail.mlp_ratio = 3;
        const auto back = describe_model(described(d)).options;
        CHECK(back.rcm == d.options.rcm);
        CHECK(back.aff == d.options.aff);
        CHECK(back.pcar == d.options.pcar);
        CHECK(back.plain_decoder == d.options.plain_decoder);
        CHECK(back.rcm_detail.band == 7);
        CHECK(back.rcm_detail.mlp_ratio == 3);
    }
}

TEST_CASE("model_file: what a file must not say is told in one sentence [models]") {
    const auto good = described({});
    CHECK(refusal(good, "version", "2") ==
          "some.safetensors: is a model of version 2, and this pfad reads version 1");
    CHECK(contains(refusal(good, "format", "pt"), "is not a pfad model (its format is `pt`)"));
    CHECK(contains(refusal(good, "rcm", "yes"), "`rcm` is neither on nor off"));
    for (const char* const size : {"", "12", "-64", "64 pixels", "1e9", "nan"})
        CHECK(contains(refusal(good, "size", size), "no number in its range"));
    for (const char* const threshold : {"1.5", "-0.1", "nan", "inf"})
        CHECK(contains(refusal(good, "threshold", threshold), "no number in its range"));
    model_description all_defects;
    all_defects.threshold = 0;
    CHECK(describe_model(described(all_defects)).threshold == 0);
    for (const auto& [key, value] : to_metadata({})) {
        auto file = good;
        file.metadata.erase(key);
        const auto said = sentence_of([&, name = key] { (void)describe_model(file); });
        CHECK((key == "preprocessing" || contains(said, "its metadata has no `" + key + "`")));
    }
}

TEST_CASE("model_file: a teacher from torchvision's names, or not at all [models]") {
    const picture_folder folder;
    const auto path = (folder.path() / "t.safetensors").string();
    cpu::context ctx(1);
    resnet18<float> teacher(ctx, 3, {}), other(ctx, 3, {});
    initialise(teacher, "t", initialiser::kaiming_fan_out, 1);
    auto entries = to_state_dict(teacher);
    CHECK(entries.at("conv1.weight").dims == std::vector<std::int64_t>{64, 3, 7, 7});
    CHECK(entries.count("layer2.0.downsample.0.weight") == 1);
    // What torchvision's file has besides is passed over.
    entries["fc.bias"] = owned_entry(std::vector<float>(10), {10});
    save_safetensors(path, entries);
    load_teacher(other, path);
    CHECK(copy_of(other) == copy_of(teacher));

    // (k, c, r, s) in the file, (k, r, s, c) in the network.
    std::vector<float> first(64 * 3 * 7 * 7);
    first[7 * 7 + 1] = 5; // k 0, c 1, r 0, s 1
    entries["conv1.weight"] = owned_entry(first, {64, 3, 7, 7});
    save_safetensors(path, entries);
    load_teacher(other, path);
    CHECK(other.conv1.weight.value.data()[1 * 3 + 1] == 5);

    const auto before = copy_of(other);
    entries = to_state_dict(teacher);
    entries["layer3.1.bn2.running_var"] = owned_entry(std::vector<float>(128), {128});
    save_safetensors(path, entries);
    CHECK(contains(sentence_of([&] { load_teacher(other, path); }),
                   "t.safetensors: tensor `layer3.1.bn2.running_var` has shape (128), not (256)"));
    CHECK(copy_of(other) == before);
    entries.erase("layer3.1.bn2.running_var");
    save_safetensors(path, entries);
    CHECK(contains(sentence_of([&] { load_teacher(other, path); }),
                   "t.safetensors: has no tensor `layer3.1.bn2.running_var`"));
    CHECK(copy_of(other) == before);

    for (const double bad : {std::nan(""), HUGE_VAL, 1e300}) { // the last in double alone
        std::vector<double> values(256, 1);
        values[77] = bad;
        entries["layer3.1.bn2.running_var"] = owned_entry(values, {256});
        save_safetensors(path, entries);
        CHECK(contains(sentence_of(errc::value, [&] { load_teacher(other, path); }),
                       "t.safetensors: tensor `layer3.1.bn2.running_var` holds a value that is not "
                       "finite"));
        CHECK(copy_of(other) == before);
    }
}
