# The targets that a user links. All are INTERFACE targets: there is nothing to compile.
#   pfad::pfad     the headers; needs a C++20 compiler and threads
#   pfad::codecs   libpng and libjpeg, which decode PNG and JPEG in place of stb
#   pfad::image    + pictures, through stb and, where it is, pfad::codecs
#   pfad::io       + safetensors and reports (nlohmann_json)
#   pfad::onednn   + convolutions by oneDNN, on its OpenMP team
#   pfad::pfadseg  all of these: what a program that embeds PFADSeg links
#   pfad::onnx     + models as ONNX files (libonnx)
#   pfad::cuda     the headers and the CUDA runtime; kernels (.cuh) are compiled by nvcc
#   pfad::cudnn    + convolutions by cuDNN
#
# All of them are installed, whatever the machine that does it has. Here only those have the name
# pfad::... whose libraries are found.

# pfad_interface(NAME NEEDS LIBRARIES...): NEEDS are the variables that must be true.
function(pfad_interface name needs)
    add_library(pfad_${name} INTERFACE)
    set_target_properties(pfad_${name} PROPERTIES EXPORT_NAME ${name})
    set_property(GLOBAL APPEND PROPERTY PFAD_TARGETS pfad_${name})
    target_link_libraries(pfad_${name} INTERFACE ${ARGN})
    foreach(need IN LISTS needs)
        if(NOT ${need})
            message(STATUS "pfad::${name} is left out: a library that it needs is missing or off")
            return()
        endif()
    endforeach()
    add_library(pfad::${name} ALIAS pfad_${name})
endfunction()

find_package(Threads REQUIRED)
pfad_interface(pfad Threads_FOUND Threads::Threads)
target_compile_features(pfad_pfad INTERFACE cxx_std_20)
target_include_directories(pfad_pfad INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/kernels>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

find_package(stb MODULE)
find_package(nlohmann_json)
set(io_needs stb_FOUND nlohmann_json_FOUND)
if(PFAD_SYSTEM_CODECS)
    set(required)
    if(NOT PFAD_SYSTEM_CODECS STREQUAL "AUTO")
        set(required REQUIRED)
    endif()
    find_package(PNG ${required})
    find_package(JPEG ${required})
endif()
pfad_interface(codecs "PFAD_SYSTEM_CODECS;PNG_FOUND;JPEG_FOUND" PNG::PNG JPEG::JPEG)
target_compile_definitions(pfad_codecs INTERFACE PFAD_SYSTEM_CODECS)
pfad_interface(image stb_FOUND pfad_pfad stb::stb)
if(TARGET pfad::codecs)
    # Where it is installed, pfadConfig.cmake looks again.
    target_link_libraries(pfad_image INTERFACE $<BUILD_INTERFACE:pfad_codecs>)
endif()
pfad_interface(io "${io_needs}" pfad_image nlohmann_json::nlohmann_json)

set(required)
if(PFAD_ONEDNN AND NOT PFAD_ONEDNN STREQUAL "AUTO")
    set(required REQUIRED)
endif()
if(PFAD_ONEDNN)
    find_package(oneDNN MODULE ${required})
    find_package(OpenMP ${required} COMPONENTS CXX)
endif()
set(onednn_needs PFAD_ONEDNN oneDNN_FOUND OpenMP_CXX_FOUND)
pfad_interface(onednn "${onednn_needs}" pfad_pfad oneDNN::oneDNN OpenMP::OpenMP_CXX)
pfad_interface(pfadseg "${io_needs};${onednn_needs}" pfad_io pfad_onednn)

find_package(ONNX 1.12 MODULE QUIET)
pfad_interface(onnx "${io_needs};ONNX_FOUND" pfad_io ONNX::onnx)

find_package(CUDAToolkit QUIET)
find_package(cuDNN 9.8 MODULE QUIET)
pfad_interface(cuda CUDAToolkit_FOUND pfad_pfad CUDA::cudart)
pfad_interface(cudnn "CUDAToolkit_FOUND;cuDNN_FOUND" pfad_cuda cuDNN::cuDNN)
