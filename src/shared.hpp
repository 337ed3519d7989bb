#pragma once

#include "decompositions.hpp"
#include "kernels.hpp"
#include "operations.hpp"
#include "unroll.hpp"

/// Declares the templates that are slow to compile, so that this project's own programs need not each compile them: the
/// sources beside this header compile them once per scalar type, and the programs share them (own_program.cmake). Users
/// of the headers need none of this. Templates not named here are compiled where they are used, as usual.
#define HYPERTAPE_SHARED(T)           \
  namespace kernels {                 \
  HYPERTAPE_KERNELS(extern, T)        \
  }                                   \
  HYPERTAPE_DECOMPOSITIONS(extern, T) \
  HYPERTAPE_OPERATIONS(extern, T)     \
  HYPERTAPE_UNROLL(extern, T)

namespace hypertape {

HYPERTAPE_SHARED(float)
#ifndef HYPERTAPE_SHARED_FLOAT_ALONE
HYPERTAPE_SHARED(double)
#endif

}  // namespace hypertape
