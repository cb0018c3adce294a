// Networks that stay as they are: their convolutions have the batch norm behind them folded in.
#pragma once

#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>

#include <any>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

namespace pfad::cuda {

/// A convolution whose results need no normalising any more.
template <class T>
struct folded_filter {
    tensor<T, 4, gpu> weight; ///< each filter times its channel's scale
    tensor<T, 1, gpu> bias;   ///< a value a filter
};

/// Copies of convolutions' weights for such networks, made when they are first asked for. They
/// follow the stamps of weights; biases and batch norm's arrays have none, so nobody may write to those.
class fixed_networks {
public:
    /// What a copy is made of, and for whom.
    struct key {
        std::shared_ptr<std::uint64_t> identity; ///< kept, so that no other weight gets its address
        std::uint64_t version;                   ///< of the weight's contents
        std::array<const void*, 6> arrays;       ///< of the convolution and its batch norm
        double epsilon;                          ///< added to the variance
        const void* user; ///< the context: on another stream a copy may not be there yet
        friend auto operator<=>(const key&, const key&) = default;
    };

    /// The copy, by `make()` the first time.
    template <class T, class F>
    [[nodiscard]] const folded_filter<T>& of(const key& wanted, F&& make) {
        auto found = copies_.find(wanted);
        if (found == copies_.end())
            found = copies_.emplace(wanted, folded_filter<T>(make())).first;
        return *std::any_cast<folded_filter<T>>(&found->second);
    }
    /// Number of copies.
    [[nodiscard]] std::size_t size() const { return copies_.size(); }

private:
    std::map<key, std::any> copies_;
};

} // namespace pfad::cuda
