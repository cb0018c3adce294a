// The whole network on pictures of 256 x 256: probability maps, as inspection needs them.
//   bench_inspect --benchmark_filter=all_on/size:256/batch:16 --benchmark_repetitions=5
#include "support/network.hpp"
#include "support/roofline.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>

namespace {

using namespace pfad;

struct setting {
    bool modules; ///< RCM, AFF and PCAR all on, or all off
    std::int64_t batch;
};

class inspection {
public:
    explicit inspection(setting s)
        : setting_(s), model_(ctx_, {.rcm = s.modules, .aff = s.modules, .pcar = s.modules}),
          pictures_(draw(s.batch)) {
        model_.initialise(1);
        bench::calibrate(ctx_, model_, s.batch > 1 ? pictures_ : draw(2));
        (void)run();
    }

    void measure(benchmark::State& state) {
        tensor<float, 4> map;
        {
            // Multiply-adds of the convolutions of a picture.
            const double work = setting_.modules ? 37.539e9 : 38.444e9;
            const bench::meter meter(state, 2 * work * static_cast<double>(setting_.batch), 0);
            for (auto _ : state)
                map = run();
        }
        if (!std::isfinite(map.data()[0]))
            state.SkipWithError("the map is not finite");
        bench::report(state, ctx_, setting_.batch);
    }

private:
    tensor<float, 4> draw(std::int64_t batch) {
        return bench::draw(ctx_, shape<4>{{batch, 256, 256, 3}}, 0, 1);
    }
    tensor<float, 4> run() {
        tape<bench::context> t(ctx_, mode::eval);
        return model_(t, constant(pictures_)).value;
    }

    setting setting_;
    bench::context ctx_;
    pfadseg<float> model_;
    tensor<float, 4> pictures_;
};

} // namespace

int main(int argc, char** argv) {
    return pfad::bench::run_jobs<inspection, setting>(
        argc, argv,
        {{"inspect/all_on/size:256/batch:1", {true, 1}},
         {"inspect/all_on/size:256/batch:16", {true, 16}},
         {"inspect/all_off/size:256/batch:1", {false, 1}},
         {"inspect/all_off/size:256/batch:16", {false, 16}}});
}
