# For scripts that call a compiler without CMake: the arrays `warnings` and `includes`.
# shellcheck shell=bash disable=SC2034
warnings=(-std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
includes=(-Iinclude -Ikernels -fopenmp)
for flag in $(pkg-config --cflags stb nlohmann_json); do
    includes+=("${flag/#-I/-isystem}")
done
