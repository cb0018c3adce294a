# cuDNN 9: cuDNN::cuDNN. Beside the CUDA toolkit or where the system keeps libraries.
find_package(CUDAToolkit QUIET)
find_path(cuDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(cuDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
mark_as_advanced(cuDNN_INCLUDE_DIR cuDNN_LIBRARY)

if(cuDNN_INCLUDE_DIR AND EXISTS ${cuDNN_INCLUDE_DIR}/cudnn_version.h)
    file(STRINGS ${cuDNN_INCLUDE_DIR}/cudnn_version.h pfad_lines REGEX "define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
    if(pfad_lines MATCHES "MAJOR +([0-9]+).*MINOR +([0-9]+).*PATCHLEVEL +([0-9]+)")
        set(cuDNN_VERSION ${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3})
    endif()
    unset(pfad_lines)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cuDNN
    REQUIRED_VARS cuDNN_LIBRARY cuDNN_INCLUDE_DIR VERSION_VAR cuDNN_VERSION)

if(cuDNN_FOUND AND NOT TARGET cuDNN::cuDNN)
    add_library(cuDNN::cuDNN UNKNOWN IMPORTED)
    set_target_properties(cuDNN::cuDNN PROPERTIES
        IMPORTED_LOCATION ${cuDNN_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${cuDNN_INCLUDE_DIR})
endif()
