# oneDNN 2.6 or 3: oneDNN::oneDNN. Debian and Ubuntu: libdnnl-dev. Its own package file is not used
# because Debian's stops the configuration where the OpenCL loader has no development files.
find_path(oneDNN_INCLUDE_DIR dnnl.hpp)
find_library(oneDNN_LIBRARY dnnl)
mark_as_advanced(oneDNN_INCLUDE_DIR oneDNN_LIBRARY)

foreach(header IN ITEMS oneapi/dnnl/dnnl_version.h dnnl_version.h)
    if(oneDNN_INCLUDE_DIR AND EXISTS ${oneDNN_INCLUDE_DIR}/${header})
        file(STRINGS ${oneDNN_INCLUDE_DIR}/${header} pfad_lines REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) ")
        if(pfad_lines MATCHES "MAJOR +([0-9]+).*MINOR +([0-9]+).*PATCH +([0-9]+)")
            set(oneDNN_VERSION ${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3})
        endif()
        unset(pfad_lines)
    endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(oneDNN
    REQUIRED_VARS oneDNN_LIBRARY oneDNN_INCLUDE_DIR VERSION_VAR oneDNN_VERSION)

if(oneDNN_FOUND AND NOT TARGET oneDNN::oneDNN)
    add_library(oneDNN::oneDNN UNKNOWN IMPORTED)
    set_target_properties(oneDNN::oneDNN PROPERTIES
        IMPORTED_LOCATION ${oneDNN_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${oneDNN_INCLUDE_DIR})
endif()
