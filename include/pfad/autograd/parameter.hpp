// What a module owns: trained parameters and untrained state.
#pragma once

#include <pfad/autograd/variable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>

namespace pfad {

/// Identifies the current contents of a parameter, so that a backend may keep a packed copy. The
/// default stamp names nothing and is never cached.
class weight_stamp {
public:
    weight_stamp() = default;
    /// A stamp of new contents, unlike every other.
    static weight_stamp make() {
        weight_stamp stamp;
        stamp.version_ = std::make_shared<std::uint64_t>(0);
        return stamp;
    }
    /// The contents have changed.
    void touch() {
        if (version_)
            ++*version_;
    }
    /// Grows with every touch(); 0 of a stamp that names nothing.
    [[nodiscard]] std::uint64_t version() const { return version_ ? *version_ : 0; }
    /// Equal for copies of one stamp; null of a stamp that names nothing.
    [[nodiscard]] const std::shared_ptr<std::uint64_t>& identity() const { return version_; }

private:
    std::shared_ptr<std::uint64_t> version_;
};

/// How a parameter's axes map to PyTorch's names and order.
enum class parameter_form {
    same,     ///< the same axes in PyTorch: (c), or any of another rank than 4
    conv,     ///< (k, r, s, c), in PyTorch (k, c, r, s)
    depthwise ///< (1, r, s, c), in PyTorch (c, 1, r, s)
};

/// A trained array. The gradient of one of bf16 is float: it is a long sum, and what the optimiser
/// adds up over many steps. Copies share value and gradient. Whoever writes to `value` calls
/// `stamp.touch()`. `parts` > 1 says that the first axis stacks that many parameters of their own
/// names (PCAR's branches, which run as one convolution).
template <class T, int R, class Space = host>
struct parameter {
    tensor<T, R, Space> value; ///< what is trained
    /// Its gradient, of what sums are kept in.
    std::shared_ptr<gradient_slot<accumulator_t<T>, R, Space>> slot =
        std::make_shared<gradient_slot<accumulator_t<T>, R, Space>>();
    weight_stamp stamp = weight_stamp::make(); ///< of the contents of `value`
    /// How the axes map to PyTorch's.
    parameter_form form = R == 4 ? parameter_form::conv : parameter_form::same;
    int parts = 1; ///< parameters stacked along the first axis

    /// Extents of the value.
    [[nodiscard]] const shape<R>& dims() const { return value.dims(); }
};

/// The bias of an op on elements of T, which an op may go without. Takes no part in deduction.
template <class T, class Space>
using optional_bias = std::type_identity_t<std::optional<parameter<accumulator_t<T>, 1, Space>>>;

/// A saved array that is not trained: batch norm's running statistics, a bank of features. Of rank
/// 4 it is (n, h, w, c), in PyTorch (n, c, h, w). One without memory takes its first extent from
/// the file it is read from, `tensor<float, 2, S>(nullptr, {{0, 448}})` any number of rows of 448.
template <class T, int R, class Space = host>
struct state {
    tensor<T, R, Space> value; ///< what is saved
};

/// The values of a host parameter, to be written; marks them as changed.
template <class T, int R>
[[nodiscard]] std::span<T> elements(parameter<T, R, host>& p) {
    p.stamp.touch();
    return {p.value.data(), static_cast<std::size_t>(p.value.size())};
}

} // namespace pfad
