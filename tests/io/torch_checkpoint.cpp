#include "io/torch_files.hpp"

#include <pfad/io/torch_checkpoint.hpp>

#include <algorithm>
#include <random>
#include <string_view>

using namespace io_test;
using pfad::errc;

namespace {

const std::vector<tensor_code> example = {
    {"conv.weight", "FloatStorage", "0", 8, 0, {2, 2, 2}, {4, 2, 1}},
    {"tail", "FloatStorage", "0", 8, 5, {3}, {1}},
    {"transposed", "DoubleStorage", "1", 6, 0, {3, 2}, {1, 3}},
    {"count", "LongStorage", "2", 1, 0, {}, {}},
};
const std::string storages[] = {raw<float>({0, 1, 2, 3, 4, 5, 6, 7}),
                                raw<double>({0, 1, 2, 3, 4, 5}), raw<std::int64_t>({-9})};

bytes archive(const std::string& code, bool wide = false, std::uint16_t method = 0) {
    return zip({{"archive/data.pkl", code},
                {"archive/data/0", storages[0]},
                {"archive/data/1", storages[1]},
                {"archive/data/2", storages[2]},
                {"archive/version", "3\n"}},
               wide, method);
}

bytes legacy_file() {
    std::string all = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    all += "\x80\x02M\xe9\x03.";
    all += "\x80\x02}(" + text("little_endian") + "\x88u.";
    all += pickle(example, true);
    all += "\x80\x02](" + text("1") + text("0") + text("2") + "e.";
    const int order[] = {1, 0, 2}, counts[] = {6, 8, 1};
    for (int i = 0; i < 3; ++i) {
        put(all, std::int64_t(counts[i]));
        all += storages[order[i]];
    }
    return bytes_of(all);
}

void check_example(const pfad::state_dict& file) {
    CHECK(file.tensors.size() == 4);
    CHECK(file.at("conv.weight").dims == std::vector<std::int64_t>{2, 2, 2});
    CHECK(file.at("conv.weight").values<float>() == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7});
    CHECK(file.at("tail").values<float>() == std::vector<float>{5, 6, 7});
    CHECK(file.at("transposed").values<double>() == std::vector<double>{0, 3, 1, 4, 2, 5});
    CHECK(file.at("count").dims.empty());
    CHECK(file.at("count").values<std::int64_t>() == std::vector<std::int64_t>{-9});
}

std::string sentence_for(const bytes& content, errc code) {
    const temporary_folder folder;
    const std::string path = folder / "w.pth";
    put_file(path, content);
    const std::string text =
        error_of(code, [&] { static_cast<void>(pfad::load_torch_checkpoint(path)); });
    REQUIRE(text.starts_with(path + ": "));
    return text.substr(path.size() + 2);
}

/// Loads every damaged form of a file: only pfad::error may come out of it.
void damage(const bytes& whole) {
    const temporary_folder folder;
    const std::string path = folder / "w.pth";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put_file(path, bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        CHECK_THROWS_AS(static_cast<void>(pfad::load_torch_checkpoint(path)), pfad::error);
    }
    std::mt19937 random(2);
    for (int round = 0; round < 2000; ++round) {
        bytes changed = whole;
        for (int flips = round % 3; flips >= 0; --flips)
            changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
        put_file(path, changed);
        try {
            for (const auto& named : pfad::load_torch_checkpoint(path).tensors)
                static_cast<void>(named.second.values<double>());
        } catch (const pfad::error& e) {
            CHECK(has(e.what(), path));
        }
    }
}

} // namespace

TEST_CASE("torch_checkpoint: the zip container, with 32-bit and 64-bit directories", "[io]") {
    const temporary_folder folder;
    for (const bool wide : {false, true}) {
        put_file(folder / "w.pth", archive(pickle(example), wide));
        check_example(pfad::load_torch_checkpoint(folder / "w.pth"));
    }
    bytes flipped = archive(pickle(example), true);
    const std::string_view data = "archive/data.pkl";
    *(std::search(flipped.begin(), flipped.end(), data.begin(), data.end()) + 40) ^= 1;
    CHECK(has(sentence_for(flipped, errc::io),
              "is damaged: the checksum of its entry `archive/data.pkl` does not fit its data"));
}

TEST_CASE("torch_checkpoint: the format before the zip container", "[io]") {
    const temporary_folder folder;
    put_file(folder / "w.pth", legacy_file());
    check_example(pfad::load_torch_checkpoint(folder / "w.pth"));
}

TEST_CASE("torch_checkpoint: a state dict inside a training checkpoint", "[io]") {
    const temporary_folder folder;
    const std::string code = "\x80\x02}(" + text("epoch") + "K\x03" + text("state_dict") + "}(" +
                             code_of(example[0], false) + "uu.";
    put_file(folder / "w.pth", archive(code));
    CHECK(pfad::load_torch_checkpoint(folder / "w.pth").contains("conv.weight"));
}

TEST_CASE("torch_checkpoint: the weights of a checkpoint with other things in it", "[io]") {
    const temporary_folder folder;
    const std::string weights = "}(" + code_of(example[0], false) + "u";
    const std::string settings =
        global("argparse", "Namespace") + ")\x81}(" + text("rate") + "K\x01ub";
    const auto names = [&](const std::string& code) {
        put_file(folder / "w.pth", archive("\x80\x02" + code + "."));
        std::string all;
        for (const auto& [name, entry] : pfad::load_torch_checkpoint(folder / "w.pth").tensors)
            all += name + " ";
        return all;
    };
    for (const char* const key : {"net", "model", "model_state_dict", "network"})
        CHECK(names("}(" + text("args") + settings + text("optimizer") + "}" + text(key) + weights +
                    "u") == "conv.weight ");
    // Within each other, and beside numbers; an object in the place of a dict is none.
    CHECK(names("}(" + text("model") + "}(" + text("state_dict") + weights + "uu") ==
          "conv.weight ");
    CHECK(names("}(" + code_of(example[0], false) + text("epoch") + "K\x03u") == "conv.weight ");
    CHECK(names("}(" + text("model") + settings + text("net") + weights + "u") == "conv.weight ");
}

TEST_CASE("torch_checkpoint: a parameter is its tensor", "[io]") {
    const temporary_folder folder;
    const std::string tensor = code_of(example[0], false).substr(text("conv.weight").size());
    const std::string code = "\x80\x02}(" + text("w") +
                             global("torch._utils", "_rebuild_parameter") + "(" + tensor +
                             "\x88}tRu.";
    put_file(folder / "w.pth", archive(code));
    CHECK(pfad::load_torch_checkpoint(folder / "w.pth").at("w").values<float>()[7] == 7);
}

TEST_CASE("torch_checkpoint: a pickle that asks for code is refused by the code's name", "[io]") {
    const auto refused = [](const std::string& code) {
        return sentence_for(archive("\x80\x02" + code), errc::unsupported);
    };
    CHECK(
        refused(global("os", "system") + "(" + text("echo owned") + "tR.") ==
        "its pickle asks for `os.system`, which pfad does not run; save the model's state_dict()");
    CHECK(has(refused(global("builtins", "eval") + text("1") + "\x85R."), "`builtins.eval`"));
    CHECK(has(refused("(ios\nsystem\n."), "`os.system`"));
    CHECK(has(refused(text("os") + text("system") + "\x93)R."), "`os.system`"));
    CHECK(has(refused(global("torch.x", "EvilStorage") + ")R."), "`torch.x.EvilStorage`"));
    CHECK(has(refused(global("o\x1b[2Js", "system") + ")R."), "`o?[2Js.system`"));
    // Protocol 4's way to make any object, and the extension registry.
    CHECK(has(refused("}}}\x92."), "opcode 146"));
    CHECK(has(refused("\x82\x01."), "opcode 130"));
}

TEST_CASE("torch_checkpoint: what is not a state dict is one sentence", "[io]") {
    CHECK(has(sentence_for({}, errc::io), "torch.save"));
    CHECK(has(sentence_for(bytes_of("hello"), errc::io), "torch.save"));
    CHECK(has(sentence_for(zip({{"a/b", "c"}}), errc::io), "without data.pkl"));
    CHECK(has(sentence_for(archive(pickle(example), false, 8), errc::unsupported),
              "`archive/data.pkl` is compressed"));
    CHECK(has(sentence_for(archive("\x80\x02K\x01."), errc::unsupported), "state dict"));
    CHECK(has(sentence_for(archive("\x80\x02}" + text("a") + "K\x01s."), errc::unsupported),
              "does not hold a state dict: no value in it is a tensor"));
    CHECK(has(sentence_for(archive("\x80\x05N."), errc::unsupported), "newer than protocol 4"));
    CHECK(has(sentence_for(archive("\x80\x02hN."), errc::io), "damaged"));
    CHECK(has(
        sentence_for(zip({{"a/data.pkl", pickle({})}, {"a/byteorder", "big"}}), errc::unsupported),
        "big-endian"));
}

TEST_CASE("torch_checkpoint: tensors that do not fit their storage are named", "[io]") {
    const auto refused = [](tensor_code t, errc code = errc::io) {
        return sentence_for(archive(pickle({t})), code);
    };
    const auto misfit = "tensor `t` has a shape that its storage of 8 elements does not hold";
    CHECK(refused({"t", "FloatStorage", "0", 8, 1, {8}, {1}}) == misfit);
    CHECK(refused({"t", "FloatStorage", "0", 8, 0, {2, 2}, {7, 1}}) == misfit);
    CHECK(refused({"t", "FloatStorage", "0", 8, -1, {2}, {1}}) == misfit);
    CHECK(refused({"t", "FloatStorage", "0", 8, 0, {1 << 30, 1 << 30}, {0, 0}}) == misfit);
    CHECK(has(refused({"t", "FloatStorage", "0", 8, 0, {-2}, {1}}), "damaged shape"));
    CHECK(has(refused({"t", "FloatStorage", "0", 8, 0, {2}, {-1}}), "damaged shape"));
    CHECK(has(refused({"t", "FloatStorage", "0", 8, 0, {2}, {}}), "damaged shape"));
    CHECK(has(refused({"t", "FloatStorage", "0", 9, 0, {9}, {1}}), "truncated"));
    CHECK(has(refused({"t", "FloatStorage", "x", 8, 0, {8}, {1}}), "missing"));
    // Of a type that is not read: no matter, until it is asked for.
    const temporary_folder folder;
    put_file(folder / "w.pth", archive(pickle({{"t", "IntStorage", "0", 8, 0, {8}, {1}}})));
    const auto file = pfad::load_torch_checkpoint(folder / "w.pth");
    CHECK(has(error_of(errc::unsupported, [&] { static_cast<void>(file.at("t").values<float>()); }),
              "w.pth: tensor `t` is in torch.IntStorage; pfad reads"));
    put_file(folder / "w.pth", archive(pickle({{"t", "HalfStorage", "0", 8, 0, {8}, {1}}})));
    CHECK(pfad::load_torch_checkpoint(folder / "w.pth").at("t").values<float>().size() == 8);
}

TEST_CASE("torch_checkpoint: damaged files give errors and nothing else", "[io]") {
    damage(archive(pickle(example)));
    damage(archive(pickle(example), true));
    damage(legacy_file());
}

TEST_CASE("torch_checkpoint: copies of one storage cannot grow beyond the file", "[io]") {
    std::vector<tensor_code> tensors;
    for (int i = 0; i < 20; ++i)
        tensors.push_back({std::to_string(i), "DoubleStorage", "0", 1000, 0, {500, 2}, {1, 500}});
    const auto file = [&](std::size_t count) {
        const std::vector<tensor_code> some(tensors.begin(),
                                            tensors.begin() + static_cast<std::ptrdiff_t>(count));
        return zip({{"archive/data.pkl", pickle(some)},
                    {"archive/data/0", raw(std::vector<double>(1000, 1.5))}});
    };
    const temporary_folder folder;
    put_file(folder / "w.pth", file(1));
    CHECK(pfad::load_torch_checkpoint(folder / "w.pth").at("0").values<double>()[999] == 1.5);
    CHECK(has(sentence_for(file(20), errc::unsupported), "shares its elements with too many"));
}
