// Both stages of training from known weights, as the golden trajectories have them.
#pragma once

#include "case_run.hpp"

#include <pfad/detectors/pfadseg.hpp>
#include <pfad/optim/sgd.hpp>

#include <string>
#include <tuple>
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
    const auto number = [&](const char* key) { return attrs[key].template get<double>(); };
    const auto rate = [&](const char* key) { return attrs["lr"][key].template get<double>(); };
    pfad::pfadseg_options chosen{
        .rcm = attrs["rcm"], .aff = attrs["aff"], .pcar = attrs["pcar"], .pcar_path = pcar_path};
    chosen.student_rate = rate("student");
    chosen.residual_rate = rate("res");
    chosen.head_rate = rate("context_and_head");
    chosen.focal_gamma = number("gamma");
    auto m = file.template filled<pfad::pfadseg>(chosen);
    const auto stages = pfad::pfadseg<T, space>::stages(chosen);
    const pfad::sgd_options options{number("momentum"), number("weight_decay")};
    const auto input = [&](const char* name, int i) {
        return pfad::constant(file.input(std::string("in.") + name + std::to_string(i)));
    };
    const auto add_values = [&](const auto& values, auto&... to) {
        const auto here = file.on_the_host(values);
        int at = 0;
        (to.push_back(static_cast<double>(here.data()[at++])), ...);
    };
    const auto pictures = [&](int i, bool with_mask) {
        const auto clean = input("clean", i).value, noisy = input("noisy", i).value;
        return pfad::data::corrupted_pictures<T, space>{
            clean, noisy, with_mask ? input("mask", i).value : pfad::tensor<T, 4, space>()};
    };
    std::vector<double> cosine, focal, l1;
    {
        pfad::sgd<T, space> optimiser(ctx, options, std::get<0>(stages).groups(m));
        for (int i = 0; i < steps; ++i) {
            pfad::tape<C> t(ctx, pfad::mode::train);
            const auto found = std::get<0>(stages).losses(m, t, pictures(i, false));
            pfad::backward(t, found);
            if (i == 0)
                record_gradients(file, m.student, "stage1.");
            optimiser.step(ctx);
            add_values(found.parts, cosine);
        }
        record_state(file, m.student, "stage1.");
    }
    pfad::sgd<T, space> optimiser(ctx, options, std::get<1>(stages).groups(m));
    for (int i = steps; i < 2 * steps; ++i) {
        pfad::tape<C> t(ctx, pfad::mode::train);
        const auto found = std::get<1>(stages).losses(m, t, pictures(i, true));
        pfad::backward(t, found);
        if (i == steps)
            record_gradients(file, m.segmentation, "stage2.");
        optimiser.step(ctx);
        add_values(found.parts, focal, l1);
    }
    record_state(file, m.segmentation, "stage2.");
    file.record("out.stage1.cosine", cosine);
    file.record("out.stage2.focal", focal);
    file.record("out.stage2.l1", l1);
}

} // namespace golden
