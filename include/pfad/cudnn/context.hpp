// Where cuDNN work runs: its handle on the stream of a CUDA context, and plans made once per shape.
// Everything that has no override here runs as the hand-written kernels on the same stream.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cuda/context.hpp>
#include <pfad/cudnn/graph.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::cudnn {

/// What dense operations on floats may round.
enum class precision {
    strict, ///< nothing: IEEE float, as the tests want it
    fast    ///< inputs to TF32, for tensor cores
};

/// Everything that a plan depends on, compared member by member: as onednn::primitive_key, and what
/// engines may do.
struct plan_key {
    std::int64_t op;         ///< which operation
    cudnnDataType_t element; ///< of the arrays
    /// Extents of the three arrays, and what else the operation has.
    std::array<std::int64_t, 4> a, b, c, numbers;
    /// What engines may do.
    bool tensor_cores, nondeterministic;

    friend auto operator<=>(const plan_key&, const plan_key&) = default;
};

/// The cuDNN backend on one stream of one GPU. One thread at a time.
struct context : cuda::context {
    /// On this GPU. Throws errc::backend where there is none or cuDNN does not start.
    explicit context(int device = 0) : cuda::context(device) {
        cudnnHandle_t made = nullptr;
        check(cudnnCreate(&made), "its handle on GPU " + std::to_string(device));
        handle_.reset(made);
        check(cudnnSetStream(made, stream()), "its stream");
        device_ = device_of(made);
    }

    precision floats = precision::fast;  ///< of the products of float
    bool allow_nondeterministic = false; ///< whether engines may add up in any order

    /// As cuda::context's, with a handle and plans of its own and the settings of this one.
    [[nodiscard]] context& side() {
        if (!side_)
            side_ = std::make_unique<context>(device());
        side_->fixed = fixed;
        side_->floats = floats;
        side_->allow_nondeterministic = allow_nondeterministic;
        return *side_;
    }
    /// Whether side() was called.
    [[nodiscard]] bool has_side() const { return side_ != nullptr; }

    /// On the context's stream.
    [[nodiscard]] cudnnHandle_t handle() const { return handle_.get(); }
    /// The GPU.
    [[nodiscard]] const plan_device& plans_for() const { return device_; }
    /// What engines may do with arrays of this type.
    [[nodiscard]] engine_limits limits(cudnnDataType_t element) const {
        return {element == CUDNN_DATA_BFLOAT16 || floats == precision::fast,
                allow_nondeterministic};
    }

    /// The plan of a key, made by `make()` the first time, which throws where there is none.
    template <class F>
    [[nodiscard]] const plan& plan_of(const plan_key& key, F&& make) {
        const auto found = plans_.find(key);
        if (found != plans_.end())
            return found->second;
        make_current("cuDNN, a plan");
        // A process that keeps changing shapes starts over instead of growing without end.
        if (plans_.size() >= 1024)
            plans_.clear();
        return plans_.try_emplace(key, make()).first->second;
    }

private:
    struct destroy {
        void operator()(cudnnHandle_t handle) const { cudnnDestroy(handle); }
    };
    std::unique_ptr<std::remove_pointer_t<cudnnHandle_t>, destroy> handle_;
    plan_device device_;
    std::map<plan_key, plan> plans_;
    std::unique_ptr<context> side_;
};

/// Queues a plan. `arrays` are the graph's tensors by their numbers; the workspace comes from the
/// context's pool.
inline void execute(context& ctx,
                    const plan& ready,
                    const std::vector<std::pair<std::int64_t, const void*>>& arrays) {
    const std::string& name = ready.executable.name();
    std::vector<std::int64_t> numbers;
    std::vector<void*> addresses;
    for (const auto& [number, address] : arrays) {
        numbers.push_back(number);
        addresses.push_back(const_cast<void*>(address)); // cuDNN takes inputs so, too
    }
    tensor<std::byte, 1, gpu> workspace;
    if (ready.workspace > 0)
        workspace = empty<std::byte>(ctx, shape<1>{{ready.workspace}}, name.c_str());
    descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, name);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, numbers)
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, addresses)
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, static_cast<void*>(workspace.data()));
    pack.finalise();
    ctx.make_current(name);
    check(cudnnBackendExecute(ctx.handle(), ready.executable.get(), pack.get()), name);
}

} // namespace pfad::cudnn
