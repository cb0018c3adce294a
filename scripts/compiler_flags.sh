# For scripts that call a compiler without CMake: the arrays `warnings` and `includes`.
# shellcheck shell=bash disable=SC2034
warnings=(-std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
includes=(-Iinclude -Ikernels -fopenmp)
for flag in $(pkg-config --cflags stb libpng libjpeg nlohmann_json); do
    includes+=("${flag/#-I/-isystem}")
done
if pkg-config --exists libpng libjpeg; then
    includes+=(-DPFAD_SYSTEM_CODECS)
fi
# The headers of onnx/ need the macros of ONNX's own build.
if [[ -e /usr/include/onnx/onnx_pb.h ]]; then
    includes+=(-DONNX_NAMESPACE=onnx -DONNX_ML=1)
fi
