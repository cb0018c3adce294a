// A step that is queued by one call instead of a launch for each of its kernels: a CUDA graph.
#pragma once

#include <pfad/core/pool.hpp>
#include <pfad/cuda/context.hpp>
#include <pfad/cuda/fixed_networks.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::cuda {

/// A step of always the same work, called again and again. The first calls run it as it is; once
/// its memory repeats, a call captures it, and every later one replays the graph, without running
/// the function.
///
///     captured step{ctx, [&] { loss = train(model, batch); optimiser.step(ctx); }};
///     for (...) {
///         copy(ctx, next, batch.view()); // inputs are tensors that stay, written before each call
///         step();
///     }
///
/// The step
/// - queues work on the context, and on its side between fork and join, and nowhere else;
/// - does not synchronise, read what a GPU computes, or get memory but from the context;
/// - touches from outside only tensors that live as long as this object;
/// - may leave tensors behind, as `loss`, which each later call writes anew where they are.
/// What the host does in it (a learning rate, a counter, a choice) stays as it was when the step
/// was captured.
///
/// The step's memory is a pool of its own, one more for the side: between two replays the addresses
/// of the graph are free in the eyes of a pool, which would hand them to others.
template <std::derived_from<context> Context>
class captured {
public:
    /// The context outlives this object. `fixed` promises that the networks which the step evaluates
    /// do not change until the last step that shares it is gone: batch norm is folded into their
    /// convolutions, in copies that these steps share. Null promises nothing.
    captured(Context& ctx,
             std::function<void()> step,
             std::shared_ptr<fixed_networks> fixed = nullptr)
        : ctx_(&ctx), step_(std::move(step)), fixed_(std::move(fixed)) {}

    /// Queues the step once. Throws what the step throws; errc::value where it needs new memory in
    /// every run; errc::memory or errc::backend where it cannot be captured, after which the
    /// context still works, and a further call tries again.
    void operator()() {
        ctx_->make_current("captured: the launch of the step");
        if (!graph_ && !repeats_) {
            warm_up();
            return;
        }
        if (!graph_)
            capture();
        check(cudaGraphLaunch(graph_.get(), ctx_->stream()), "captured: the launch of the step");
    }

    /// Whether the step is one launch from now on.
    [[nodiscard]] bool is_captured() const { return graph_ != nullptr; }

    /// Kernels and copies of the step's graph; 0 before there is one.
    [[nodiscard]] std::size_t nodes() const { return nodes_; }

    /// Bytes of the GPU that the step's pools have taken, of the side's, too.
    [[nodiscard]] std::size_t reserved_bytes() const {
        std::size_t bytes = 0;
        for (const auto& each : pools_)
            bytes += each->reserved_bytes();
        return bytes;
    }

private:
    struct destroy {
        void operator()(cudaGraph_t graph) const { discard(cudaGraphDestroy(graph)); }
        void operator()(cudaGraphExec_t graph) const { discard(cudaGraphExecDestroy(graph)); }
    };
    using recording = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, destroy>;
    using executable = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, destroy>;

    // The context and its side have the step's pools and fixed networks for so long.
    class private_memory {
    public:
        private_memory(captured& owner, fixed_networks* fixed) : owner_(owner) {
            for (Context* c = owner.ctx_; c; c = c->has_side() ? &c->side() : nullptr) {
                if (users_.size() == owner.pools_.size())
                    owner.pools_.push_back(device_pool());
                users_.push_back(c);
            }
            exchange();
            before_ = owner.ctx_->fixed;
            set(fixed);
        }
        private_memory(const private_memory&) = delete;
        private_memory& operator=(const private_memory&) = delete;
        ~private_memory() {
            set(before_);
            exchange();
        }

    private:
        void exchange() noexcept {
            for (std::size_t i = 0; i < users_.size(); ++i)
                users_[i]->memory.swap(owner_.pools_[i]);
        }
        // A side may have been made meanwhile.
        void set(fixed_networks* to) noexcept {
            for (Context* c = owner_.ctx_; c; c = c->has_side() ? &c->side() : nullptr)
                c->fixed = to;
        }
        captured& owner_;
        std::vector<Context*> users_;
        fixed_networks* before_;
    };

    // The first run takes memory and makes the plans of vendor libraries, another shows that it
    // needs no more. What a step leaves behind, a side that it makes, can ask for one or two more.
    void warm_up() {
        constexpr int most = 8;
        if (runs_ == most)
            fail(errc::value,
                 "captured: the step does not repeat: it took more memory in each of " +
                     std::to_string(most) + " runs");
        const std::size_t before = reserved_bytes();
        {
            const private_memory scope(*this, fixed_.get());
            step_();
        }
        ++runs_;
        repeats_ = runs_ > 1 && reserved_bytes() == before;
    }

    void capture() {
        for (const auto& each : pools_)
            each->freeze();
        try {
            const recording graph = record();
            std::size_t nodes = 0;
            check(cudaGraphGetNodes(graph.get(), nullptr, &nodes), "captured: the step's graph");
            cudaGraphExec_t made = nullptr;
            check(cudaGraphInstantiate(&made, graph.get(), 0), "captured: the step's graph");
            graph_.reset(made);
            nodes_ = nodes;
        } catch (...) {
            for (const auto& each : pools_)
                each->thaw();
            throw;
        }
    }

    [[nodiscard]] recording record() {
        // A copy that is only recorded now is the graph's own.
        fixed_networks known = fixed_ ? *fixed_ : fixed_networks();
        const private_memory scope(*this, fixed_ ? &known : nullptr);
        // Other threads may allocate and synchronise meanwhile: thread-local.
        check(cudaStreamBeginCapture(ctx_->stream(), cudaStreamCaptureModeThreadLocal),
              "captured: the begin of the capture");
        const auto end = [&](cudaError_t& status) {
            cudaGraph_t made = nullptr;
            status = cudaStreamEndCapture(ctx_->stream(), &made);
            return recording(made);
        };
        cudaError_t status = cudaSuccess;
        try {
            step_();
        } catch (const error& problem) {
            const recording dropped = end(status);
            static_cast<void>(cudaGetLastError()); // the first error says what is wrong
            fail(problem.code(),
                 std::string("captured: the step cannot be captured: ") + problem.what());
        } catch (...) {
            const recording dropped = end(status);
            static_cast<void>(cudaGetLastError());
            throw;
        }
        recording graph = end(status);
        check(status, "captured: the end of the capture");
        return graph;
    }

    Context* ctx_;
    std::function<void()> step_;
    std::shared_ptr<fixed_networks> fixed_;
    std::vector<std::shared_ptr<pool>> pools_;
    executable graph_;
    std::size_t nodes_ = 0;
    int runs_ = 0;
    bool repeats_ = false;
};

} // namespace pfad::cuda
