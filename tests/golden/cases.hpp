// What each kind of golden file runs.
#pragma once

#include "case_run.hpp"
#include "stpm.hpp"
#include "trajectory.hpp"

#include <pfad/detectors/pfadseg.hpp>
#include <pfad/metrics/evaluation.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace golden {

using pfad::mode;
using pfad::recording;

/// An op of some images: f(tape, images) gives y.
template <class T, class C, class F>
void run_op(case_run<T, C>& file,
            const std::vector<std::string>& names,
            F&& f,
            mode phase = mode::train) {
    pfad::tape<C> t(file.ctx, phase, recording::on);
    std::vector<pfad::maps<T, typename C::space>> x;
    for (const auto& name : names)
        x.push_back(file.leaf("in." + name));
    const auto y = f(t, x);
    file.record_image("out.y", y.value);
    file.seed(y, "y");
    t.run();
    for (std::size_t i = 0; i < names.size(); ++i)
        file.record_gradient(names[i], x[i]);
}

template <class T, class C>
void run_conv2d(case_run<T, C>& file) {
    const auto number = [&](const char* key, int otherwise) {
        return file.attrs.contains(key)
                   ? (file.attrs[key].is_array() ? file.attrs[key][0].template get<int>()
                                                 : file.attrs[key].template get<int>())
                   : otherwise;
    };
    const bool depthwise = number("groups", 1) > 1;
    using space = typename C::space;
    pfad::parameter<T, 4, space> w{file.input("in.w")};
    if (depthwise) {
        // (c, r, s, 1) to (1, r, s, c).
        const auto given = file.host_input("in.w");
        const auto [c, r, s, one] = given.dims().extent;
        const auto moved = pfad::empty<T>(file.plain, pfad::shape<4>{{1, r, s, c}});
        for (std::int64_t tap = 0; tap < r * s; ++tap)
            for (std::int64_t i = 0; i < c; ++i)
                moved.data()[tap * c + i] = given.data()[i * r * s + tap];
        w.value = file.on_backend(moved);
        w.form = pfad::parameter_form::depthwise;
    }
    std::optional<pfad::parameter<T, 1, space>> b;
    if (file.has("in.b"))
        b = pfad::parameter<T, 1, space>{file.row("in.b")};
    run_op(file, {"x"}, [&](auto& t, const auto& x) {
        if (depthwise)
            return pfad::depthwise_conv2d(t, x[0], w, b);
        return pfad::conv2d(t, x[0], w, b,
                            {number("stride", 1), number("padding", 0), number("dilation", 1)});
    });
    auto gw = file.on_the_host(w.slot->gradient());
    if (depthwise) {
        const auto [one, r, s, c] = gw.dims().extent;
        const auto moved = pfad::empty<T>(file.plain, pfad::shape<4>{{c, r, s, 1}});
        for (std::int64_t tap = 0; tap < r * s; ++tap)
            for (std::int64_t i = 0; i < c; ++i)
                moved.data()[i * r * s + tap] = gw.data()[tap * c + i];
        gw = moved;
    }
    file.record("grad.w", to_nchw(gw));
    if (b)
        file.record_row("grad.b", b->slot->gradient());
}

template <class T, class C>
void run_batch_norm(case_run<T, C>& file) {
    const bool train = file.attrs["train"];
    pfad::batch_norm_parameters<T, typename C::space> p{{file.row("in.weight")},
                                                        {file.row("in.bias")},
                                                        {file.row("state.running_mean_before")},
                                                        {file.row("state.running_var_before")}};
    run_op(
        file, {"x"}, [&](auto& t, const auto& x) { return pfad::batch_norm(t, x[0], p); },
        train ? mode::train : mode::eval);
    file.record_row("grad.weight", p.weight.slot->gradient());
    file.record_row("grad.bias", p.bias.slot->gradient());
    file.record_row("state.running_mean", p.running_mean.value);
    file.record_row("state.running_var", p.running_variance.value);
}

template <class T, class C>
void run_branch_mix(case_run<T, C>& file) {
    // f (n, 3, c, h, w) to (n, h, w, 3 c); w (n, 3, c) to (3 n, 1, 1, c).
    const auto d = file.want.at("in.f").dims;
    const auto f = pfad::leaf(file.on_backend(
        to_nhwc<T>(file.plain, {d[0], d[1] * d[2], d[3], d[4]}, file.given("in.f"))));
    const auto a = pfad::leaf(file.row("in.w").reshape(pfad::shape<4>{{d[0] * d[1], 1, 1, d[2]}}));
    pfad::tape<C> t(file.ctx, mode::train);
    const auto y = pfad::branch_mix(t, f, a, static_cast<int>(d[1]));
    file.record_image("out.y", y.value);
    file.seed(y, "y");
    t.run();
    file.record_image("grad.f", f.gradient());
    file.record_row("grad.w", a.gradient().flat());
}

template <class T, class C>
void run_levels(case_run<T, C>& file) {
    std::vector<pfad::maps<T, typename C::space>> teacher, student;
    for (const char level : {'1', '2', '3'}) {
        teacher.push_back(file.leaf(std::string("in.t") + level));
        student.push_back(file.leaf(std::string("in.s") + level));
    }
    pfad::tape<C> t(file.ctx, mode::train);
    if (file.kind == "similarity") {
        const auto y = pfad::cosine_similarity_map(t, teacher, student);
        file.record_image("out.y", y.value);
        file.seed(y, "y");
        t.run();
    } else {
        auto loss = pfad::cosine_distance_loss(t, teacher[0], student[0]);
        for (std::size_t i = 1; i < 3; ++i)
            loss = pfad::add(t, loss, pfad::cosine_distance_loss(t, teacher[i], student[i]));
        file.record_row("out.loss", loss.value);
        file.seed(loss, "loss");
        t.run();
    }
    for (std::size_t i = 0; i < 3; ++i) {
        file.record_gradient("t" + std::to_string(i + 1), teacher[i]);
        file.record_gradient("s" + std::to_string(i + 1), student[i]);
    }
}

template <class T, class C>
void run_loss(case_run<T, C>& file) {
    const auto p = file.leaf("in.p");
    const auto mask = file.input("state.mask");
    pfad::tape<C> t(file.ctx, mode::train);
    const auto loss = file.kind == "l1_loss" ? pfad::l1_loss(t, p, mask)
                                             : pfad::focal_loss(t, p, mask, file.attrs["gamma"]);
    file.record_row("out.loss", loss.value);
    file.seed(loss, "loss");
    t.run();
    file.record_image("grad.p", p.gradient());
}

/// A network or block M<T, space>(context, sizes...): f(module, tape, inputs) gives the outputs.
template <template <class, class> class M, class T, class C, class F, class... A>
void run_module(case_run<T, C>& file, F&& f, const A&... sizes) {
    const bool train = file.attrs["train"];
    auto m = file.template filled<M>(sizes...);
    pfad::tape<C> t(file.ctx, train ? mode::train : mode::eval, recording::on);
    const std::vector<std::string> names =
        file.has("in.y") ? std::vector<std::string>{"x", "y"} : std::vector<std::string>{"x"};
    std::vector<pfad::maps<T, typename C::space>> x;
    for (const auto& name : names)
        x.push_back(file.leaf("in." + name));
    const std::vector<pfad::maps<T, typename C::space>> y = f(m, t, x);
    for (std::size_t i = 0; i < y.size(); ++i) {
        const std::string name = y.size() == 1 ? "y" : "y" + std::to_string(i + 1);
        file.record_image("out." + name, y[i].value);
        file.seed(y[i], name);
    }
    t.run();
    for (std::size_t i = 0; i < names.size(); ++i)
        file.record_gradient(names[i], x[i]);
    file.record_parameters(m, train);
}

template <class T, class C>
bool run_modules(case_run<T, C>& file) {
    using images = std::vector<pfad::maps<T, typename C::space>>;
    const auto flag = [&](const char* key) { return file.attrs.value(key, true); };
    const auto one = [](const auto& m, auto& t, const auto& x) { return images{m(t, x[0])}; };
    const auto many = [](const auto& m, auto& t, const auto& x) { return m(t, x[0]); };
    const auto number = [&](const char* key) { return file.attrs[key].template get<int>(); };
    const pfad::nn::block_kind kind = {flag("pcar"), flag("aff"), pcar_path};
    if (file.kind == "spr")
        run_module<pfad::nn::spr>(file, one, number("c"));
    else if (file.kind == "pcar")
        run_module<pfad::nn::pcar>(file, one, number("c"), pcar_path);
    else if (file.kind == "rcm")
        run_module<pfad::nn::rcm>(file, one, number("c"));
    else if (file.kind == "aff")
        run_module<pfad::nn::aff>(
            file, [](const auto& m, auto& t, const auto& x) { return images{m(t, x[0], x[1])}; },
            number("c"));
    else if (file.kind == "aspp")
        run_module<pfad::nn::aspp>(file, one, number("cin"), number("cout"));
    else if (file.kind == "residual_block")
        run_module<pfad::nn::residual_block>(file, one, number("cin"), number("cout"),
                                             number("stride"), kind);
    else if (file.kind == "teacher")
        run_module<pfad::resnet18>(file, many, 3);
    else if (file.kind == "student")
        run_module<pfad::student>(file, many, kind, kind);
    else if (file.kind == "segmentation")
        run_module<pfad::segmentation>(
            file,
            [](const auto& m, auto& t, const auto& x) {
                return images{pfad::activate(t, pfad::sigmoid{}, m(t, x[0]))};
            },
            kind, flag("rcm"));
    else if (file.kind == "pfadseg") {
        const auto m = file.template filled<pfad::pfadseg>(pfad::pfadseg_options{
            .rcm = flag("rcm"), .aff = flag("aff"), .pcar = flag("pcar"), .pcar_path = pcar_path});
        pfad::tape<C> t(file.ctx, mode::eval);
        file.record_image("out.y", m(t, file.leaf("in.x")).value);
    } else
        return false;
    return true;
}

template <class T, class C>
void run_metrics(case_run<T, C>& file) {
    const auto& in = file.want.at("in.score");
    const auto scores = in.template values<float>();
    const auto truth = file.want.at("in.mask").template values<float>();
    const std::vector<std::uint8_t> mask(truth.begin(), truth.end());
    const std::int64_t n = in.dims[0], h = in.dims[1], w = in.dims[2];
    const auto maps = pfad::empty<T>(file.plain, pfad::shape<4>{{n, h, w, 1}});
    std::copy(scores.begin(), scores.end(), maps.data()); // as they are in any type
    const auto top =
        file.on_the_host(pfad::top_k_mean(file.ctx, file.on_backend(maps), file.attrs["top"]));
    const std::vector<double> image = {top.data(), top.data() + n};
    std::vector<std::uint8_t> label;
    for (std::int64_t i = 0; i < n; ++i)
        label.push_back(
            *std::max_element(mask.begin() + i * h * w, mask.begin() + (i + 1) * h * w));
    const auto r = pfad::metrics::evaluate_maps(
        pfad::view<const float, 3>{scores.data(), {{n, h, w}}},
        pfad::view<const std::uint8_t, 3>{mask.data(), {{n, h, w}}}, image, label);
    file.record("out.image_score", image);
    for (const auto& m : pfad::metrics::list)
        file.record_value(std::string("out.") + m.key, (r.*m.value).value_or(std::nan("")));
}

template <class T, class C>
bool run_ops(case_run<T, C>& file) {
    const auto number = [&](const char* key, int usual) { return file.attrs.value(key, usual); };
    const auto unary = [&](auto f) {
        run_op(file, {"x"}, [f](auto& t, const auto& x) { return f(t, x[0]); });
    };
    if (file.kind == "conv2d")
        run_conv2d(file);
    else if (file.kind == "batch_norm")
        run_batch_norm(file);
    else if (file.kind == "branch_softmax_sum")
        run_branch_mix(file);
    else if (file.kind == "similarity" || file.kind == "cosine_loss")
        run_levels(file);
    else if (file.kind == "focal_loss" || file.kind == "l1_loss")
        run_loss(file);
    else if (file.kind == "relu")
        unary([](auto& t, const auto& x) { return pfad::activate(t, pfad::relu{}, x); });
    else if (file.kind == "sigmoid")
        unary([](auto& t, const auto& x) { return pfad::activate(t, pfad::sigmoid{}, x); });
    else if (file.kind == "gelu")
        unary([](auto& t, const auto& x) { return pfad::activate(t, pfad::gelu{}, x); });
    else if (file.kind == "max_pool")
        unary([&](auto& t, const auto& x) {
            return pfad::max_pool2d(
                t, x, {number("kernel", 3), number("stride", 2), number("padding", 1)});
        });
    else if (file.kind == "spatial_pyramid")
        unary([](auto& t, const auto& x) { return pfad::spatial_pyramid_pool(t, x, 1); });
    else if (file.kind == "strip_pool")
        unary([&](auto& t, const auto& x) { // under one tap of 1
            const pfad::shape<4> dims = {{1, 1, 1, x.extent(3)}};
            pfad::parameter<T, 4, typename C::space> v;
            v.value = pfad::full(file.ctx, dims, T(1));
            return pfad::strip_conv2d(t, x, v, std::nullopt);
        });
    else if (file.kind == "bilinear")
        unary([&](auto& t, const auto& x) {
            return pfad::resize_bilinear(t, x, file.attrs["size"][0], file.attrs["size"][1]);
        });
    else if (file.kind == "downsample_mask") {
        // The loss takes an interpolated mask as 1 where it is at least a half.
        const auto d = file.want.at("out.mask").dims;
        pfad::tape<C> t(file.ctx, pfad::mode::eval);
        const auto small = file.on_the_host(
            pfad::resize_bilinear(t, pfad::constant(file.input("in.mask")), d[2], d[3]).value);
        std::for_each(small.data(), small.data() + small.size(),
                      [](T& v) { v = v >= T(0.5) ? T(1) : T(0); });
        file.record("out.mask", to_nchw(small));
    } else
        return false;
    return true;
}

/// Why cases of a kind are not run; empty where they are. What is neither among these nor among those
/// of run_file is a mistake.
inline std::string left_out(const std::string& kind) {
    // Of methods and ops that are still to come, a space on either side of each.
    static constexpr std::string_view later =
        " adam anomalous_codes bilinear_double blocky conv_transpose2d corrupt cutpaste "
        "cutpaste_3way cutpaste_classifier cutpaste_cross_entropy cutpaste_field_upsample "
        "cutpaste_gaussian cutpaste_head cutpaste_jitter cutpaste_kernel cutpaste_rate "
        "cutpaste_sizes cutpaste_turned draem_discriminative draem_reconstructive "
        "draem_trajectory dsr_detector dsr_encoder_high dsr_encoder_low dsr_general_decoder "
        "dsr_inference dsr_object_decoder dsr_residual_stack dsr_restriction dsr_stage1 "
        "dsr_stage2 dsr_stage3 instance_norm l2_loss mean_score multi_step patchcore "
        "patchcore_blur patchcore_coreset patchcore_features patchcore_image_score patchcore_map "
        "patchcore_nearest patchcore_neighbourhood patchcore_project patchcore_published_vectors "
        "softmax2 softmax_focal_loss ssim_loss ssim_map texture_tables vector_quantise "
        "vector_quantise_steps ";
    if (kind == "stpm_map_published") // multiplied before it is resized
        return "the published convention of STPM's map is not offered";
    return later.find(" " + kind + " ") != later.npos ? "no such case yet" : "";
}

/// Runs one file; each result stands in the answer under its name in the file. Throws for a case of
/// unknown kind.
template <class T, class C>
results run_file(C& ctx, const golden_file& from, noise shake = {}) {
    case_run<T, C> file(ctx, from, shake);
    if (file.kind == "metrics")
        run_metrics(file);
    else if (file.kind == "trajectory")
        run_trajectory(file);
    else if (!run_ops(file) && !run_modules(file) && !run_stpm(file))
        throw std::runtime_error("unknown case `" + file.kind + "`");
    return std::move(file.got);
}

} // namespace golden
