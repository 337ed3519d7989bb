# Debian packages, of which `cpack -G DEB` makes a file each: libhypertape-dev, and hypertape, the tool, from a build
# that runs on every processor of its kind (preset package). Whoever hands them out gives an address:
# -DCPACK_PACKAGE_CONTACT="Name <address>".
set(CPACK_COMPONENTS_ALL hypertape-dev)
if(TARGET hypertape_tool AND NOT HYPERTAPE_NATIVE)
  list(APPEND CPACK_COMPONENTS_ALL hypertape-tool)
endif()
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "The hypertape authors")
set(CPACK_PACKAGE_CONTACT "${CPACK_PACKAGE_VENDOR}" CACHE STRING "Whom the users of packages write to")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each has its own
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_HYPERTAPE-DEV_PACKAGE_NAME libhypertape-dev)
set(CPACK_DEBIAN_HYPERTAPE-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_HYPERTAPE-DEV_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_HYPERTAPE-DEV_PACKAGE_DEPENDS "libeigen3-dev (>= 3.4)")
set(CPACK_DEBIAN_HYPERTAPE-DEV_PACKAGE_RECOMMENDS "libjpeg-dev, libpng-dev, libzip-dev, pkg-config, zlib1g-dev")
set(CPACK_DEBIAN_HYPERTAPE-DEV_PACKAGE_SUGGESTS "hypertape, libopenmpi-dev")
set(CPACK_DEBIAN_HYPERTAPE-DEV_DESCRIPTION "derivatives through gradient descent (C++20 headers)
Reverse-mode automatic differentiation for hypergradients: the derivatives of
a loss after unrolled gradient descent with respect to everything that the
descent was given, such as its data, learning rates and initial weights.

The headers need Eigen alone; those for dataset distillation also need the
packages that this one recommends, and those for several processes MPI. They
are found by CMake's find_package(hypertape) and by pkg-config.")

set(CPACK_DEBIAN_HYPERTAPE-TOOL_PACKAGE_NAME hypertape)
set(CPACK_DEBIAN_HYPERTAPE-TOOL_PACKAGE_SECTION science)
set(CPACK_DEBIAN_HYPERTAPE-TOOL_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_HYPERTAPE-TOOL_PACKAGE_SUGGESTS "dataset-fashion-mnist")
set(CPACK_DEBIAN_HYPERTAPE-TOOL_DESCRIPTION "dataset distillation on the command line
Learns a handful of images that train a neural network in a few steps of
gradient descent (Wang et al. 2018), tests them, and compares them with real
images; without a GPU.

This build runs on every processor of its architecture, and uses the vector
instructions that all of them have; one for your own processor is faster.")

# What Debian wants beside the files, written when a package is made.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/packaging/debian/documents.cmake)
set(CPACK_HYPERTAPE_SOURCE_DIR ${PROJECT_SOURCE_DIR})
include(CPack)
