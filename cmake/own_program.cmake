# What this project's own programs and tests share.

# Compile options; users of the headers choose theirs.
function(hypertape_own_program target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # It takes its own AVX-512 intrinsics, inlined from Eigen, for uninitialized (GCC bug 105593).
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -Wno-uninitialized)
  endif()
  if(HYPERTAPE_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(HYPERTAPE_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
endfunction()

# What takes a compiler long is compiled once, and this program takes it from there (src/shared.hpp); with the scalar type
# float, what it does in double it compiles itself.
function(hypertape_share_code target)
  if("float" IN_LIST ARGN)
    target_compile_definitions(${target} PRIVATE HYPERTAPE_SHARED_FLOAT_ALONE)
    target_link_libraries(${target} PRIVATE hypertape_float)
  else()
    target_link_libraries(${target} PRIVATE hypertape_float hypertape_double)
    if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
      target_precompile_headers(${target} REUSE_FROM hypertape_shared)
      return()
    endif()
  endif()
  target_compile_options(${target} PRIVATE -include ${PROJECT_SOURCE_DIR}/src/shared.hpp)
endfunction()

# Whatever hangs is ended, after ten times what the longest test takes. Each folder's file calls it last.
function(hypertape_limit_tests)
  get_property(tests DIRECTORY PROPERTY TESTS)
  if(tests)
    set_tests_properties(${tests} PROPERTIES TIMEOUT 1200)
  endif()
endfunction()
