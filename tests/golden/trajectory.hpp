// Both stages of training from known weights, as the golden trajectories have them.
#pragma once

#include "case_run.hpp"

#include <pfad/models/pfadseg.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/optim/sgd.hpp>

#include <string>
#include <vector>

namespace golden {

template <class T, class C, class M>
void record_state(case_run<T, C>& file, M& m, const std::string& stage) {
    for (auto& entry : pfad::named_arrays<T>(m))
        file.record_or_digest(stage, entry.name, file.torch_values(entry, entry.values.data));
}
template <class T, class C, class M>
void record_gradients(case_run<T, C>& file, M& m, const std::string& stage) {
    for (auto& entry : pfad::named_arrays<T>(m))
        if (entry.trained)
            file.record_or_digest(stage + "grad.", entry.name,
                                  file.torch_values(entry, entry.gradient()));
}

template <class T, class C>
void run_trajectory(case_run<T, C>& file) {
    auto& ctx = file.ctx;
    const auto& attrs = file.attrs;
    const int steps = attrs["steps"];
    using space = typename C::space;
    auto m = file.template filled<pfad::pfadseg>(pfad::pfadseg_options{
        .rcm = attrs["rcm"], .aff = attrs["aff"], .pcar = attrs["pcar"], .pcar_path = pcar_path});
    pfad::sgd_options const options{attrs["momentum"], attrs["weight_decay"]};
    const auto input = [&](const char* name, int i) {
        return pfad::constant(file.input(std::string("in.") + name + std::to_string(i)));
    };
    const auto add_values = [&](const auto& values, auto&... to) {
        const auto here = file.on_the_host(values);
        int at = 0;
        (to.push_back(static_cast<double>(here.data()[at++])), ...);
    };
    std::vector<double> cosine, focal, l1;
    {
        pfad::sgd<T, space> optimiser(ctx, options, [&](auto&& add) {
            add(m.student, attrs["lr"]["student"].template get<double>());
        });
        for (int i = 0; i < steps; ++i) {
            pfad::tape<C> fixed(ctx, pfad::mode::eval), t(ctx, pfad::mode::train);
            const auto target = m.teacher(fixed, input("clean", i));
            const auto found = m.student(t, input("noisy", i));
            auto loss = pfad::cosine_distance_loss(t, target[0], found[0]);
            for (std::size_t k = 1; k < 3; ++k)
                loss = pfad::add(t, loss, pfad::cosine_distance_loss(t, target[k], found[k]));
            t.backward(loss);
            if (i == 0)
                record_gradients(file, m.student, "stage1.");
            optimiser.step(ctx);
            add_values(loss.value, cosine);
        }
        record_state(file, m.student, "stage1.");
    }
    auto rest = m.segmentation.context_and_head();
    pfad::sgd<T, space> optimiser(ctx, options, [&](auto&& add) {
        add(m.segmentation.res, attrs["lr"]["res"].template get<double>());
        add(rest, attrs["lr"]["context_and_head"].template get<double>());
    });
    for (int i = steps; i < 2 * steps; ++i) {
        pfad::tape<C> fixed(ctx, pfad::mode::eval), t(ctx, pfad::mode::train);
        const auto logits = m.segmentation(t, m.similarity(fixed, input("noisy", i)));
        const auto mask =
            pfad::resize_bilinear(fixed, input("mask", i), logits.extent(1), logits.extent(2));
        const auto loss = pfad::focal_l1_loss(t, logits, mask.value, attrs["gamma"]);
        t.backward(loss.total);
        if (i == steps)
            record_gradients(file, m.segmentation, "stage2.");
        optimiser.step(ctx);
        add_values(loss.parts, focal, l1);
    }
    record_state(file, m.segmentation, "stage2.");
    file.record("out.stage1.cosine", cosine);
    file.record("out.stage2.focal", focal);
    file.record("out.stage2.l1", l1);
}

} // namespace golden
