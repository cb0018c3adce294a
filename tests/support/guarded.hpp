// Memory with sentinels before and after it.
#pragma once

#include <pfad/core/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace pfad::test {

/// A host tensor that notices writes beyond its ends.
template <class T, int R>
class guarded {
public:
    guarded(const shape<R>& dims, T fill)
        : memory_(std::make_shared<std::vector<T>>(
              static_cast<std::size_t>(dims.size()) + 2 * margin, sentinel)),
          dims_(dims) {
        for (std::int64_t i = 0; i < dims.size(); ++i)
            (*memory_)[margin + static_cast<std::size_t>(i)] = fill;
    }

    /// Shares the memory.
    [[nodiscard]] pfad::tensor<T, R> tensor() const {
        return {std::shared_ptr<T[]>(memory_, memory_->data() + margin), dims_};
    }

    [[nodiscard]] bool intact() const {
        for (std::size_t i = 0; i < margin; ++i)
            if ((*memory_)[i] != sentinel || (*memory_)[memory_->size() - 1 - i] != sentinel)
                return false;
        return true;
    }

private:
    static constexpr std::size_t margin = 64;
    static constexpr T sentinel = T(-12345.5);
    std::shared_ptr<std::vector<T>> memory_;
    shape<R> dims_;
};

} // namespace pfad::test
