// A value with a place for its gradient.
#pragma once

#include <pfad/core/context.hpp>
#include <pfad/core/element.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/tensor.hpp>

#include <memory>
#include <utility>

namespace pfad {

/// Where a gradient goes and how it is written: the first writer sets, later ones add, so that no
/// gradient is ever filled with zeros first.
template <class T, int R>
struct gradient_target {
    view<T, R> to; ///< memory of the gradient
    store how;     ///< whether to set it or to add to it
};

/// What a gradient slot is without its rank: for lists of parameters.
template <class T>
class gradient_state {
public:
    virtual ~gradient_state() = default;
    /// The gradient's elements; null before the first claim.
    [[nodiscard]] virtual const T* data() const = 0;
    /// Whether a gradient has been written since the last reset.
    [[nodiscard]] bool written() const { return written_; }
    /// The next writer sets again; the memory stays.
    void reset() { written_ = false; }

protected:
    bool written_ = false; ///< set by the first claim
};

/// The gradient of one variable or parameter, allocated when the first consumer writes it.
template <class T, int R, class Space = host>
class gradient_slot final : public gradient_state<T> {
public:
    [[nodiscard]] const T* data() const override { return gradient_.data(); }
    /// Empty before the first claim.
    [[nodiscard]] const tensor<T, R, Space>& gradient() const { return gradient_; }

    /// The place to write a gradient of these extents to, allocated the first time. Throws
    /// errc::shape where an earlier claim had other extents, errc::memory as empty().
    template <memory_source Context>
    [[nodiscard]] gradient_target<T, R>
    claim(Context& context, const shape<R>& dims, const char* who = __builtin_FILE()) {
        if (!gradient_)
            gradient_ = empty<T>(context, dims, who);
        expect(gradient_.dims() == dims, "gradient", "has its value's shape", gradient_.dims(),
               dims);
        const store how = this->written_ ? store::add : store::set;
        this->written_ = true;
        return {gradient_.view(), how};
    }

    /// Uses this memory from now on (the optimiser's flat block).
    void place(tensor<T, R, Space> memory) { gradient_ = std::move(memory); }

private:
    tensor<T, R, Space> gradient_;
};

/// A result of an op, or an input. `slot` is null where nobody asks for the gradient.
template <class T, int R, class Space = host>
struct variable {
    tensor<T, R, Space> value;                        ///< the elements
    std::shared_ptr<gradient_slot<T, R, Space>> slot; ///< its gradient's place, or null

    /// Extents of the value.
    [[nodiscard]] const shape<R>& dims() const { return value.dims(); }
    /// Extent of one axis of the value.
    [[nodiscard]] std::int64_t extent(int axis) const { return value.extent(axis); }
    /// Whether somebody asks for the gradient.
    [[nodiscard]] bool wants_gradient() const { return slot != nullptr; }
    /// After backward: d loss / d value.
    [[nodiscard]] const tensor<T, R, Space>& gradient() const {
        expect(slot && slot->written(), "gradient", "was computed by a backward pass");
        return slot->gradient();
    }
};

/// A batch of pictures or feature maps: (n, h, w, c).
template <class T, class Space = host>
using maps = variable<T, 4, Space>;

/// An input whose gradient nobody asks for.
template <class T, int R, class Space>
[[nodiscard]] variable<T, R, Space> constant(tensor<T, R, Space> value) {
    return {std::move(value), nullptr};
}

/// An input whose gradient is wanted.
template <class T, int R, class Space>
[[nodiscard]] variable<T, R, Space> leaf(tensor<T, R, Space> value) {
    return {std::move(value), std::make_shared<gradient_slot<T, R, Space>>()};
}

} // namespace pfad
