# The libraries with which data and distill read and write files, looked for alike by hypertape's own build and by the
# installed package: all in hypertape_distill_libraries, those that were not found in hypertape_distill_missing. What is
# added here belongs into hypertape-distill.pc.in as well.
find_package(ZLIB QUIET)
find_package(PNG QUIET)
find_package(JPEG QUIET)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(libzip QUIET IMPORTED_TARGET libzip)
endif()

set(hypertape_distill_libraries ZLIB::ZLIB PNG::PNG JPEG::JPEG PkgConfig::libzip)
set(hypertape_distill_missing)
foreach(library IN LISTS hypertape_distill_libraries)
  if(NOT TARGET ${library})
    list(APPEND hypertape_distill_missing ${library})
  endif()
endforeach()
