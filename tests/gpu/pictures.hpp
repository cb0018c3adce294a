// Pictures that differ as a whole, as photographs do: each has colours, patches and fine noise of
// its own. Of noise alone all means are equal, so that batch norm over the pictures' means, in AFF
// and PCAR, divides by next to nothing.
#pragma once

#include "support/random.hpp"

#include <cstdint>
#include <string>

namespace pfad::test {

[[nodiscard]] inline array<4> random_pictures(const shape<4>& dims, const std::string& name) {
    auto x = random_array(dims, name, -0.5, 0.5);
    const auto colour =
        random_array(shape<2>{{dims[0], dims[3]}}, name + ", the colours", -1.5, 1.5);
    const auto patch = random_array(shape<4>{{dims[0], 8, 8, dims[3]}}, name + ", the patches");
    for (std::int64_t n = 0; n < dims[0]; ++n)
        for (std::int64_t i = 0; i < dims[1]; ++i)
            for (std::int64_t j = 0; j < dims[2]; ++j)
                for (std::int64_t c = 0; c < dims[3]; ++c)
                    x(n, i, j, c) += colour(n, c) + patch(n, i * 8 / dims[1], j * 8 / dims[2], c);
    return x;
}

} // namespace pfad::test
