// Times the map and the steps of training at the paper's size, in bf16 and in float (TF32), each as
// it is and captured. A JSON line for each figure.
#pragma once

#include "gpu/pictures.hpp"
#include "gpu/steps.hpp"
#include "gpu/stopwatch.hpp"
#include "support/backends.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace pfad::test {

template <class T>
inline constexpr const char* type_name = std::is_same_v<T, float> ? "float32" : "bfloat16";

/// What a job needs: a network with sensible activations, pictures, a mask.
template <class T>
struct workload {
    gpu_backend ctx;
    cpu::context plain{1};
    pfadseg<float> start{plain};
    std::optional<network_steps<T, gpu_backend>> steps;
    maps<T, gpu> clean, corrupted;
    tensor<T, 4, gpu> mask;

    workload(std::int64_t batch, std::int64_t size) {
        start.initialise(1);
        steps.emplace(ctx, start);
        const auto draw = [&](std::int64_t pictures, const char* name) {
            return constant(
                upload<T>(ctx, random_pictures(shape<4>{{pictures, size, size, 3}}, name)));
        };
        const auto few = draw(4, "few");
        for (int i = 0; i < 30; ++i) // 0.9^30 of where the statistics were is left
            steps->adapt(few);
        clean = draw(batch, "clean");
        corrupted = draw(batch, "corrupted");
        mask = upload<T>(ctx, random_mask(shape<4>{{batch, size / 4, size / 4, 1}}, "mask"));
        synchronise(ctx);
        ctx.memory->trim(); // what only this needed
    }
};

/// Calls run() warm, `repeat` times, and prints the median. "eager": the host starts every kernel
/// of every call; "captured": it starts a graph, in which batch norm is folded into convolutions.
/// `reserved()`: bytes beside those of the context's pool.
template <class T, class F, class R>
void time_mode(workload<T>& on,
               const char* job,
               const char* mode,
               std::int64_t batch,
               int repeat,
               F&& run,
               R&& reserved) {
    for (int i = 0; i < 5; ++i)
        run();
    stopwatch watch(on.ctx);
    std::vector<double> ms;
    for (int i = 0; i < repeat; ++i) {
        watch.start();
        run();
        ms.push_back(watch.stop());
    }
    std::sort(ms.begin(), ms.end());
    const double median = ms[ms.size() / 2];
    std::size_t free = 0, total = 0;
    cuda::check(cudaMemGetInfo(&free, &total), "the memory");
    std::printf("{\"peer\": \"pfad\", \"job\": \"%s\", \"dtype\": \"%s\", \"mode\": \"%s\", "
                "\"size\": 256, \"batch\": %lld, \"ms\": %.4f, \"min_ms\": %.4f, \"max_ms\": %.4f, "
                "\"images_per_s\": %.1f, \"peak_bytes\": %zu, \"device_bytes\": %zu}\n",
                job, type_name<T>, mode, static_cast<long long>(batch), median, ms.front(),
                ms.back(), 1000.0 * static_cast<double>(batch) / median,
                on.ctx.memory->reserved_bytes() + reserved(), total - free);
    std::fflush(stdout);
}

/// Both.
template <class T, class F>
void time_job(workload<T>& on, const char* job, std::int64_t batch, int repeat, const F& run) {
    time_mode(on, job, "eager", batch, repeat, run, [] { return std::size_t(0); });
    on.ctx.memory->trim(); // a captured step has memory of its own
    cuda::captured step(on.ctx, run, cuda::make_fixed_networks(on.ctx));
    time_mode(on, job, "captured", batch, repeat, step, [&] { return step.reserved_bytes(); });
    std::printf("%s %s x%lld: %zu nodes\n", job, type_name<T>, static_cast<long long>(batch),
                step.nodes());
}

/// The map at three batches, and an iteration of each stage.
template <class T>
void time_all(int repeat) {
    for (const std::int64_t batch : {1, 16, 64}) {
        workload<T> on(batch, 256);
        time_job(on, "infer", batch, repeat,
                 [&] { static_cast<void>(on.steps->map(on.corrupted)); });
    }
    for (const int number : {1, 2}) {
        workload<T> on(16, 256);
        on.steps->begin(number);
        time_job(on, number == 1 ? "stage1" : "stage2", 16, repeat, [&] {
            if (number == 1)
                static_cast<void>(on.steps->student_gradients(on.clean, on.corrupted));
            else
                static_cast<void>(on.steps->segmentation_gradients(on.corrupted, on.mask));
            on.steps->update();
        });
    }
}

inline int run_timing(int repeat) {
    time_all<bf16>(repeat);
    time_all<float>(repeat);
    return 0;
}

} // namespace pfad::test
