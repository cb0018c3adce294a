// One iteration of each stage of training: forward, backward, update.
//   bench_train_step --benchmark_filter=^stage1/size:256/batch:16/ --benchmark_repetitions=5
// A repetition is one iteration; the network is made once and warm. Run one benchmark a process
// where peak_bytes matters.
#include "support/network.hpp"
#include "support/roofline.hpp"

#include <pfad/models/device_network.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/optim/sgd.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
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

/// Activations of T.
template <class T>
class training {
public:
    explicit training(setting s) : setting_(s) {
        model_.initialise(1);
        const auto x = pictures(), y = pictures();
        bench::calibrate(ctx_, model_, y);
        clean_ = rounded(x);
        corrupted_ = rounded(y);
        mask_ = bench::draw_mask<T>(ctx_, shape<4>{{s.batch, s.size / 4, s.size / 4, 1}});
        network_.emplace(ctx_, model_);
        optimiser_.emplace(ctx_, sgd_options{}, [&](auto&& add) {
            if (s.stage == 1)
                network_->add_part(
                    add, [](auto& m) -> auto& { return m.student; }, 1e-3);
            else
                network_->add_part(
                    add, [](auto& m) -> auto& { return m.segmentation; }, 1e-3);
        });
        (void)step();
    }

    /// One iteration; the loss.
    float step() { return setting_.stage == 1 ? student_step() : segmentation_step(); }

    void measure(benchmark::State& state) {
        float loss = 0;
        {
            // Multiply-adds of the convolutions; backward counts as two forward passes.
            const double work = (setting_.stage == 1 ? 524e9 : 1413e9) / 16;
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

    float student_step() {
        tape<bench::context> fixed(ctx_, mode::eval), t(ctx_, mode::train);
        const auto target = network_->get().teacher(fixed, constant(clean_));
        const auto found = network_->get().student(t, constant(corrupted_));
        auto loss = cosine_distance_loss(t, target[0], found[0]);
        for (std::size_t level = 1; level < found.size(); ++level)
            loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
        t.backward(loss);
        optimiser_->step(ctx_);
        return loss.value.data()[0];
    }

    float segmentation_step() {
        tape<bench::context> fixed(ctx_, mode::eval), t(ctx_, mode::train);
        auto& network = network_->get();
        const auto logits =
            network.segmentation(t, network.similarity(fixed, constant(corrupted_)));
        const auto loss = focal_l1_loss(t, logits, mask_);
        t.backward(loss.total);
        optimiser_->step(ctx_);
        return loss.total.value.data()[0];
    }

    setting setting_;
    bench::context ctx_;
    pfadseg<float> model_{ctx_};
    tensor<T, 4> clean_, corrupted_, mask_;
    std::optional<device_network<T, bench::context>> network_;
    std::optional<sgd<T>> optimiser_;
};

/// Of either element type.
class any_training {
public:
    explicit any_training(setting s) {
        if (s.bf16) {
            onednn::require_element<bf16>();
            coarse_.emplace(s);
        } else {
            exact_.emplace(s);
        }
    }
    void measure(benchmark::State& state) {
        if (coarse_)
            coarse_->measure(state);
        else
            exact_->measure(state);
    }

private:
    std::optional<training<float>> exact_;
    std::optional<training<bf16>> coarse_;
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
