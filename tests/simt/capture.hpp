// What streams, events and graphs are made of: the work of a capture, and what each piece of it
// comes after.
#pragma once

#include "include/cuda_runtime.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace simt {

struct node {
    std::function<cudaError_t()> work;
    std::set<std::size_t> after; // numbers of other nodes
};

/// From cudaStreamBeginCapture to cudaStreamEndCapture.
struct capture {
    CUstream_st* origin = nullptr;
    cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    std::thread::id thread = std::this_thread::get_id();
    std::vector<node> nodes;
    std::set<CUstream_st*> streams; // that take part
    bool invalid = false, over = false;
};

/// How many events a stream has recorded, and how many of these the host has waited for.
struct progress {
    std::uint64_t recorded = 0, settled = 0;
};

/// A call that may wait is refused to a thread that captures, and to all while one captures
/// globally; their captures are no longer valid.
[[nodiscard]] cudaError_t refuse_while_capturing();

} // namespace simt

struct CUstream_st {
    std::shared_ptr<simt::capture> capture; // where its work goes
    std::set<std::size_t> last;             // what its next node comes after
    std::shared_ptr<simt::progress> done = std::make_shared<simt::progress>();
};

struct CUevent_st {
    std::chrono::steady_clock::time_point when;
    bool recorded = false;
    std::shared_ptr<simt::capture> capture; // where it was recorded last
    std::set<std::size_t> after;            // the nodes before it
    std::shared_ptr<simt::progress> done;   // of its stream
    std::uint64_t number = 0;
    int queries = 0;
};

struct CUgraph_st {
    std::vector<simt::node> nodes;
};

struct CUgraphExec_st {
    std::vector<simt::node> nodes;
    std::uint64_t launches = 0;
};
