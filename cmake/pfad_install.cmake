# Headers, the CMake package and pkg-config files. Nothing in them depends on where they are put:
# the libraries that pfad needs are looked for again where it is used.
include(CMakePackageConfigHelpers)

set(pfad_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/pfad)
get_property(pfad_targets GLOBAL PROPERTY PFAD_TARGETS)

install(DIRECTORY include/pfad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY kernels/pfad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.cuh")

install(TARGETS ${pfad_targets} EXPORT pfad)
install(EXPORT pfad FILE pfadTargets.cmake NAMESPACE pfad:: DESTINATION ${pfad_package_dir})

configure_package_config_file(cmake/pfadConfig.cmake.in pfadConfig.cmake
    INSTALL_DESTINATION ${pfad_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(pfadConfigVersion.cmake
    COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/pfadConfig.cmake ${PROJECT_BINARY_DIR}/pfadConfigVersion.cmake
    cmake/Findstb.cmake cmake/FindoneDNN.cmake cmake/FindONNX.cmake cmake/FindcuDNN.cmake DESTINATION ${pfad_package_dir})

# pkg-config files find their own root, so that an installed tree can be moved.
file(RELATIVE_PATH pfad_pc_root
    ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/pfad.pc.in pfad.pc @ONLY)
configure_file(cmake/pfadseg.pc.in pfadseg.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pfad.pc ${PROJECT_BINARY_DIR}/pfadseg.pc
    DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
