// One iteration of each stage of training: forward, backward, update.
//   bench_train_step --benchmark_filter=stage1/size:256 --benchmark_repetitions=5
// A repetition is one iteration; the network is made once and warm. Run one benchmark a process
// where peak_bytes matters.
#include "support/network.hpp"
#include "support/roofline.hpp"

#include <pfad/ops/add.hpp>
#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/optim/sgd.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <optional>

namespace {

using namespace pfad;

struct setting {
    int stage;
    std::int64_t size, batch;
};

class training {
public:
    explicit training(setting s)
        : setting_(s), clean_(pictures()), corrupted_(pictures()),
          mask_(bench::draw_mask(ctx_, shape<4>{{s.batch, s.size / 4, s.size / 4, 1}})) {
        model_.initialise(1);
        bench::calibrate(ctx_, model_, corrupted_);
        optimiser_.emplace(ctx_, sgd_options{}, [&](auto&& add) {
            if (s.stage == 1)
                add(model_.student, 1e-3);
            else
                add(model_.segmentation, 1e-3);
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

    float student_step() {
        tape<bench::context> fixed(ctx_, mode::eval), t(ctx_, mode::train);
        const auto target = model_.teacher(fixed, constant(clean_));
        const auto found = model_.student(t, constant(corrupted_));
        auto loss = cosine_distance_loss(t, target[0], found[0]);
        for (std::size_t level = 1; level < found.size(); ++level)
            loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
        t.backward(loss);
        optimiser_->step(ctx_);
        return loss.value.data()[0];
    }

    float segmentation_step() {
        tape<bench::context> fixed(ctx_, mode::eval), t(ctx_, mode::train);
        const auto logits = model_.segmentation(t, model_.similarity(fixed, constant(corrupted_)));
        const auto loss = focal_l1_loss(t, logits, mask_);
        t.backward(loss.total);
        optimiser_->step(ctx_);
        return loss.total.value.data()[0];
    }

    setting setting_;
    bench::context ctx_;
    pfadseg<float> model_{ctx_};
    tensor<float, 4> clean_, corrupted_, mask_;
    std::optional<sgd<float>> optimiser_;
};

} // namespace

int main(int argc, char** argv) {
    return pfad::bench::run_jobs<training, setting>(argc, argv,
                                                    {{"stage1/size:256/batch:16", {1, 256, 16}},
                                                     {"stage2/size:256/batch:16", {2, 256, 16}},
                                                     {"stage1/size:128/batch:8", {1, 128, 8}},
                                                     {"stage2/size:128/batch:8", {2, 128, 8}}});
}
