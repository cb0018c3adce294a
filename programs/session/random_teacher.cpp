#include "session.hpp"

#include <pfad/onednn.hpp>
#include <pfad/train/teacher.hpp>

void program::make_random_teacher(pfad::resnet18<float>& teacher,
                                  int size,
                                  std::uint64_t seed,
                                  const pictures& good,
                                  int threads,
                                  const pfad::picture_options& reading) {
    pfad::onednn::context ctx(threads);
    pfad::train::make_random_teacher(ctx, teacher, size, seed, good, reading);
}
