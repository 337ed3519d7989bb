# An overlay port, which builds the checkout that it lies in.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release)  # headers, which are the same in each, and a tool
vcpkg_check_features(OUT_FEATURE_OPTIONS feature_options
  FEATURES
    distill HYPERTAPE_DISTILL
    mpi HYPERTAPE_WITH_MPI
    tool HYPERTAPE_BUILD_TOOL
)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${feature_options}
    -DHYPERTAPE_BUILD_TESTS=OFF
    -DHYPERTAPE_BUILD_EXAMPLES=OFF
    -DHYPERTAPE_BUILD_BENCHMARKS=OFF
    -DHYPERTAPE_NATIVE=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/hypertape)
vcpkg_fixup_pkgconfig()
if("tool" IN_LIST FEATURES)
  vcpkg_copy_tools(TOOL_NAMES hypertape AUTO_CLEAN)
endif()
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
