# What `cpack` makes in the build folder of an installation: libpfad-dev_VERSION_all.deb and
# pfad-VERSION.tar.gz, both what `cmake --install` gives. The programs are not in them: they are
# bound to one processor's oneDNN, the headers to none.
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME pfad)
set(CPACK_PACKAGE_VENDOR pfad)
set(CPACK_PACKAGE_CONTACT "The authors of pfad")
set(CPACK_PACKAGE_FILE_NAME pfad-${PROJECT_VERSION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)

set(CPACK_DEBIAN_PACKAGE_NAME libpfad-dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libdnnl-dev, libstb-dev, libpng-dev, libjpeg-dev, nlohmann-json3-dev")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libonnx-dev, libprotobuf-dev")
include(CPack)
