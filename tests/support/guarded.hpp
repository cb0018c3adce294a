// Memory with sentinels before and after it.
#pragma once

#include "support/backends.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfad::test {

/// A tensor that notices writes beyond its ends, in any space.
template <class T, int R, class Context>
class guarded {
    static_assert(sizeof(T) <= 8);

public:
    guarded(Context& ctx, const shape<R>& dims, T fill)
        : memory_(empty<T>(ctx, shape<1>{{dims.size() + 2 * margin}})), dims_(dims) {
        std::vector<T> elements(static_cast<std::size_t>(memory_.size()), sentinel);
        std::fill_n(elements.begin() + margin, dims.size(), fill);
        write_elements(ctx, memory_, elements);
    }

    /// Shares the memory.
    [[nodiscard]] pfad::tensor<T, R, typename Context::space> tensor() const {
        return memory_.slice(margin, dims_);
    }

    [[nodiscard]] bool intact(Context& ctx) const {
        const auto elements = read_elements(ctx, memory_);
        for (std::size_t i = 0; i < margin; ++i)
            if (elements[i] != sentinel || elements[elements.size() - 1 - i] != sentinel)
                return false;
        return true;
    }

private:
    static constexpr std::int64_t margin = 64;
    static inline const T sentinel = element<T>(-12352); // exact in bf16
    pfad::tensor<T, 1, typename Context::space> memory_;
    shape<R> dims_;
};

} // namespace pfad::test
