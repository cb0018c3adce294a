// Where oneDNN work runs: engine, stream, primitives made once per shape, weights packed once per
// version. Everything that has no override here runs as plain loops on the same threads.
#pragma once

#include <pfad/autograd/parameter.hpp>
#include <pfad/core/bf16.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>
#include <pfad/onednn/team.hpp>

#include <dnnl.hpp>

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pfad::onednn {

/// oneDNN's name of an element type.
template <class T>
inline constexpr auto data_type = dnnl::memory::data_type::undef;
/// oneDNN's name of float.
template <>
inline constexpr auto data_type<float> = dnnl::memory::data_type::f32;
/// oneDNN's name of bf16.
template <>
inline constexpr auto data_type<bf16> = dnnl::memory::data_type::bf16;

/// The types of which oneDNN computes convolutions.
template <class T>
concept element = data_type<T>
!= dnnl::memory::data_type::undef;

/// Whether the processor multiplies bf16: AVX512-BF16, or AMX.
[[nodiscard]] inline bool has_bf16() {
    const auto with = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & with) == with;
}

/// Whether the processor multiplies matrices of bf16, which leaves every other way behind.
[[nodiscard]] inline bool has_amx() {
    const auto with = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_amx);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & with) == with;
}

/// Throws errc::unsupported where T is bf16 and the processor has no instruction for it, which
/// oneDNN would make up for at a fraction of float's speed.
template <element T>
void require_element() {
    if constexpr (std::is_same_v<T, bf16>)
        if (!has_bf16())
            fail(errc::unsupported, "oneDNN: bf16 needs a processor with AVX512-BF16 or AMX");
}

/// What a primitive computes.
enum class operation {
    conv2d_forward,
    conv2d_backward_input,
    conv2d_backward_weight,
    winograd_product
};

/// How 3x3 convolutions of stride 1 are computed.
enum class conv2d_algorithm {
    measured, ///< as was measured to be faster, see winograd::pays
    direct,   ///< all by oneDNN's direct convolution
    winograd  ///< by minimal filtering, wherever that can
};

/// Everything that a primitive depends on, compared member by member. `a`, `b` and `c` are the
/// shapes of input, weight and output; `numbers` what else the operation has (stride, padding, ..).
struct primitive_key {
    operation op;                    ///< which one
    dnnl::memory::data_type element; ///< of the arrays
    bool bias = false;               ///< whether one is added
    /// Extents of the three arrays, and what else the operation has.
    std::array<std::int64_t, 4> a = {}, b = {}, c = {}, numbers = {};

    friend auto operator<=>(const primitive_key&, const primitive_key&) = default;
};

/// The scratchpad comes from the caller.
[[nodiscard]] inline dnnl::primitive_attr user_scratchpad() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
}

/// A primitive and its arguments. Addresses are set before every execution.
class step {
public:
    step() = default;
    /// Takes a descriptor made with a user scratchpad, and the layout of each argument.
    template <class Primitive, class Descriptor>
    step(Primitive primitive,
         const Descriptor& descriptor,
         const std::vector<std::pair<int, dnnl::memory::desc>>& arguments)
        : primitive_(std::move(primitive)), scratch_(descriptor.scratchpad_desc().get_size()),
          engine_(descriptor.get_engine()), implementation_(descriptor.impl_info_str()) {
        for (const auto& [name, layout] : arguments)
            add(name, layout);
        if (scratch_ > 0)
            add(DNNL_ARG_SCRATCHPAD, descriptor.scratchpad_desc());
    }

    /// One more argument.
    void add(int name, const dnnl::memory::desc& layout) {
        arguments_[name] = dnnl::memory(layout, engine_, DNNL_MEMORY_NONE);
    }

    /// oneDNN takes inputs, too, by a pointer to mutable elements; it does not write to them.
    void bind(int name, const void* data) {
        arguments_.at(name).set_data_handle(const_cast<void*>(data));
    }
    /// Binds an argument that is a oneDNN memory.
    void bind(int name, const dnnl::memory& memory) { arguments_.at(name) = memory; }

    /// Runs on the calling thread's team; the scratchpad comes from the context's pool.
    template <class Context>
    void execute(Context& ctx) {
        tensor<std::byte, 1> scratch;
        if (scratch_ > 0) {
            scratch = empty<std::byte>(ctx, shape<1>{{static_cast<std::int64_t>(scratch_)}},
                                       "oneDNN's scratchpad");
            bind(DNNL_ARG_SCRATCHPAD, scratch.data());
        }
        primitive_.execute(ctx.stream, arguments_);
        ctx.stream.wait();
    }

    /// A product of matrices, on the calling thread alone, which may be one of several at it.
    template <class Context>
    void execute_alone(Context& ctx, const float* a, const float* b, float* result) const {
        std::unordered_map<int, dnnl::memory> arguments;
        const auto set = [&](int name, const void* data) {
            arguments[name] =
                dnnl::memory(arguments_.at(name).get_desc(), engine_, const_cast<void*>(data));
        };
        set(DNNL_ARG_SRC, a);
        set(DNNL_ARG_WEIGHTS, b);
        set(DNNL_ARG_DST, result);
        tensor<std::byte, 1> scratch;
        if (scratch_ > 0) {
            scratch = empty<std::byte>(ctx, shape<1>{{static_cast<std::int64_t>(scratch_)}},
                                       "oneDNN's scratchpad");
            set(DNNL_ARG_SCRATCHPAD, scratch.data());
        }
        dnnl::stream own(engine_);
        primitive_.execute(own, arguments);
        own.wait();
    }

    /// oneDNN's name for the code that it chose.
    [[nodiscard]] const std::string& implementation() const { return implementation_; }

private:
    dnnl::primitive primitive_;
    std::unordered_map<int, dnnl::memory> arguments_;
    std::size_t scratch_ = 0;
    dnnl::engine engine_;
    std::string implementation_;
};

/// What one call of an operation executes. `repack` moves a weight into the layout `packed` that
/// `main` wants, or its gradient out of it; `repack_add` adds the gradient to what is there.
struct plan {
    step main;                 ///< the operation
    step repack;               ///< sets a gradient
    step repack_add;           ///< adds to it
    dnnl::memory::desc packed; ///< layout of the weight or of its gradient
};

/// Packed copies of weights by identity, form and layout. A copy is overwritten when the weight or the
/// scale changes, and dropped when no stamp of its weight is left.
class packed_weights {
public:
    /// What a copy holds.
    enum class form {
        /// The weight as it is.
        plain,
        scaled,  ///< multiplied by a value a filter
        winograd ///< transformed for Winograd's convolution
    };

    /// One packed copy.
    struct copy {
        dnnl::memory memory;        ///< oneDNN's handle of the bytes
        tensor<std::byte, 1> bytes; ///< of the copy
        std::vector<float> scale;   ///< what filters are multiplied by; empty: the weight as it is
        form kind = form::plain;    ///< what it holds
        std::uint64_t version = 0;  ///< of the weight's stamp
        bool filled = false;        ///< whether it holds anything

        /// Whether it is a copy of these contents, multiplied by this scale.
        [[nodiscard]] bool holds(const weight_stamp& stamp, std::span<const float> wanted) const {
            return filled && version == stamp.version() && std::ranges::equal(scale, wanted);
        }
        /// It is from now on.
        void mark(const weight_stamp& stamp, std::span<const float> with) {
            version = stamp.version();
            scale.assign(with.begin(), with.end());
            filled = true;
        }
    };

    /// A new copy, which nothing keeps.
    template <class Context>
    [[nodiscard]] static copy make(Context& ctx, const dnnl::memory::desc& layout) {
        copy result;
        result.bytes =
            empty<std::byte>(ctx, shape<1>{{static_cast<std::int64_t>(layout.get_size())}},
                             "oneDNN's packed weights");
        result.memory = dnnl::memory(layout, ctx.engine, result.bytes.data());
        return result;
    }

    /// The copy of a stamped weight in one form and layout, perhaps not yet filled or of an older version.
    template <class Context>
    [[nodiscard]] copy&
    of(Context& ctx, const weight_stamp& stamp, const dnnl::memory::desc& layout, form kind) {
        auto found = copies_.find(stamp.identity());
        if (found == copies_.end()) {
            std::erase_if(copies_, [](const auto& entry) { return entry.first.expired(); });
            found = copies_.try_emplace(stamp.identity()).first;
        }
        for (auto& each : found->second)
            if (each.memory.get_desc() == layout && each.kind == kind)
                return each;
        auto& made = found->second.emplace_back(make(ctx, layout));
        made.kind = kind;
        return made;
    }

    /// Weights that have copies, living or not yet dropped.
    [[nodiscard]] std::size_t size() const { return copies_.size(); }

private:
    std::map<std::weak_ptr<std::uint64_t>, std::vector<copy>, std::owner_less<>> copies_;
};

/// The oneDNN backend, on `thread_limit` threads (0: one per processor). oneDNN's own loops
/// take turns on a context. Plans, engine and packed weights are for the overrides in this folder.
struct context : cpu::context {
    /// On this many threads; 0: one per processor.
    explicit context(int thread_limit = 0)
        : context(std::make_unique<omp_team>(cpu::thread_count(thread_limit))) {}

    omp_team& team;      ///< the threads, which other loops use too
    dnnl::engine engine; ///< the processor
    dnnl::stream stream; ///< where primitives are executed
    conv2d_algorithm convolutions = conv2d_algorithm::measured; ///< whether Winograd's way is taken
    packed_weights weights;              ///< kept as long as the weights' stamps stay
    std::map<primitive_key, plan> plans; ///< made once per shape
    std::mutex turn;                     ///< one of oneDNN's loops at a time

    /// The plan of a key, made by `make()` the first time.
    template <class F>
    [[nodiscard]] plan& plan_of(const primitive_key& key, F&& make) {
        const auto found = plans.find(key);
        if (found != plans.end())
            return found->second;
        // A process that keeps changing shapes starts over instead of growing without end.
        if (plans.size() >= 1024)
            plans.clear();
        return plans.try_emplace(key, make()).first->second;
    }

private:
    explicit context(std::unique_ptr<omp_team> threads_of_openmp) try : cpu
        ::context(std::move(threads_of_openmp)), team(static_cast<omp_team&>(*threads)),
            engine(dnnl::engine::kind::cpu, 0), stream(engine) {}
    catch (const dnnl::error& e) {
        fail(errc::backend, std::string("oneDNN: cannot start its CPU engine: ") + e.what());
    }
};

/// Calls f(). A failure of oneDNN becomes errc::backend "oneDNN, subject: what".
template <class Subject, class F>
void name_failures(const Subject& subject, F&& f) {
    try {
        f();
    } catch (const dnnl::error& e) {
        fail(errc::backend, "oneDNN, " + subject() + ": " +
                                (e.status == dnnl_out_of_memory ? "out of memory" : e.what()));
    } catch (const std::bad_alloc&) {
        fail(errc::backend, "oneDNN, " + subject() + ": out of memory");
    }
}

/// Calls f() alone on the context, on its team, with denormals flushed.
template <class Subject, class F>
void run_on_team(context& ctx, const Subject& subject, F&& f) {
    const std::lock_guard turn(ctx.turn);
    const team_scope threads(ctx.team);
    name_failures(subject, f);
}

/// Calls f() alone on the context and on the calling thread alone: what it plans is for one thread.
template <class Subject, class F>
void run_alone(context& ctx, const Subject& subject, F&& f) {
    const std::lock_guard turn(ctx.turn);
    const one_thread_scope alone;
    name_failures(subject, f);
}

} // namespace pfad::onednn
