#include "options.hpp"

#include <pfad/detectors/all.hpp>

std::unique_ptr<program::session> program::make_session(const device_options& o,
                                                        const std::string& method,
                                                        const reading_options& reading) {
    const bool bf16 = o.precision == "bf16";
    std::unique_ptr<session> result;
    pfad::with_detector(method, [&]<template <class, class> class D>(pfad::detector_type<D>) {
        if (o.name == "cuda") {
#if defined(PFAD_CUDA)
            result = make_gpu<D>(method, bf16);
#else
            pfad::fail(pfad::errc::unsupported,
                       "--device cuda: this program was built for the CPU alone; configure pfad "
                       "with -D PFAD_CUDA=ON where nvcc and cuDNN are");
#endif
        } else {
            result = make_cpu<D>(method, o.threads, bf16);
        }
    });
    result->reading = reading.values;
    return result;
}

std::unique_ptr<program::session> program::open_session(const device_options& o,
                                                        const std::string& model,
                                                        const reading_options& reading) {
    const auto file = pfad::load_safetensors(model);
    auto result = make_session(o, pfad::method_of(file), reading);
    result->open(file);
    return result;
}
