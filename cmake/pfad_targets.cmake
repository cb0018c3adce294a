# The targets that a user links. All are INTERFACE targets: there is nothing to compile.
#   pfad::pfad     the headers; needs a C++20 compiler and threads
#   pfad::image    + pictures through stb
#   pfad::io       + safetensors and reports (nlohmann_json)
#   pfad::onednn   + convolutions by oneDNN, on its OpenMP team
#   pfad::pfadseg  all of these: what a program that embeds PFADSeg links
#   pfad::cuda     the headers and the CUDA runtime; kernels (.cuh) are compiled by nvcc
#   pfad::cudnn    + convolutions by cuDNN

function(pfad_interface name)
    add_library(pfad_${name} INTERFACE)
    add_library(pfad::${name} ALIAS pfad_${name})
    set_target_properties(pfad_${name} PROPERTIES EXPORT_NAME ${name})
    set_property(GLOBAL APPEND PROPERTY PFAD_TARGETS pfad_${name})
    target_link_libraries(pfad_${name} INTERFACE ${ARGN})
endfunction()

find_package(Threads REQUIRED)
pfad_interface(pfad Threads::Threads)
target_compile_features(pfad_pfad INTERFACE cxx_std_20)
target_include_directories(pfad_pfad INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/kernels>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

find_package(stb MODULE)
if(stb_FOUND)
    pfad_interface(image pfad_pfad stb::stb)
endif()

find_package(nlohmann_json)
if(stb_FOUND AND nlohmann_json_FOUND)
    pfad_interface(io pfad_image nlohmann_json::nlohmann_json)
endif()

if(PFAD_ONEDNN)
    if(PFAD_ONEDNN STREQUAL "AUTO")
        find_package(oneDNN MODULE)
        find_package(OpenMP COMPONENTS CXX)
    else()
        find_package(oneDNN MODULE REQUIRED)
        find_package(OpenMP REQUIRED COMPONENTS CXX)
    endif()
    if(oneDNN_FOUND AND OpenMP_CXX_FOUND)
        pfad_interface(onednn pfad_pfad oneDNN::oneDNN OpenMP::OpenMP_CXX)
    endif()
endif()

if(TARGET pfad_io AND TARGET pfad_onednn)
    pfad_interface(pfadseg pfad_io pfad_onednn)
endif()

find_package(CUDAToolkit QUIET)
if(CUDAToolkit_FOUND AND TARGET CUDA::cudart)
    pfad_interface(cuda pfad_pfad CUDA::cudart)
    find_package(cuDNN 9.8 MODULE QUIET)
    if(cuDNN_FOUND)
        pfad_interface(cudnn pfad_cuda cuDNN::cuDNN)
    endif()
endif()

foreach(name IN ITEMS image io onednn pfadseg cuda cudnn)
    if(NOT TARGET pfad_${name})
        message(STATUS "pfad::${name} is left out: a library that it needs is missing or off")
    endif()
endforeach()
