#include "every_reversed.hpp"
#include "use.hpp"

int main() {
    return first_result() == 100 && convolve_ones() == 100 ? 0 : 1;
}
