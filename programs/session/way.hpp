// Ways to compute one model, for pfad_conformance.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/io/state_dict.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace program {

/// One of them: pixels (1, size, size, 3) to a map and its score.
struct way {
    std::string name;
    std::function<pfad::prediction<pfad::host>(const pfad::tensor<std::uint8_t, 4>&)> inspect;
};

/// By pfad on the CPU: float by each path through its convolutions, and bf16 where the processor has
/// that; `plain` adds the plain loops, in front.
template <template <class, class> class D>
std::vector<way> cpu_ways(const pfad::state_dict& file, int threads, bool plain);

} // namespace program
