// A CUDA thread, and what it waits for.
#pragma once

#include "simt.hpp"

#include <boost/context/detail/fcontext.hpp>

#include <cstdint>
#include <source_location>

namespace simt {

/// What a thread waits for.
struct request {
    operation what = operation::syncthreads;
    unsigned mask = 0, by = 0, width = 32;
    std::uint64_t value = 0;
    std::source_location where;
};

enum class state : std::uint8_t { running, in_barrier, in_warp, returned };

/// A CUDA thread.
struct fiber {
    boost::context::detail::fcontext_t context = nullptr;
    void* watched = nullptr; // as what ThreadSanitizer knows it
    unsigned number = 0;     // in its block, x first
    uint3 index = {};
    state now = state::running;
    request wants;
    std::uint64_t result = 0;
};

} // namespace simt
