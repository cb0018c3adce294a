#include "io/torch_files.hpp"
#include "support/sentence.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/detectors/destseg.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace pfad;
using namespace io_test;

namespace {

constexpr pfadseg_options destseg_row{.rcm = false, .aff = false, .pcar = false};

/// The arrays of DeSTSeg as its modules declare them. Most are views of one storage, each from
/// another element on, so that the file is small and every array differs from the others.
class checkpoint {
public:
    checkpoint() {
        trunk("teacher_net.encoder.", 3);
        trunk("student_net.encoder.", 4);
        stage("student_net.decoder_layer4.", 512, 512);
        stage("student_net.decoder_layer3.", 512, 256);
        stage("student_net.decoder_layer2.", 256, 128);
        stage("student_net.decoder_layer1.", 128, 64);
        stage("segmentation_net.res.", 448, 256);
        const std::string head = "segmentation_net.head.";
        for (int i = 0; i < 4; ++i) {
            const auto name = head + "0.aspp_feature_extractors." + std::to_string(i);
            conv_norm(name + (i == 0 ? ".1." : "."), 256, i == 0 ? 1 : 3);
        }
        conv_norm(head + "0.aspp_fusion_layer.", 1024, 3);
        conv(head + "1.weight", 256, 256, 3);
        norm(head + "2.", 256);
        conv(head + "4.weight", 256, 1, 1);
        vector(head + "4.bias", 1);
    }

    std::vector<tensor_code> tensors;

    [[nodiscard]] tensor_code& find(const std::string& name) {
        return *std::find_if(tensors.begin(), tensors.end(),
                             [&](const auto& t) { return t.name == name; });
    }
    void remove(const std::string& name) {
        std::erase_if(tensors, [&](const auto& t) { return t.name == name; });
    }
    [[nodiscard]] std::vector<float> values(const std::string& name) {
        const auto& t = find(name);
        int count = 1;
        for (const int extent : t.dims)
            count *= extent;
        const auto first = (t.key == "0" ? signed_ : positive_).begin() + t.offset;
        return {first, first + count};
    }
    void write(const std::string& path) const {
        put_file(path, zip({{"destseg/data.pkl", pickle(tensors)},
                            {"destseg/data/0", raw(signed_)},
                            {"destseg/data/1", raw(positive_)},
                            {"destseg/data/2", raw<std::int64_t>({5000})}}));
    }
    void spoil(const std::string& name, float value) {
        auto& t = find(name);
        (t.key == "0" ? signed_ : positive_)[static_cast<std::size_t>(t.offset)] = value;
    }

private:
    static std::vector<float> draw(float low, float high, std::size_t count) {
        std::mt19937 random(7);
        std::vector<float> all(count);
        for (float& value : all)
            value = low + (high - low) * static_cast<float>(random() >> 8) * 0x1p-24f;
        return all;
    }
    void add(const std::string& name, bool positive, std::vector<int> dims) {
        std::vector<int> strides(dims.size(), 1);
        for (std::size_t axis = dims.size(); axis-- > 1;)
            strides[axis - 1] = strides[axis] * dims[axis];
        tensors.push_back({name, "FloatStorage", positive ? "1" : "0",
                           static_cast<int>((positive ? positive_ : signed_).size()), next_++,
                           std::move(dims), std::move(strides), "cuda:0"});
    }
    void vector(const std::string& name, int size, bool positive = false) {
        add(name, positive, {size});
    }
    void conv(const std::string& name, int in, int out, int kernel) {
        add(name, false, {out, in, kernel, kernel});
    }
    void norm(const std::string& name, int size) {
        vector(name + "weight", size, true);
        vector(name + "bias", size);
        vector(name + "running_mean", size);
        vector(name + "running_var", size, true);
        tensors.push_back(
            {name + "num_batches_tracked", "LongStorage", "2", 1, 0, {}, {}, "cuda:0"});
    }
    void conv_norm(const std::string& name, int in, int kernel) {
        conv(name + "conv.weight", in, 256, kernel);
        norm(name + "norm.", 256);
    }
    void stage(const std::string& name, int in, int out, bool halved = false) {
        for (int i = 0; i < 2; ++i) {
            const auto block = name + std::to_string(i) + ".";
            conv(block + "conv1.weight", i == 0 ? in : out, out, 3);
            norm(block + "bn1.", out);
            conv(block + "conv2.weight", out, out, 3);
            norm(block + "bn2.", out);
            if (i == 0 && (in != out || halved)) {
                conv(block + "downsample.0.weight", in, out, 1);
                norm(block + "downsample.1.", out);
            }
        }
    }
    void trunk(const std::string& name, int layers) {
        conv(name + "conv1.weight", 3, 64, 7);
        norm(name + "bn1.", 64);
        for (int i = 0; i < layers; ++i)
            stage(name + "layer" + std::to_string(i + 1) + ".", 32 << std::max(i, 1), 64 << i,
                  i > 0);
    }

    std::vector<float> signed_ = draw(-0.06f, 0.06f, 512 * 512 * 9 + 1000);
    std::vector<float> positive_ = draw(0.5f, 1.5f, 2000);
    int next_ = 0;
};

// Only what is computed counts, so the plain backend will do.
struct one_network {
    cpu::context ctx{2};
    pfadseg<float> model{ctx, destseg_row};
};

std::vector<float> values_of(const maps<float>& x) {
    return {x.value.data(), x.value.data() + x.value.size()};
}

std::vector<std::vector<float>> copy_of(pfadseg<float>& m) {
    std::vector<std::vector<float>> all;
    for (const auto& array : named_arrays<float>(m))
        all.emplace_back(array.values.data, array.values.data + array.size());
    return all;
}

} // namespace

TEST_CASE("destseg: a checkpoint computes what DeSTSeg computes, bit for bit", "[detectors]") {
    const temporary_folder folder;
    checkpoint file;
    file.write(folder / "destseg.pckl");
    one_network loaded, ours;
    load_destseg(loaded.model, folder / "destseg.pckl");

    // The same arrays under our names, one by one, and the sign where DeSTSeg has it.
    CHECK(file.tensors.size() == 392); // as PyTorch counts them
    std::set<std::string> used;
    for (auto& array : named_arrays<float>(ours.model)) {
        const auto name = destseg_name(array.name);
        CHECK(used.insert(name).second);
        array.from_torch(std::span<const float>(file.values(name)));
    }
    auto& ctx = ours.ctx;
    const auto x = empty<float>(ctx, shape<4>{{1, 32, 32, 3}});
    for (std::int64_t i = 0; i < x.size(); ++i)
        x.data()[i] = static_cast<float>((i * 2654435761) % 1000) / 250 - 2;
    tape<cpu::context> t(ctx, mode::eval), u(loaded.ctx, mode::eval);
    auto similarity = ours.model.similarity(t, constant(x));
    for (std::int64_t i = 0; i < similarity.value.size(); ++i)
        similarity.value.data()[i] *= -1;
    const auto want = values_of(ours.model.segmentation(t, similarity));
    CHECK(values_of(loaded.model.logits(u, constant(x))) == want);
    CHECK(values_of(ours.model.logits(t, constant(x))) != want);
    CHECK(*std::max_element(want.begin(), want.end()) - want[0] > 1e-3f);
}

TEST_CASE("destseg: the two convolutions that read similarities change their sign", "[detectors]") {
    const temporary_folder folder;
    checkpoint file;
    file.write(folder / "destseg.pckl");
    one_network net;
    load_destseg(net.model, folder / "destseg.pckl");
    const auto first = [&](const nn::conv2d<float>& layer) {
        return std::array{layer.weight.value.data()[0], layer.weight.value.data()[1]};
    };
    // Beside the first value of a convolution stands that of the next channel.
    const auto stored = [&](const std::string& name, int kernel, float sign) {
        const auto v = file.values("segmentation_net.res." + name + ".weight");
        return std::array{sign * v[0], sign * v[static_cast<std::size_t>(kernel * kernel)]};
    };
    const auto& res = net.model.segmentation.res;
    CHECK(first(res.first.conv1) == stored("0.conv1", 3, -1));
    CHECK(first(*res.first.downsample_conv) == stored("0.downsample.0", 1, -1));
    CHECK(first(*res.first.conv2) == stored("0.conv2", 3, 1));
    CHECK(first(res.second.conv1) == stored("1.conv1", 3, 1));
}

TEST_CASE("destseg: another file is refused in one sentence, the network as it was",
          "[detectors]") {
    const temporary_folder folder;
    const auto path = folder / "destseg.pckl";
    one_network net;
    const auto before = copy_of(net.model);
    const auto refusal = [&](errc code, auto&& change) {
        checkpoint file;
        change(file);
        file.write(path);
        const auto said = sentence_of(code, [&] { load_destseg(net.model, path); });
        CHECK(copy_of(net.model) == before);
        return said;
    };
    const std::string fuse = "segmentation_net.head.0.aspp_fusion_layer.norm.running_var";
    CHECK(refusal(errc::io, [&](checkpoint& file) { file.remove(fuse); }) ==
          path + ": has no tensor `" + fuse + "`");
    CHECK(refusal(errc::io, [](checkpoint& file) {
              for (auto& t : file.tensors)
                  t.name = "module." + t.name;
          }).starts_with(path + ": tensor `module.segmentation_net.head"));
    CHECK(refusal(errc::io,
                  [&](checkpoint& file) {
                      auto extra = file.find(fuse);
                      extra.name = "teacher_net.encoder.layer4.0.bn1.weight";
                      file.tensors.push_back(extra);
                  }) == path + ": tensor `teacher_net.encoder.layer4.0.bn1.weight` is none of "
                               "DeSTSeg's");
    CHECK(refusal(errc::shape, [&](checkpoint& file) { file.find(fuse).dims = {255}; }) ==
          path + ": tensor `" + fuse + "` has shape (255), not (256)");
    CHECK(refusal(errc::value, [&](checkpoint& file) {
              file.spoil(fuse, HUGE_VALF);
          }).ends_with("holds a value that is not finite"));
    put_file(path, bytes_of("no checkpoint"));
    CHECK(has(sentence_of(errc::io, [&] { load_destseg(net.model, path); }), "torch.save"));

    cpu::context ctx(1);
    for (const auto& options : {pfadseg_options{.rcm = true, .aff = false, .pcar = false},
                                pfadseg_options{.rcm = false, .aff = true, .pcar = false},
                                pfadseg_options{.rcm = false, .aff = false, .pcar = true}}) {
        pfadseg<float> other(ctx, options);
        CHECK(sentence_of(errc::value, [&] { load_destseg(other, path); }) ==
              "load_destseg: the network has RCM, AFF and PCAR off");
    }
}
