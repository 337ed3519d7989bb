# What `cmake --install` puts where, in two install components: hypertape-dev (headers, CMake package, pkg-config's
# files; nothing in them depends on the processor) and hypertape-tool.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME hypertape-dev)
set(package_folder ${CMAKE_INSTALL_DATADIR}/cmake/hypertape)
set(pkgconfig_folder ${CMAKE_INSTALL_DATADIR}/pkgconfig)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/install)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/hypertape DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp")
install(TARGETS hypertape EXPORT hypertape-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT hypertape-targets NAMESPACE hypertape:: DESTINATION ${package_folder})

# While the version is 0.x, a new minor version may break what used an older one.
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/hypertape-config.cmake.in ${generated}/hypertape-config.cmake
                              INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO
                              NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${generated}/hypertape-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${generated}/hypertape-config.cmake ${generated}/hypertape-config-version.cmake
              ${PROJECT_SOURCE_DIR}/cmake/hypertape-eigen.cmake
        DESTINATION ${package_folder})

# Paths relative to the .pc file, so that the installed folder may be moved; every compiler for which hypertape is
# written knows -fopenmp.
file(RELATIVE_PATH folder_to_prefix ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
set(pkgconfig_include "\${prefix}")
cmake_path(APPEND pkgconfig_include ${CMAKE_INSTALL_INCLUDEDIR})
set(openmp_flag)
if(HYPERTAPE_OPENMP AND OpenMP_CXX_FOUND)
  set(openmp_flag -fopenmp)
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/hypertape.pc.in ${generated}/hypertape.pc @ONLY)
install(FILES ${generated}/hypertape.pc DESTINATION ${pkgconfig_folder})

if(TARGET hypertape_distill)
  set_target_properties(hypertape_distill PROPERTIES EXPORT_NAME distill)
  install(TARGETS hypertape_distill EXPORT hypertape-distill-targets)
  install(EXPORT hypertape-distill-targets NAMESPACE hypertape:: DESTINATION ${package_folder})
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/hypertape-distill-libraries.cmake DESTINATION ${package_folder})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/hypertape-distill.pc.in ${generated}/hypertape-distill.pc @ONLY)
  install(FILES ${generated}/hypertape-distill.pc DESTINATION ${pkgconfig_folder})
endif()

# Whether there is MPI is asked where the package is used.
if(NOT TARGET hypertape_mpi)
  add_library(hypertape_mpi INTERFACE)
  target_link_libraries(hypertape_mpi INTERFACE hypertape MPI::MPI_CXX)
endif()
set_target_properties(hypertape_mpi PROPERTIES EXPORT_NAME mpi)
install(TARGETS hypertape_mpi EXPORT hypertape-mpi-targets)
install(EXPORT hypertape-mpi-targets NAMESPACE hypertape:: DESTINATION ${package_folder})
install(FILES ${PROJECT_SOURCE_DIR}/cmake/hypertape-mpi.cmake DESTINATION ${package_folder})

if(TARGET hypertape_tool)
  install(TARGETS hypertape_tool RUNTIME COMPONENT hypertape-tool)
  install(FILES ${PROJECT_SOURCE_DIR}/tools/hypertape/completion.bash
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hypertape COMPONENT hypertape-tool)
endif()
