// The owning array: a shared handle to dense memory in one space.
#pragma once

#include <pfad/core/context.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/shape.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <memory_resource>
#include <type_traits>
#include <utility>

namespace pfad {

/// Copying a tensor shares its elements; `clone` copies them. Like a shared_ptr, a const tensor
/// still gives access to mutable elements.
template <class T, int R, class Space = host>
class tensor {
public:
    /// Type of an element.
    using element = T;
    using space = Space;
    /// Number of axes.
    static constexpr int rank = R;

    tensor() = default;
    /// Shares `data`, which has dims.size() elements.
    tensor(std::shared_ptr<T[]> data, const shape<R>& dims) : data_(std::move(data)), dims_(dims) {}

    /// The first element, in the memory of Space; null of an empty handle.
    [[nodiscard]] T* data() const { return data_.get(); }
    /// Extents.
    [[nodiscard]] const shape<R>& dims() const { return dims_; }
    /// Extent of one axis.
    [[nodiscard]] std::int64_t extent(int axis) const { return dims_[axis]; }
    /// Number of elements; 0 of an empty handle.
    [[nodiscard]] std::int64_t size() const { return data_ ? dims_.size() : 0; }
    /// Whether there is memory behind the handle.
    [[nodiscard]] explicit operator bool() const { return data_ != nullptr; }

    /// The same elements, not owned.
    [[nodiscard]] pfad::view<T, R> view() const { return {data_.get(), dims_}; }
    /// Ops' loops take views, to write.
    operator pfad::view<T, R>() const { return view(); }
    /// Or to read.
    operator pfad::view<const T, R>() const { return view(); }

    /// The same elements under other extents; the number of elements must not change.
    template <int Q>
    [[nodiscard]] tensor<T, Q, Space> reshape(const shape<Q>& dims) const {
        expect(dims.size() == dims_.size(), "reshape", "the number of elements stays", dims_, dims);
        return {data_, dims};
    }

    /// The same elements as one row.
    [[nodiscard]] tensor<T, 1, Space> flat() const { return {data_, {dims_.size()}}; }

    /// `count` consecutive elements from `offset` on, as extents `dims`, sharing the memory.
    template <int Q>
    [[nodiscard]] tensor<T, Q, Space> slice(std::int64_t offset, const shape<Q>& dims) const {
        expect(offset >= 0 && offset + dims.size() <= dims_.size(), "slice", "stays inside", dims_,
               dims);
        return {std::shared_ptr<T[]>(data_, data_.get() + offset), dims};
    }

private:
    std::shared_ptr<T[]> data_;
    shape<R> dims_ = {};
};

/// Uninitialised memory from the context's pool. The tensor keeps the pool alive. Throws
/// errc::memory where there is none, in the name of `who`: an op, or a source file, by default the
/// caller's, whose stem is the op; errc::shape for a negative extent or a size beyond 64 bits.
template <class T, int R, memory_source Context>
[[nodiscard]] tensor<T, R, typename Context::space>
empty(Context& context, const shape<R>& dims, const char* who = __builtin_FILE()) {
    // Extents of zero do not excuse the others.
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / sizeof(T);
    for (std::int64_t axis = 0, product = 1; axis < R; ++axis) {
        const std::int64_t extent = dims[static_cast<int>(axis)];
        expect(extent >= 0, "empty", "extents are not negative", dims);
        expect(extent <= most / product, "empty", "the size in bytes is within 64 bits", dims);
        product *= std::max<std::int64_t>(extent, 1);
    }
    auto memory = context.memory;
    const std::size_t bytes = static_cast<std::size_t>(dims.size()) * sizeof(T);
    T* const data = static_cast<T*>(memory->take(bytes, who));
    auto release = [memory = std::move(memory), bytes](T* p) { memory->deallocate(p, bytes, 64); };
    return {std::shared_ptr<T[]>(data, std::move(release)), dims};
}

/// Memory filled with one value.
template <class T, int R, memory_source Context>
[[nodiscard]] tensor<T, R, typename Context::space>
full(Context& context, const shape<R>& dims, T value, const char* who = __builtin_FILE()) {
    auto result = empty<T>(context, dims, who);
    if constexpr (std::is_same_v<typename Context::space, host>)
        std::fill_n(result.data(), result.size(), value);
    else
        fill_forward(context, value, result.flat().view());
    return result;
}

/// A copy of the elements in memory of its own.
template <class T, int R, memory_source Context>
[[nodiscard]] tensor<T, R, host>
clone(Context& context, const tensor<T, R, host>& from, const char* who = __builtin_FILE()) {
    auto result = empty<T>(context, from.dims(), who);
    std::copy_n(from.data(), from.size(), result.data());
    return result;
}

} // namespace pfad
