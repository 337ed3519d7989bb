#pragma once

#include "kernels.hpp"
#include "operations.hpp"
#include "unroll.hpp"

/// What takes a compiler long, declared so that this project's own programs do not compile it each: it is compiled once
/// for each scalar type, by the sources beside this header, and shared (own_program.cmake). Users of the headers need
/// none of this. What is not named here is compiled where it is used, as ever.
#define HYPERTAPE_SHARED(T)       \
  namespace kernels {             \
  HYPERTAPE_KERNELS(extern, T)    \
  }                               \
  HYPERTAPE_OPERATIONS(extern, T) \
  HYPERTAPE_UNROLL(extern, T)

namespace hypertape {

HYPERTAPE_SHARED(float)
#ifndef HYPERTAPE_SHARED_FLOAT_ALONE
HYPERTAPE_SHARED(double)
#endif

}  // namespace hypertape
