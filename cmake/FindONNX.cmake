# ONNX's schema and checker: ONNX::onnx. Its own package is found, which before 1.17 calls it onnx
# and expects Protobuf to be there.
find_package(Protobuf QUIET)
if(Protobuf_FOUND)
    find_package(ONNX CONFIG QUIET)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ONNX REQUIRED_VARS ONNX_DIR VERSION_VAR ONNX_VERSION)

if(ONNX_FOUND AND NOT TARGET ONNX::onnx)
    add_library(ONNX::onnx INTERFACE IMPORTED)
    target_link_libraries(ONNX::onnx INTERFACE onnx)
endif()
