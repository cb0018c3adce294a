// The programs' CPU: oneDNN.
#include "device_of.hpp"

#include <pfad/onednn.hpp>
#include <pfad/train/teacher.hpp>

std::unique_ptr<program::device> program::make_cpu(int threads, bool bf16) {
    if (bf16) {
        pfad::onednn::require_element<pfad::bf16>();
        return std::make_unique<device_of<pfad::onednn::context, pfad::bf16>>(threads);
    }
    return std::make_unique<device_of<pfad::onednn::context, float>>(threads);
}

void program::make_random_teacher(pfad::resnet18<float>& teacher,
                                  int size,
                                  std::uint64_t seed,
                                  const pictures& good,
                                  int threads) {
    pfad::onednn::context ctx(threads);
    pfad::train::make_random_teacher(ctx, teacher, size, seed, good);
}
