// The cases of STPM.
#pragma once

#include "trajectory.hpp"

#include <pfad/detectors/stpm.hpp>

#include <string>
#include <vector>

namespace golden {

/// A network with the values that belong to its names.
template <class T, class C>
[[nodiscard]] auto filled_stpm(case_run<T, C>& file, const pfad::stpm_options& options = {}) {
    // "case.teacher.": the names of the parts belong to the network.
    std::string prefix = file.attrs["prefix"]["teacher"];
    prefix.erase(prefix.rfind("teacher."));
    return file.template filled_from<pfad::stpm>(prefix, options);
}

/// The features in.t1, in.t2, ... or in.s1, in.s2, ...
template <class T, class C>
auto stpm_levels(case_run<T, C>& file, char of) {
    std::vector<pfad::maps<T, typename C::space>> levels;
    for (const char level : {'1', '2', '3'})
        levels.push_back(file.leaf(std::string("in.") + of + level));
    return levels;
}

template <class T, class C>
void run_stpm_level_map(case_run<T, C>& file) {
    const std::vector target{file.leaf("in.t")}, found{file.leaf("in.s")};
    file.record_image("out.y", pfad::unit_distance_map(file.ctx, target[0].value, found[0].value));
    if (!file.has("grad.s"))
        return;
    // The op has none; as 1 - cos, of which these are the terms, it has this one.
    pfad::tape<C> t(file.ctx, pfad::mode::train);
    const auto terms = pfad::cosine_similarity_map(t, target, found);
    const auto cot = file.host_input("cot.y");
    const auto seed = pfad::empty<T>(file.plain, terms.dims());
    const std::int64_t channels = terms.extent(3);
    for (std::int64_t i = 0; i < seed.size(); ++i)
        seed.data()[i] = -cot.data()[i / channels];
    copy(file.ctx, file.on_backend(seed), terms.slot->claim(file.ctx, terms.dims()).to);
    t.run();
    file.record_gradient("t", target[0]);
    file.record_gradient("s", found[0]);
}

template <class T, class C>
void run_stpm_loss(case_run<T, C>& file) {
    const auto target = stpm_levels(file, 't'), found = stpm_levels(file, 's');
    const double n = static_cast<double>(target[0].extent(0));
    const std::string convention = file.attrs["convention"];
    const double scale = convention == "published" ? 1 / n : convention == "paper" ? 0.5 / n : 0.5;
    pfad::tape<C> t(file.ctx, pfad::mode::train);
    const auto loss = pfad::stpm<T, typename C::space>::distance_loss(t, target, found);
    file.record_value("out.loss",
                      scale * static_cast<double>(file.on_the_host(loss.value).data()[0]));
    t.backward(loss, static_cast<T>(scale * file.given("cot.loss")[0]));
    for (std::size_t i = 0; i < target.size(); ++i) {
        file.record_gradient("t" + std::to_string(i + 1), target[i]);
        file.record_gradient("s" + std::to_string(i + 1), found[i]);
    }
}

template <class T, class C>
void record_map_and_score(case_run<T, C>& file, const pfad::maps<T, typename C::space>& y) {
    file.record_image("out.y", y.value);
    file.record_row("out.score", pfad::stpm<T, typename C::space>::score(file.ctx, y.value));
}

template <class T, class C>
void run_stpm_trajectory(case_run<T, C>& file) {
    auto& ctx = file.ctx;
    using space = typename C::space;
    const auto number = [&](const char* key) { return file.attrs[key].template get<double>(); };
    pfad::stpm_options chosen;
    chosen.rate = number("rate");
    chosen.momentum = number("momentum");
    chosen.weight_decay = number("weight_decay");
    auto m = filled_stpm(file, chosen);
    const auto stage = std::get<0>(pfad::stpm<T, space>::stages(chosen));
    pfad::sgd<T, space> optimiser(ctx, stage.facts.rule, stage.groups(m));
    std::vector<double> losses;
    for (int i = 0; i < file.attrs["steps"]; ++i) {
        const pfad::data::clean_pictures<T, space> x{file.input("in.x" + std::to_string(i))};
        pfad::tape<C> t(ctx, pfad::mode::train);
        const auto found = stage.losses(m, t, x);
        pfad::backward(t, found);
        if (i == 0)
            record_gradients(file, m.student, "");
        optimiser.step(ctx);
        losses.push_back(static_cast<double>(file.on_the_host(found.parts).data()[0]) /
                         static_cast<double>(x.clean.extent(0)));
    }
    record_state(file, m.student, "after.");
    file.record("out.loss", losses);
}

template <class T, class C>
bool run_stpm(case_run<T, C>& file) {
    pfad::tape<C> t(file.ctx, pfad::mode::eval);
    if (file.kind == "stpm_level_map")
        run_stpm_level_map(file);
    else if (file.kind == "stpm_loss")
        run_stpm_loss(file);
    else if (file.kind == "stpm_map")
        record_map_and_score(file, pfad::stpm<T, typename C::space>::distance_map(
                                       t, stpm_levels(file, 't'), stpm_levels(file, 's'),
                                       file.attrs["size"][0], file.attrs["size"][1]));
    else if (file.kind == "stpm")
        record_map_and_score(file, filled_stpm(file)(t, file.leaf("in.x")));
    else if (file.kind == "stpm_trajectory")
        run_stpm_trajectory(file);
    else
        return false;
    return true;
}

} // namespace golden
