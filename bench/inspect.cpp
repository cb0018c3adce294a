// The whole network on pictures: probability maps, as inspection needs them. In bf16 where the
// processor has it.
//   bench_inspect --benchmark_filter=inspect/all_on/size:256/batch:16 --benchmark_repetitions=5
#include "support/network.hpp"
#include "support/roofline.hpp"

#include <pfad/detect/network_copy.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace pfad;

struct setting {
    bool modules; ///< RCM, AFF and PCAR all on, or all off
    bool bf16;
    std::int64_t size, batch;
};

class inspection {
public:
    explicit inspection(setting s)
        : setting_(s), model_(ctx_, {.rcm = s.modules, .aff = s.modules, .pcar = s.modules}),
          pictures_(draw(s.batch)) {
        model_.initialise(1);
        bench::calibrate(ctx_, model_, s.batch > 1 ? pictures_ : draw(2));
        if (s.bf16) {
            onednn::require_element<bf16>();
            rounded_.emplace(ctx_, model_);
            rounded_pictures_ = empty<bf16>(ctx_, pictures_.dims());
            cast_forward<float>(ctx_, pictures_.flat(), rounded_pictures_.flat().view());
        }
        (void)run();
    }

    void measure(benchmark::State& state) {
        float value = 0;
        {
            // Multiply-adds of the convolutions of a picture.
            const double work = setting_.modules ? 37.539e9 : 38.444e9;
            const bench::meter meter(state,
                                     2 * work * static_cast<double>(setting_.batch) *
                                         bench::area_ratio(setting_.size),
                                     0);
            for (auto _ : state)
                value = run();
        }
        if (!std::isfinite(value))
            state.SkipWithError("the map is not finite");
        bench::report(state, ctx_, setting_.batch);
    }

private:
    tensor<float, 4> draw(std::int64_t batch) {
        return bench::draw(ctx_, shape<4>{{batch, setting_.size, setting_.size, 3}}, 0, 1);
    }
    /// Makes the maps; one value of them.
    float run() {
        tape<bench::context> t(ctx_, mode::eval);
        if (rounded_)
            return rounded_->get()(t, constant(rounded_pictures_)).value.data()[0];
        return model_(t, constant(pictures_)).value.data()[0];
    }

    setting setting_;
    bench::context ctx_;
    pfadseg<float> model_;
    tensor<float, 4> pictures_;
    std::optional<network_copy<pfadseg, bf16, bench::context>> rounded_;
    tensor<bf16, 4> rounded_pictures_;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<std::pair<std::string, setting>> settings;
    const auto add = [&](bool modules, bool bf16, int size, int batch) {
        settings.emplace_back(
            std::string(bf16 ? "inspect_bf16/" : "inspect/") + (modules ? "all_on" : "all_off") +
                "/size:" + std::to_string(size) + "/batch:" + std::to_string(batch),
            setting{modules, bf16, size, batch});
    };
    for (const bool bf16 : {false, true}) {
        if (bf16 && !pfad::onednn::has_bf16())
            continue;
        for (const auto& [size, batch] :
             {std::pair(256, 1), std::pair(256, 16), std::pair(128, 1), std::pair(512, 1),
              std::pair(1024, 1), std::pair(256, 4), std::pair(256, 64)})
            add(true, bf16, size, batch);
    }
    for (const int batch : {1, 16})
        add(false, false, 256, batch);
    return pfad::bench::run_jobs<inspection, setting>(argc, argv, settings);
}
