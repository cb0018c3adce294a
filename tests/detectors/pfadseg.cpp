#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/nn/named_arrays.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

struct table_row {
    pfadseg_options options;
    std::int64_t student, segmentation, all;
};

// Table 4 of the paper, top to bottom.
const table_row table[] = {
    {{.rcm = false, .aff = false, .pcar = false}, 24665024, 7706369, 35154177},
    {{.rcm = true, .aff = false, .pcar = false}, 24665024, 3782401, 31230209},
    {{.rcm = false, .aff = true, .pcar = false}, 26086464, 7841281, 36710529},
    {{.rcm = false, .aff = false, .pcar = true}, 50258864, 10115361, 63157009},
    {{.rcm = true, .aff = false, .pcar = true}, 50258864, 6191393, 59233041},
    {{.rcm = false, .aff = true, .pcar = true}, 51680304, 10250273, 64713361},
    {{.rcm = true, .aff = true, .pcar = true}, 51680304, 6326305, 60789393},
};

} // namespace

TEST_CASE("pfadseg: parameter counts of the seven rows of table 4", "[detectors]") {
    for (const auto& row : table) {
        INFO("rcm " << row.options.rcm << ", aff " << row.options.aff << ", pcar "
                    << row.options.pcar);
        cpu::context ctx(1);
        pfadseg<float> m(ctx, row.options);
        CHECK(parameter_count(m.teacher) == 2782784);
        CHECK(parameter_count(m.student) == row.student);
        CHECK(parameter_count(m.segmentation) == row.segmentation);
        CHECK(parameter_count(m) == row.all);
    }
}

TEST_CASE("pfadseg: a decoder of plain blocks is smaller", "[detectors]") {
    cpu::context ctx(1);
    const pfadseg<float> m(ctx, {.plain_decoder = true});
    auto student = m.student;
    CHECK(parameter_count(student) == 38172664);
}

TEST_CASE("pfadseg: state-dict names are unique and PyTorch's", "[detectors]") {
    cpu::context ctx(1);
    pfadseg<float> m(ctx);
    std::map<std::string, std::vector<std::int64_t>> dims;
    std::size_t entries = 0, trained = 0;
    for (const auto& entry : named_arrays<float>(m)) {
        dims[entry.name] = entry.dims;
        ++entries;
        trained += entry.trained && entry.name.starts_with("student.");
        CHECK(entry.name.find('{') == std::string::npos);
    }
    CHECK(dims.size() == entries);
    CHECK(trained == 469);
    using extents = std::vector<std::int64_t>;
    const std::map<std::string, extents> some = {
        {"teacher.conv1.weight", {64, 3, 7, 7}},
        {"teacher.layer2.0.downsample.0.weight", {128, 64, 1, 1}},
        {"teacher.layer2.0.downsample.1.running_var", {128}},
        {"teacher.layer3.1.conv2.weight", {256, 256, 3, 3}},
        {"student.encoder.layer4.0.pcar.convs.2.weight", {512, 512, 3, 3}},
        {"student.encoder.layer1.0.pcar.spr.fc1.weight", {4, 320, 1, 1}},
        {"student.decoder1.0.aff.local_branch.reduce_bn.running_mean", {16}},
        {"student.decoder3.0.downsample.0.weight", {256, 512, 1, 1}},
        {"segmentation.res.0.conv1.weight", {256, 448, 3, 3}},
        {"segmentation.context.horizontal.weight", {256, 1, 1, 11}},
        {"segmentation.context.vertical.weight", {256, 1, 11, 1}},
        {"segmentation.context.layer_scale", {256}},
        {"segmentation.head_bn.weight", {256}},
        {"segmentation.out.bias", {1}}};
    for (const auto& [name, wanted] : some) {
        INFO(name);
        REQUIRE(dims.count(name) == 1);
        CHECK(dims[name] == wanted);
    }
}

TEST_CASE("pfadseg: DeSTSeg's names have ASPP and plain blocks", "[detectors]") {
    cpu::context ctx(1);
    segmentation<float> m(ctx, {false, false}, false);
    std::set<std::string> names;
    for (const auto& entry : named_arrays<float>(m, "segmentation"))
        names.insert(entry.name);
    CHECK(names.count("segmentation.context.pool.conv.weight") == 1);
    CHECK(names.count("segmentation.context.atrous.2.bn.running_var") == 1);
    CHECK(names.count("segmentation.context.fuse.conv.weight") == 1);
    CHECK(names.count("segmentation.res.0.conv2.weight") == 1);
    CHECK(names.count("segmentation.context.layer_scale") == 0);
}

TEST_CASE("pfadseg: kaiming in front, uniform behind, each a function of the seed", "[detectors]") {
    cpu::context ctx(1);
    pfadseg<float> m(ctx, {.rcm = true, .aff = false, .pcar = false});
    m.initialise(11);
    const auto deviation = [](const nn::conv2d<float>& layer) {
        double squares = 0;
        const auto& w = layer.weight.value;
        for (std::int64_t i = 0; i < w.size(); ++i)
            squares += static_cast<double>(w.data()[i]) * static_cast<double>(w.data()[i]);
        return std::sqrt(squares / static_cast<double>(w.size()));
    };
    const auto kaiming = [&](const nn::conv2d<float>& layer) {
        const auto [k, r, s, c] = layer.weight.dims().extent;
        return deviation(layer) / std::sqrt(2.0 / static_cast<double>(k * r * s));
    };
    const auto uniform = [&](const nn::conv2d<float>& layer) {
        const auto [k, r, s, c] = layer.weight.dims().extent;
        return deviation(layer) / std::sqrt(1.0 / static_cast<double>(3 * c * r * s));
    };
    CHECK(kaiming(m.teacher.layer1.first.conv1) == Approx(1).epsilon(0.02));
    CHECK(kaiming(m.student.encoder.conv1) == Approx(1).epsilon(0.05));
    CHECK(kaiming(*m.student.decoder3.first.downsample_conv) == Approx(1).epsilon(0.02));
    CHECK(kaiming(m.segmentation.res.first.conv1) == Approx(1).epsilon(0.02));
    CHECK(uniform(m.segmentation.head) == Approx(1).epsilon(0.02));
    CHECK(uniform(m.segmentation.rcm->fc1) == Approx(1).epsilon(0.02));
    CHECK(uniform(m.segmentation.out) == Approx(1).epsilon(0.2));
    CHECK(m.segmentation.rcm->layer_scale.value.data()[0] == 1e-6f);
    CHECK(m.teacher.bn1.parameters.weight.value.data()[5] == 1);

    // The same numbers through another network, another context and the parts' own names.
    cpu::context other(2);
    resnet18<float> teacher(other, 3, {false, false});
    const auto same = [&] {
        return std::equal(teacher.layer3.second.conv2->weight.value.data(),
                          teacher.layer3.second.conv2->weight.value.data() + 256 * 256 * 9,
                          m.teacher.layer3.second.conv2->weight.value.data());
    };
    CHECK_FALSE(same());
    initialise(teacher, "teacher", initialiser::kaiming_fan_out, 11);
    CHECK(same());
    initialise(teacher, "teacher", initialiser::kaiming_fan_out, 12);
    CHECK_FALSE(same());
}

TEST_CASE("pfadseg: pictures to a map of a quarter of their size", "[detectors]") {
    cpu::context ctx(2);
    pfadseg<float> m(ctx, {.rcm = true, .aff = false, .pcar = false});
    initialise(m.segmentation, "s", initialiser::uniform_fan_in, 1);
    // 40 x 24 is no multiple of 32: the sizes 10 x 6, 5 x 3, 3 x 2 and 2 x 1 round upwards.
    tape<cpu::context> t(ctx, mode::eval);
    const auto x = constant(full(ctx, shape<4>{{1, 40, 24, 3}}, 0.5f));
    const auto similarity = m.similarity(t, x);
    CHECK(similarity.dims() == shape<4>{{1, 10, 6, 448}});
    const auto y = m(t, x);
    REQUIRE(y.dims() == shape<4>{{1, 10, 6, 1}});
    for (std::int64_t i = 0; i < y.value.size(); ++i) {
        CHECK(y.value.data()[i] > 0);
        CHECK(y.value.data()[i] < 1);
    }
    CHECK(y.slot == nullptr);
}

TEST_CASE("pfadseg: the map as a product is small where student and teacher agree", "[detectors]") {
    cpu::context ctx(2);
    pfadseg<float> m(ctx, {.rcm = false, .aff = false, .pcar = false});
    m.initialise(5);
    tape<cpu::context> t(ctx, mode::eval);
    const auto picture = empty<float>(ctx, shape<4>{{2, 32, 32, 3}});
    for (std::int64_t i = 0; i < picture.size(); ++i)
        picture.data()[i] = std::sin(static_cast<float>(i * i % 101));
    const auto x = constant(picture);
    const auto similarity = m.similarity(t, x);
    const auto published = m(t, x);
    m.options.map = pfadseg_map::product;
    const auto product = m(t, x);
    REQUIRE(product.dims() == published.dims());
    double largest = 0;
    for (std::int64_t i = 0; i < product.value.size(); ++i) {
        double cosines = 0; // of three levels
        for (std::int64_t c = 0; c < 448; ++c)
            cosines += static_cast<double>(similarity.value.data()[i * 448 + c]);
        const double distance = std::min(std::max(1 - cosines / 3, 0.0), 1.0);
        largest = std::max(largest, distance);
        CHECK(static_cast<double>(product.value.data()[i]) ==
              Approx(static_cast<double>(published.value.data()[i]) * distance).margin(1e-5));
    }
    CHECK(largest > 0.1);
}
