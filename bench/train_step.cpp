// One iteration of each stage of training: forward, backward, update.
//   bench_train_step --benchmark_filter=^stage1/size:256/batch:16/ --benchmark_repetitions=5
// A repetition is one iteration; the network is made once and warm. Run one benchmark a process
// where peak_bytes matters.
#include "support/network.hpp"
#include "support/roofline.hpp"

#include <pfad/detect/network_copy.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/optim/sgd.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace pfad;

struct setting {
    int stage;
    bool bf16;
    std::int64_t size, batch;
};

/// A stage, from 0, in activations of T.
template <class T, std::size_t Stage>
class training {
public:
    explicit training(setting s) : setting_(s) {
        model_.initialise(1);
        const auto x = pictures(), y = pictures();
        bench::calibrate(ctx_, model_, y);
        pictures_ = {rounded(x), rounded(y),
                     bench::draw_mask<T>(ctx_, shape<4>{{s.batch, s.size / 4, s.size / 4, 1}})};
        network_.emplace(ctx_, model_);
        const auto groups = [&](auto& m) {
            const auto begin = [](auto& part) { return std::tuple(parameter_group(part, 1e-3)); };
            if constexpr (Stage == 0)
                return begin(m.student);
            else
                return begin(m.segmentation);
        };
        network_->with_groups(
            groups, [&](const auto&... all) { optimiser_.emplace(ctx_, sgd_options{}, all...); });
        (void)step();
    }

    /// One iteration; the loss.
    float step() {
        tape<bench::context> t(ctx_, mode::train);
        const auto found = std::get<Stage>(stages_).losses(network_->get(), t, pictures_);
        backward(t, found);
        optimiser_->step(ctx_);
        return found.total.value.data()[0];
    }

    void measure(benchmark::State& state) {
        float loss = 0;
        {
            // Multiply-adds of the convolutions; backward counts as two forward passes.
            const double work = (Stage == 0 ? 524e9 : 1413e9) / 16;
            const bench::meter meter(state,
                                     2 * work * static_cast<double>(setting_.batch) *
                                         bench::area_ratio(setting_.size),
                                     0);
            for (auto _ : state)
                loss = step();
        }
        if (!std::isfinite(loss))
            state.SkipWithError("the loss is not finite");
        bench::report(state, ctx_, setting_.batch);
    }

private:
    tensor<float, 4> pictures() {
        return bench::draw(ctx_, shape<4>{{setting_.batch, setting_.size, setting_.size, 3}}, 0, 1);
    }

    tensor<T, 4> rounded(const tensor<float, 4>& x) {
        if constexpr (std::is_same_v<T, float>) {
            return x;
        } else {
            auto result = empty<T>(ctx_, x.dims());
            cast_forward<float>(ctx_, x.flat(), result.flat().view());
            return result;
        }
    }

    setting setting_;
    bench::context ctx_;
    pfadseg<float> model_{ctx_};
    decltype(pfadseg<float>::stages({})) stages_ = pfadseg<float>::stages({});
    data::corrupted_pictures<T> pictures_;
    std::optional<network_copy<pfadseg, T, bench::context>> network_;
    std::optional<sgd<T>> optimiser_;
};

/// Of either stage in either element type.
class any_training {
public:
    explicit any_training(setting s) {
        if (s.bf16) {
            onednn::require_element<bf16>();
            make<bf16>(s);
        } else {
            make<float>(s);
        }
    }
    void measure(benchmark::State& state) { job_(state); }

private:
    template <class T>
    void make(setting s) {
        if (s.stage == 1)
            make<T, 0>(s);
        else
            make<T, 1>(s);
    }
    template <class T, std::size_t Stage>
    void make(setting s) {
        const auto job = std::make_shared<training<T, Stage>>(s);
        job_ = [job](benchmark::State& state) { job->measure(state); };
    }

    std::function<void(benchmark::State&)> job_;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<std::pair<std::string, setting>> settings;
    for (const bool bf16 : {false, true}) {
        if (bf16 && !pfad::onednn::has_bf16())
            continue;
        for (const auto& [size, batch] :
             {std::pair(256, 16), std::pair(128, 8), std::pair(128, 2), std::pair(256, 2),
              std::pair(512, 2), std::pair(1024, 2), std::pair(256, 8), std::pair(256, 32)})
            for (const int stage : {1, 2})
                settings.emplace_back("stage" + std::to_string(stage) + (bf16 ? "_bf16" : "") +
                                          "/size:" + std::to_string(size) +
                                          "/batch:" + std::to_string(batch),
                                      setting{stage, bf16, size, batch});
    }
    return pfad::bench::run_jobs<any_training, setting>(argc, argv, settings);
}
