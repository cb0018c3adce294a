// The runtime's functions for captures and graphs.
#include "capture.hpp"
#include "choosing.hpp"
#include "runtime.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using simt::check_device;
using simt::report;

namespace simt {

namespace {

/// The captures that are going on.
struct captures {
    std::mutex lock;
    std::vector<std::shared_ptr<capture>> all;
};

captures& going_on() {
    static captures one;
    return one;
}

/// Whether everything in `nodes` is, or comes before, something in `ends`.
bool covered(const capture& c, const std::set<std::size_t>& nodes, std::set<std::size_t> ends) {
    std::vector<std::size_t> open(ends.begin(), ends.end());
    while (!open.empty()) {
        const std::size_t next = open.back();
        open.pop_back();
        for (const std::size_t before : c.nodes[next].after)
            if (ends.insert(before).second)
                open.push_back(before);
    }
    return std::includes(ends.begin(), ends.end(), nodes.begin(), nodes.end());
}

/// Which of several nodes that could run does: as recorded, the last recorded first, or any.
std::size_t choose(std::size_t count, random_numbers& random) {
    switch (options().order) {
    case order::forward:
        return 0;
    case order::warp_greedy:
        return count - 1;
    default:
        return random.below(static_cast<unsigned>(count));
    }
}

} // namespace

cudaError_t refuse_while_capturing() {
    captures& c = going_on();
    const std::lock_guard hold(c.lock);
    bool refused = false;
    for (const auto& each : c.all)
        if (each->mode == cudaStreamCaptureModeGlobal ||
            (each->mode == cudaStreamCaptureModeThreadLocal &&
             each->thread == std::this_thread::get_id()))
            each->invalid = refused = true;
    return refused ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

bool is_captured(cudaStream_t stream) {
    return stream != nullptr && stream->capture;
}

cudaError_t enqueue(cudaStream_t stream, std::function<cudaError_t()> work) {
    if (!is_captured(stream))
        return report(work());
    capture& c = *stream->capture;
    if (c.invalid)
        return report(cudaErrorStreamCaptureInvalidated);
    c.nodes.push_back({std::move(work), stream->last});
    stream->last = {c.nodes.size() - 1};
    return cudaSuccess;
}

} // namespace simt

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    if (check_device() != cudaSuccess)
        return report(check_device());
    if (stream == nullptr)
        return report(cudaErrorStreamCaptureUnsupported);
    if (stream->capture)
        return report(cudaErrorIllegalState);
    stream->capture = std::make_shared<simt::capture>();
    stream->capture->origin = stream;
    stream->capture->mode = mode;
    stream->capture->streams = {stream};
    simt::captures& c = simt::going_on();
    const std::lock_guard hold(c.lock);
    c.all.push_back(stream->capture);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    *graph = nullptr;
    if (!simt::is_captured(stream))
        return report(cudaErrorIllegalState);
    const auto capture = stream->capture;
    if (capture->origin != stream) {
        capture->invalid = true;
        return report(cudaErrorStreamCaptureUnmatched);
    }
    if (capture->thread != std::this_thread::get_id() &&
        capture->mode != cudaStreamCaptureModeRelaxed) {
        capture->invalid = true;
        return report(cudaErrorStreamCaptureWrongThread);
    }
    bool joined = true;
    const auto ends = stream->last;
    for (const cudaStream_t each : capture->streams) {
        joined = joined && simt::covered(*capture, each->last, ends);
        each->capture.reset();
        each->last.clear();
    }
    capture->over = true;
    {
        simt::captures& c = simt::going_on();
        const std::lock_guard hold(c.lock);
        std::erase(c.all, capture);
    }
    if (capture->invalid)
        return report(cudaErrorStreamCaptureInvalidated);
    if (!joined)
        return report(cudaErrorStreamCaptureUnjoined);
    *graph = new CUgraph_st{std::move(capture->nodes)};
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    *status = !simt::is_captured(stream) ? cudaStreamCaptureStatusNone
              : stream->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                         : cudaStreamCaptureStatusActive;
    return report(check_device());
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* to, cudaGraph_t graph, unsigned long long flags) {
    *to = nullptr;
    if (graph == nullptr || flags != 0)
        return report(cudaErrorInvalidValue);
    if (check_device() != cudaSuccess)
        return report(check_device());
    *to = new CUgraphExec_st{graph->nodes};
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
    if (graph == nullptr || nodes != nullptr || count == nullptr) // only their number
        return report(cudaErrorInvalidValue);
    *count = graph->nodes.size();
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
    if (graph == nullptr)
        return report(cudaErrorInvalidValue);
    if (check_device() != cudaSuccess)
        return report(check_device());
    if (simt::is_captured(stream)) // would be a graph in a graph
        return report(cudaErrorNotSupported);
    std::vector<std::size_t> missing, ready; // how many come before each; who can run, ascending
    std::vector<std::vector<std::size_t>> followers(graph->nodes.size());
    for (std::size_t i = 0; i < graph->nodes.size(); ++i) {
        missing.push_back(graph->nodes[i].after.size());
        for (const std::size_t before : graph->nodes[i].after)
            followers[before].push_back(i);
        if (missing[i] == 0)
            ready.push_back(i);
    }
    simt::random_numbers random(simt::options().seed + graph->launches++);
    while (!ready.empty()) {
        const std::size_t place = simt::choose(ready.size(), random);
        const std::size_t next = ready[place];
        ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(place));
        if (const cudaError_t status = graph->nodes[next].work())
            return report(status);
        for (const std::size_t each : followers[next])
            if (--missing[each] == 0)
                ready.insert(std::upper_bound(ready.begin(), ready.end(), each), each);
    }
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
