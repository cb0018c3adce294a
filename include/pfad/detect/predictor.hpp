// A network at work: pixels in, anomaly maps and image scores out.
#pragma once

#include <pfad/core/context.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/detect/network_copy.hpp>
#include <pfad/detectors/detector.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <type_traits>

namespace pfad {

/// A detector in evaluation mode on the context's device, in activations of T, from a network on the
/// host. On the host several threads may call one predictor, elsewhere one at a time.
template <any_context Context, template <class, class> class D, class T = float>
class predictor {
public:
    using space = typename Context::space;

    /// Takes the weights as they are now; on the host it keeps to the network itself, of which bf16
    /// reads the weights of convolutions rounded, as they are now.
    predictor(Context& ctx, D<float, host>& source) : ctx_(ctx), network_(ctx, source) {}
    predictor(const predictor&) = delete;
    predictor& operator=(const predictor&) = delete;

    /// Pixels (n, h, w, 3) on the host, RGB. The result of a device stays until the next call with
    /// as many pictures of that size. Throws errc::shape unless there are three channels.
    [[nodiscard]] prediction<space> operator()(const tensor<std::uint8_t, 4>& pixels) {
        if constexpr (std::is_same_v<space, host>) {
            return run(pixels);
        } else {
            const auto& d = pixels.dims();
            auto& s = steps_.of[{d[0], d[1], d[2]}];
            if (!s.step) { // or there was no memory for it before
                s.pixels = empty<std::uint8_t>(ctx_, d);
                s.found = {empty<float>(ctx_, shape<4>{{d[0], d[1], d[2], 1}}),
                           empty<float>(ctx_, shape<1>{{d[0]}})};
                s.step.emplace(repeated(
                    ctx_, work([this, &s] {
                        const auto found = run(s.pixels);
                        copy(ctx_, view<const float, 4>(found.maps), s.found.maps.view());
                        copy(ctx_, view<const float, 1>(found.scores), s.found.scores.view());
                    }),
                    steps_.fixed));
            }
            copy(ctx_, view<const std::uint8_t, 4>(pixels), s.pixels.view());
            (*s.step)();
            return s.found;
        }
    }

private:
    using work = std::function<void()>;

    [[nodiscard]] prediction<space> run(const tensor<std::uint8_t, 4, space>& pixels) {
        tape<Context> t(ctx_, mode::eval);
        return find_defects<D, T, space>(t, network_.get(), pixels);
    }

    // Of a device: the arrays that a step for n pictures of h x w reads and writes.
    struct device_step {
        tensor<std::uint8_t, 4, space> pixels;
        prediction<space> found;
        std::optional<recorded_step<Context>> step;
    };
    struct device_steps {
        fixed_networks<Context> fixed;
        std::map<std::array<std::int64_t, 3>, device_step> of;
        explicit device_steps(Context& ctx) : fixed(make_fixed_networks(ctx)) {}
    };
    struct nothing {
        explicit nothing(Context&) {}
    };

    Context& ctx_;
    network_copy<D, T, Context> network_;
    std::conditional_t<std::is_same_v<space, host>, nothing, device_steps> steps_{ctx_};
};

} // namespace pfad
