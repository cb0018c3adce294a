// A backend that writes a network down: its ops compute nothing, they add nodes to an ONNX graph.
#pragma once

#include <pfad/autograd/variable.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/pool.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>
#include <pfad/nn/named_arrays.hpp>
#include <pfad/onnx/graph.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pfad::onnx {

/// Memory whose addresses stand for values of the graph, each from the op that makes it to the end
/// of its tensor. Nobody writes to it, so that it costs addresses alone.
class named_memory {
public:
    /// As pool::take.
    [[nodiscard]] void* take(std::size_t bytes, const char* who) {
        return blocks_.take(bytes, who);
    }
    /// The address stands for nothing from now on.
    void deallocate(void* block, std::size_t bytes, std::size_t alignment) {
        names_.erase(block);
        blocks_.deallocate(block, bytes, alignment);
    }
    /// The value that an address stands for; null where no op has made one.
    [[nodiscard]] const std::string* find(const void* address) const {
        const auto found = names_.find(address);
        return found == names_.end() ? nullptr : &found->second;
    }
    /// From now on an address stands for this value.
    void set(const void* address, std::string name) { names_[address] = std::move(name); }

private:
    pool blocks_;
    std::unordered_map<const void*, std::string> names_;
};

/// Runs a network in evaluation on one sample to write it down for batches of any size:
///   pfad::onnx::context ctx;
///   ctx.hold(model);
///   tape<pfad::onnx::context> t(ctx, mode::eval);
///   const auto y = model(t, constant(ctx.input<float>("x", shape{1, 64, 64, 3}, shape{1, 3, 64, 64})));
///   ctx.output("y", y.value, shape{1, 1, 16, 16});
///   const auto file = ctx.graph.finish("model");
/// Images are (n, h, w, c) in pfad and (n, c, h, w) in the graph. An op without a form in
/// onnx/ops.hpp runs on the CPU, and the next one finds no value at its address: errc::unsupported.
/// One that writes over its own input must have a form, as the address keeps its name.
struct context : cpu::context {
    context() : cpu::context(1) {}

    std::shared_ptr<named_memory> memory = std::make_shared<named_memory>(); ///< of empty()
    onnx::graph graph;                                                       ///< what grows

    /// The arrays of a network, which must stay where they are, as constants by their names.
    template <class M>
    void hold(M& m, const std::string& prefix = "") {
        for (auto& array : named_arrays<float>(m, prefix)) {
            const void* const address = array.values.data;
            const auto known = held_.emplace(array.name, address).first->second;
            expect(known == address, "onnx", "networks that are held have different prefixes");
            arrays_.emplace(address, std::move(array));
        }
    }

    /// An input of the graph, `dims` in pfad and `there` in the graph; their first stands for a
    /// batch of any size.
    template <class T, int R, int Q>
    [[nodiscard]] tensor<T, R>
    input(const std::string& name, const shape<R>& dims, const shape<Q>& there) {
        expect(dims.size() == there.size(), "onnx", "an input has as many elements there", dims,
               there);
        auto x = empty<T>(*this, dims);
        graph.input<T>(name, there.extent);
        memory->set(x.data(), name);
        return x;
    }
    /// An input whose axes are pfad's.
    template <class T, int R>
    [[nodiscard]] tensor<T, R> input(const std::string& name, const shape<R>& dims) {
        return input<T>(name, dims, dims);
    }
    /// A value as an output of the graph, under these extents, of which the first is the batch.
    template <class T, int R, int Q>
    void output(const std::string& name, const tensor<T, R>& y, const shape<Q>& dims) {
        expect(y.size() == dims.size(), "onnx", "an output has as many elements there", y.dims(),
               dims);
        std::vector<std::int64_t> to(dims.extent, dims.extent + Q);
        to[0] = -1;
        graph.node("Reshape", {this->name(y.view()), graph.integers(to)}, {}, name);
        graph.output<T>(name, dims.extent);
    }

    /// The value at a view's address.
    template <class T, int R>
    [[nodiscard]] const std::string& name(const view<T, R>& x) const {
        const auto* const found = memory->find(x.data);
        if (!found)
            fail(errc::unsupported, "onnx: the network has an op that has no form in ONNX");
        return *found;
    }
    /// `y` is the value of this name.
    template <class T, int R>
    void set(const view<T, R>& y, std::string name) {
        memory->set(y.data, std::move(name));
    }

    /// A parameter or running statistic; stacked ones in a row along the first axis.
    template <int R>
    [[nodiscard]] std::string array(const view<const float, R>& w) {
        std::vector<std::string> parts;
        for (std::int64_t done = 0; done < w.size();) {
            const auto found = arrays_.find(w.data + done);
            if (found == arrays_.end())
                fail(errc::unsupported,
                     "onnx: weights that are no parameters have no form in ONNX");
            parts.push_back(written(found->second));
            done += found->second.size();
        }
        if (parts.size() == 1)
            return parts[0];
        std::string whole = parts[0]; // convs.0.weight, convs.1.weight, ..: convs.weight
        const auto at = whole.rfind(".0.");
        expect(at != std::string::npos, "onnx",
               "stacked parameters are numbered from 0 in their names");
        whole.erase(at, 2);
        if (written_.insert(whole).second)
            graph.node("Concat", parts, {{"axis", std::int64_t{0}}}, whole);
        return whole;
    }

    /// Channels [offset, offset + part's) of `y`, which is whole when its last are there.
    void add_channels(const view<float, 4>& y,
                      std::int64_t offset,
                      std::int64_t count,
                      std::string part) {
        auto& parts = parts_[y.data];
        if (offset == 0)
            parts.clear();
        parts.push_back(std::move(part));
        if (offset + count < y.extent(3))
            return;
        set(y, parts.size() == 1 ? parts[0]
                                 : graph.node("Concat", parts, {{"axis", std::int64_t{1}}}));
        parts_.erase(y.data);
    }

private:
    const std::string& written(const named_array<float>& array) {
        const auto [place, first] = written_.insert(array.name);
        if (first) {
            std::vector<float> values(static_cast<std::size_t>(array.size()));
            array.to_torch(array.values.data, std::span<float>(values));
            graph.initializer<float>(array.name, array.dims, values);
        }
        return *place;
    }

    std::unordered_map<const void*, named_array<float>> arrays_;
    std::unordered_map<std::string, const void*> held_;
    std::unordered_set<std::string> written_;
    std::unordered_map<const void*, std::vector<std::string>> parts_;
};

} // namespace pfad::onnx
