#include "every.hpp"
#include "use.hpp"

double first_result() {
    return convolve_ones();
}
