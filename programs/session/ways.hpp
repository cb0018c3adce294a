// The ways of one method.
#pragma once

#include "way.hpp"

#include <pfad/detect/detector_file.hpp>
#include <pfad/detect/predictor.hpp>
#include <pfad/onednn.hpp>

#include <memory>

namespace program {

/// A model with the contexts that compute it.
template <template <class, class> class D>
struct computed_model {
    using network = D<float, pfad::host>;

    pfad::onednn::context ctx, direct;
    pfad::cpu::context plain;
    network model, apart; ///< apart: nothing that one op may do for several

    computed_model(const pfad::state_dict& file, int threads)
        : ctx(threads), direct(threads), plain(threads),
          model(pfad::load_model<D>(ctx, file).network), apart(separate(file)) {
        direct.convolutions = pfad::onednn::conv2d_algorithm::direct;
    }

private:
    network separate(const pfad::state_dict& file) {
        auto options = pfad::read_options<D>(file);
        if constexpr (requires { options.pcar_path; })
            options.pcar_path = decltype(options.pcar_path)::branches;
        network result(ctx, options);
        pfad::from_state_dict(result, file);
        return result;
    }
};

} // namespace program

template <template <class, class> class D>
std::vector<program::way> program::cpu_ways(const pfad::state_dict& file, int threads, bool plain) {
    using pixels = pfad::tensor<std::uint8_t, 4>;
    const auto all = std::make_shared<computed_model<D>>(file, threads);
    // Every op by itself, as training runs them: a tape that records fuses nothing.
    const auto op_by_op = [&all](auto& ctx) {
        return [all, &ctx](const pixels& x) {
            pfad::tape t(ctx, pfad::mode::eval, pfad::recording::on);
            return pfad::find_defects<D, float, pfad::host>(t, all->apart, x);
        };
    };
    const auto by_predictor = [&all]<class T>(pfad::onednn::context& ctx, T) {
        const auto predict =
            std::make_shared<pfad::predictor<pfad::onednn::context, D, T>>(ctx, all->model);
        return [all, predict](const pixels& x) { return (*predict)(x); };
    };
    std::vector<way> ways;
    if (plain)
        ways.push_back({"plain loops, float, op by op", op_by_op(all->plain)});
    ways.push_back({"oneDNN, float, direct, op by op", op_by_op(all->direct)});
    ways.push_back({"oneDNN, float, direct", by_predictor(all->direct, 0.0f)});
    ways.push_back({"oneDNN, float", by_predictor(all->ctx, 0.0f)});
    if (pfad::onednn::has_bf16())
        ways.push_back({"oneDNN, bf16", by_predictor(all->ctx, pfad::bf16())});
    return ways;
}

/// The instance for a detector.
#define PFAD_UNIT(D)                                                                               \
    template std::vector<program::way> program::cpu_ways<D>(const pfad::state_dict&, int, bool)
