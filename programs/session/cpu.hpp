// A method on the programs' CPU: oneDNN.
#pragma once

#include "session_of.hpp"

#include <pfad/onednn.hpp>

template <template <class, class> class D>
std::unique_ptr<program::session>
program::make_cpu(const std::string& method, int threads, bool bf16) {
    static_assert(pfad::detector<D>); // here: nvcc 13 ends with an internal error on it
    if (bf16) {
        pfad::onednn::require_element<pfad::bf16>();
        return std::make_unique<session_of<pfad::onednn::context, D, pfad::bf16>>(method, threads);
    }
    return std::make_unique<session_of<pfad::onednn::context, D, float>>(method, threads);
}

/// The instance for a detector.
#define PFAD_UNIT(D)                                                                               \
    template std::unique_ptr<program::session> program::make_cpu<D>(const std::string&, int, bool)
