// An ONNX graph that grows node by node, and the checks that ONNX has for it.
#pragma once

#include <pfad/core/error.hpp>

#if !defined(ONNX_NAMESPACE) || !defined(ONNX_ML)
#error "these headers need ONNX_NAMESPACE=onnx and ONNX_ML=1, as pfad::onnx of CMake sets them"
#endif

#include <onnx/checker.h>
#include <onnx/defs/attr_proto_util.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <bit>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace pfad::onnx {

static_assert(std::endian::native == std::endian::little, "ONNX's raw arrays are little-endian");

/// The version of ONNX's operators that the files ask for.
inline constexpr int opset = 17;

/// A list of extents or of axes.
using extents = std::vector<std::int64_t>;

/// A number, a list or a word that a node has beside its inputs.
struct attribute {
    const char* name;                                              ///< ONNX's
    std::variant<std::int64_t, float, extents, const char*> value; ///< of its type
};

/// ONNX's number of an element type: float, int64 or uint8.
template <class T>
inline constexpr int element_type =
    std::is_same_v<T, float>          ? ::onnx::TensorProto::FLOAT
    : std::is_same_v<T, std::int64_t> ? ::onnx::TensorProto::INT64
    : std::is_same_v<T, std::uint8_t> ? ::onnx::TensorProto::UINT8
                                      : ::onnx::TensorProto::UNDEFINED;

/// What a file of ONNX holds. Every value has a name; names are the caller's where it gives one,
/// those of a node's weight, or the operator's with a number.
class graph {
public:
    graph() {
        model_.set_ir_version(8); // that of opset 17
        model_.set_producer_name("pfad");
        auto* const set = model_.add_opset_import();
        set->set_domain("");
        set->set_version(opset);
    }

    /// An input of these extents, of which the first is the batch's and stays open.
    template <class T>
    void input(const std::string& name, std::span<const std::int64_t> dims) {
        declare<T>(*model_.mutable_graph()->add_input(), name, dims);
    }
    /// The value of this name as an output, of extents as an input's.
    template <class T>
    void output(const std::string& name, std::span<const std::int64_t> dims) {
        declare<T>(*model_.mutable_graph()->add_output(), name, dims);
    }

    /// A constant array.
    template <class T>
    void initializer(const std::string& name,
                     std::span<const std::int64_t> dims,
                     std::span<const T> values) {
        auto* const array = model_.mutable_graph()->add_initializer();
        array->set_name(name);
        array->set_data_type(element_type<T>);
        for (const std::int64_t extent : dims)
            array->add_dims(extent);
        array->set_raw_data(values.data(), values.size_bytes());
    }
    /// A list of integers as a constant; its name. Equal lists are one.
    [[nodiscard]] std::string integers(const extents& values) {
        return constant(integers_, values, {static_cast<std::int64_t>(values.size())});
    }
    /// Numbers of these extents as a constant; its name. Equal ones are one.
    [[nodiscard]] std::string numbers(const std::vector<float>& values, const extents& dims = {}) {
        return constant(numbers_, values, dims);
    }

    /// A node of one result; its name, which is `name` where that is given.
    std::string node(const std::string& op,
                     const std::vector<std::string>& inputs,
                     std::initializer_list<attribute> attributes = {},
                     std::string name = "") {
        auto* const made = model_.mutable_graph()->add_node();
        if (name.empty())
            name = name_for(op, inputs);
        made->set_name(name);
        made->set_op_type(op);
        for (const auto& input : inputs)
            made->add_input(input);
        // Of several results, as TopK has, the first.
        made->add_output(name);
        if (op == "TopK")
            made->add_output(name + ".indices");
        for (const auto& a : attributes)
            *made->add_attribute() = std::visit(
                [&](const auto& value) { return ::onnx::MakeAttribute(a.name, value); }, a.value);
        return name;
    }

    /// An entry of the file's metadata.
    void note(const std::string& key, const std::string& value) {
        auto* const entry = model_.add_metadata_props();
        entry->set_key(key);
        entry->set_value(value);
    }

    /// The model after ONNX's own checker and strict shape inference. Throws errc::value where
    /// they refuse it.
    [[nodiscard]] ::onnx::ModelProto finish(const std::string& name) {
        model_.mutable_graph()->set_name(name);
        try {
            ::onnx::shape_inference::InferShapes(
                model_, ::onnx::OpSchemaRegistry::Instance(),
                ::onnx::ShapeInferenceOptions(/*check_type=*/true, /*strict_mode=*/1,
                                              /*data_propagation=*/true));
            ::onnx::checker::check_model(model_);
        } catch (const std::exception& e) {
            fail(errc::value, "onnx: the graph is refused: " + std::string(e.what()));
        }
        return std::move(model_);
    }

private:
    template <class T>
    void declare(::onnx::ValueInfoProto& value,
                 const std::string& name,
                 std::span<const std::int64_t> dims) {
        value.set_name(name);
        auto* const tensor = value.mutable_type()->mutable_tensor_type();
        tensor->set_elem_type(element_type<T>);
        for (std::size_t axis = 0; axis < dims.size(); ++axis) {
            auto* const extent = tensor->mutable_shape()->add_dim();
            if (axis == 0)
                extent->set_dim_param("batch");
            else
                extent->set_dim_value(dims[axis]);
        }
    }

    template <class T>
    using constants = std::map<std::pair<std::vector<T>, extents>, std::string>;
    template <class T>
    std::string constant(constants<T>& known, const std::vector<T>& values, const extents& dims) {
        auto& name = known[{values, dims}];
        if (name.empty())
            initializer<T>(name = name_for("Constant", {}), dims, values);
        return name;
    }

    // "student.encoder.conv1" of a node with student.encoder.conv1.weight, "add_1" of the first Add.
    std::string name_for(const std::string& op, const std::vector<std::string>& inputs) {
        for (const auto& input : inputs)
            if (input.ends_with(".weight")) {
                auto layer = input.substr(0, input.size() - 7);
                return used_[layer]++ == 0 ? layer : numbered(layer);
            }
        std::string name = op;
        name[0] = static_cast<char>(name[0] - 'A' + 'a');
        return ++used_[name], numbered(name);
    }
    std::string numbered(const std::string& name) {
        return name + "_" + std::to_string(used_[name]);
    }

    ::onnx::ModelProto model_;
    std::map<std::string, int> used_;
    constants<std::int64_t> integers_;
    constants<float> numbers_;
};

} // namespace pfad::onnx
