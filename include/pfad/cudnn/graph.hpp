// cuDNN's graph interface (its C functions; the older ones are deprecated) in a few owning types: a
// descriptor of anything, a tensor's, and the search for a plan that runs a graph of operations.
#pragma once

#include <pfad/core/bf16.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/shape.hpp>

#include <cudnn.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace pfad::cudnn {

/// Throws errc::backend "cuDNN, subject: what cuDNN says" unless the call succeeded.
inline void check(cudnnStatus_t status, const std::string& subject) {
    if (status == CUDNN_STATUS_SUCCESS)
        return;
    std::array<char, 512> reason = {};
    cudnnGetLastErrorString(reason.data(), reason.size());
    fail(errc::backend, "cuDNN, " + subject + ": " + cudnnGetErrorString(status) +
                            (reason[0] ? std::string(" (") + reason.data() + ")" : ""));
}

namespace detail {

// The type that cuDNN wants to hear with an attribute of a C++ type.
template <class T>
inline constexpr cudnnBackendAttributeType_t attribute_type = CUDNN_TYPE_INT64;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<double> = CUDNN_TYPE_DOUBLE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnConvolutionMode_t> =
    CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnBackendHeurMode_t> =
    CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnBackendNumericalNote_t> =
    CUDNN_TYPE_NUMERICAL_NOTE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnBackendBehaviorNote_t> =
    CUDNN_TYPE_BEHAVIOR_NOTE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnPointwiseMode_t> =
    CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnNanPropagation_t> =
    CUDNN_TYPE_NAN_PROPOGATION;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr cudnnBackendAttributeType_t attribute_type<void*> = CUDNN_TYPE_VOID_PTR;

} // namespace detail

/// How cuDNN calls an element type.
template <class T>
inline constexpr cudnnDataType_t data_type = CUDNN_DATA_FLOAT;
/// cuDNN's name of double.
template <>
inline constexpr cudnnDataType_t data_type<double> = CUDNN_DATA_DOUBLE;
/// cuDNN's name of bf16.
template <>
inline constexpr cudnnDataType_t data_type<bf16> = CUDNN_DATA_BFLOAT16;

/// Owns one of cuDNN's descriptors: set its attributes, then finalise it.
class descriptor {
public:
    descriptor() = default;
    /// Creates one of this type; `name` is for error messages. Throws errc::backend.
    descriptor(cudnnBackendDescriptorType_t type, std::string name) : name_(std::move(name)) {
        cudnnBackendDescriptor_t made = nullptr;
        check(cudnnBackendCreateDescriptor(type, &made), name_);
        owned_.reset(made);
    }

    /// One value, or several that lie one behind the other.
    template <class T>
    descriptor& set(cudnnBackendAttributeName_t attribute, const T& value) {
        if constexpr (std::is_same_v<T, descriptor>)
            return set(attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, value.address());
        else if constexpr (requires { value.size(); })
            return set(attribute, detail::attribute_type<typename T::value_type>,
                       static_cast<std::int64_t>(value.size()), value.data());
        else
            return set(attribute, detail::attribute_type<T>, 1, &value);
    }
    /// Sets `count` values of an attribute. Throws errc::backend.
    descriptor& set(cudnnBackendAttributeName_t attribute,
                    cudnnBackendAttributeType_t type,
                    std::int64_t count,
                    const void* values) {
        check(cudnnBackendSetAttribute(owned_.get(), attribute, type, count, values), name_);
        return *this;
    }
    /// Nothing can be set from here on. Throws errc::backend where cuDNN does not accept what was
    /// set.
    descriptor& finalise() {
        check(cudnnBackendFinalize(owned_.get()), name_);
        return *this;
    }
    /// finalise() where a refusal is an answer. What is no answer, a lack of memory or a GPU that
    /// fails, is thrown.
    [[nodiscard]] bool finalises() {
        const cudnnStatus_t status = cudnnBackendFinalize(owned_.get());
        if (status == CUDNN_STATUS_ALLOC_FAILED ||
            status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
            status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ||
            CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_EXECUTION_FAILED)
            check(status, name_);
        return status == CUDNN_STATUS_SUCCESS;
    }

    /// One value of an attribute.
    template <class T>
    [[nodiscard]] T get(cudnnBackendAttributeName_t attribute) const {
        T value = {};
        std::int64_t count = 0;
        check(cudnnBackendGetAttribute(owned_.get(), attribute, detail::attribute_type<T>, 1,
                                       &count, &value),
              name_);
        return value;
    }
    /// All values of one.
    template <class T>
    [[nodiscard]] std::vector<T> list(cudnnBackendAttributeName_t attribute,
                                      std::int64_t most) const {
        std::vector<T> values(static_cast<std::size_t>(most));
        std::int64_t count = 0;
        check(cudnnBackendGetAttribute(owned_.get(), attribute, detail::attribute_type<T>, most,
                                       &count, values.data()),
              name_);
        values.resize(static_cast<std::size_t>(count));
        return values;
    }
    /// The descriptors that an attribute holds, all of one type.
    [[nodiscard]] std::vector<descriptor> parts(cudnnBackendAttributeName_t attribute,
                                                cudnnBackendDescriptorType_t type) const {
        std::int64_t count = 0;
        check(cudnnBackendGetAttribute(owned_.get(), attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0,
                                       &count, nullptr),
              name_);
        std::vector<descriptor> result;
        std::vector<cudnnBackendDescriptor_t> raw;
        for (std::int64_t i = 0; i < count; ++i)
            raw.push_back(result.emplace_back(type, name_).owned_.get());
        check(cudnnBackendGetAttribute(owned_.get(), attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                       count, &count, raw.data()),
              name_);
        result.resize(static_cast<std::size_t>(count));
        return result;
    }

    /// cuDNN's handle.
    [[nodiscard]] cudnnBackendDescriptor_t get() const { return owned_.get(); }
    [[nodiscard]] const std::string& name() const { return name_; } ///< for error messages

private:
    struct destroy {
        void operator()(cudnnBackendDescriptor_t d) const { cudnnBackendDestroyDescriptor(d); }
    };
    // cuDNN takes descriptors by the address of their pointer.
    [[nodiscard]] const void* address() const {
        raw_ = owned_.get();
        return &raw_;
    }

    std::string name_;
    std::unique_ptr<std::remove_pointer_t<cudnnBackendDescriptor_t>, destroy> owned_;
    mutable cudnnBackendDescriptor_t raw_ = nullptr;
};

/// A dense array (n, h, w, c), or weights (k, r, s, c), under a number of the graph's. cuDNN lists
/// extents as (n, c, h, w) whatever the layout. A virtual one exists between two operations alone.
[[nodiscard]] inline descriptor tensor_descriptor(std::int64_t number,
                                                  cudnnDataType_t element,
                                                  const shape<4>& dims,
                                                  const std::string& name,
                                                  bool is_virtual = false) {
    const auto [n, h, w, c] = dims.extent;
    descriptor result(CUDNN_BACKEND_TENSOR_DESCRIPTOR, name);
    result.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, number)
        .set(CUDNN_ATTR_TENSOR_DATA_TYPE, element)
        .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::array<std::int64_t, 4>{n, c, h, w})
        .set(CUDNN_ATTR_TENSOR_STRIDES, std::array<std::int64_t, 4>{h * w * c, 1, w * c, c})
        .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t(16))
        .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
    result.finalise();
    return result;
}

/// What an engine may do to be chosen.
struct engine_limits {
    /// Of float: inputs are rounded to TF32, or sums are rearranged (Winograd, FFT).
    bool tensor_cores = true;
    bool nondeterministic = false; ///< other bits on every run
    bool compiled = false;         ///< by cuDNN when a plan is made, which takes up to seconds
};

/// A graph of operations with the code that runs it.
struct plan {
    descriptor executable;      ///< of cuDNN; empty where there is no plan
    std::int64_t workspace = 0; ///< bytes

    /// Whether there is a plan.
    explicit operator bool() const { return executable.get() != nullptr; }
};

/// Whether the engine of a configuration keeps within the limits. Sums are always of full precision.
[[nodiscard]] inline bool within(const descriptor& configuration, const engine_limits& limits) {
    const auto engines =
        configuration.parts(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    for (const auto& engine : engines) {
        for (const auto note : engine.list<cudnnBackendNumericalNote_t>(
                 CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT)) {
            if (note == CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP)
                continue;
            if (note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC
                    ? !limits.nondeterministic
                    : !limits.tensor_cores ||
                          note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)
                return false;
        }
        for (const auto note : engine.list<cudnnBackendBehaviorNote_t>(
                 CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT))
            if (note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION && !limits.compiled)
                return false;
    }
    return true;
}

/// What plans are made for. cuDNN 9.19 deprecates a handle where it takes properties, but it is with a
/// handle that programs have run plans so far.
struct plan_device {
    cudnnHandle_t handle = nullptr; ///< of a GPU that is here; or
    descriptor properties;          ///< those of one that need not be
};

/// The GPU of a handle.
[[nodiscard]] inline plan_device device_of(cudnnHandle_t handle) {
    return {handle, {}};
}

/// A GPU that need not be here, by the properties that cuDNN writes of one as JSON: plans for it can
/// be made, not run.
[[nodiscard]] inline plan_device device_of(const std::string& json) {
    descriptor result(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "the properties of a GPU");
    result.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
               static_cast<std::int64_t>(json.size()) + 1, json.c_str());
    result.finalise();
    return {nullptr, std::move(result)};
}

/// The best plan for a GPU within the limits by cuDNN's own opinion, or none.
[[nodiscard]] inline plan find_plan(const plan_device& device,
                                    const std::vector<descriptor>& operations,
                                    const engine_limits& limits,
                                    const std::string& name) {
    const bool here = device.handle != nullptr;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (const auto& operation : operations)
        raw.push_back(operation.get());
    descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, name);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
              static_cast<std::int64_t>(raw.size()), raw.data());
    if (here)
        graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, device.handle);
    graph.finalise();
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
        descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, name);
        heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
            .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
        if (!here)
            heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device.properties);
        if (!heuristics.finalises())
            continue;
        for (const auto& configuration :
             heuristics.parts(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) {
            if (!within(configuration, limits))
                continue;
            plan made;
            made.executable = {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, name};
            made.executable.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
            if (here)
                made.executable.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, device.handle);
            else
                made.executable.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device.properties);
            if (!made.executable.finalises())
                continue;
            made.workspace =
                made.executable.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
            return made;
        }
    }
    return {};
}

} // namespace pfad::cudnn
