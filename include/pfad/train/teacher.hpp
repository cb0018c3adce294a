// A teacher for those who have no ImageNet weights: random, with batch norm that fits the pictures.
#pragma once

#include <pfad/backbones/resnet18.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/io/image.hpp>
#include <pfad/nn/module.hpp>
#include <pfad/ops/normalise_image.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace pfad::train {

/// Random weights from the seed, then running statistics from up to 64 of the pictures; the context
/// is of the host. Random features see edges and contrasts, not objects: good for a demonstration,
/// well below an ImageNet teacher.
template <class Context>
void make_random_teacher(Context& ctx,
                         resnet18<float>& teacher,
                         int size,
                         std::uint64_t seed,
                         const std::vector<std::filesystem::path>& pictures,
                         const picture_options& reading = {}) {
    initialise(teacher, "teacher", initialiser::kaiming_fan_out, seed);
    const std::int64_t batch = 8, area = std::int64_t(3) * size * size;
    const std::size_t count = std::min<std::size_t>(pictures.size(), 64);
    expect(count >= 1, "random teacher", "there are pictures to fit its batch norm to");
    const auto input = empty<std::uint8_t>(ctx, shape<4>{{batch, size, size, 3}});
    // The statistics move a tenth of the way each time: thirty rounds leave 4 % of the start.
    for (std::size_t round = 0; round < 30; ++round) {
        for (std::int64_t i = 0; i < batch; ++i) {
            const auto at = (round * static_cast<std::size_t>(batch) + static_cast<std::size_t>(i));
            data::resize_into(read_picture(pictures[at % count], reading), {size, size},
                              input.data() + i * area);
        }
        tape<Context> t(ctx, mode::train, recording::off);
        (void)teacher(t, constant(normalise_image<float>(ctx, input)));
    }
}

} // namespace pfad::train
