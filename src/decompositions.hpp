#pragma once

#include "hypertape/data/orthogonal_decompositions.hpp"
#include "hypertape/kernels/triangular_decompositions.hpp"

namespace hypertape {

// Only these are used.
#define HYPERTAPE_ORTHOGONAL_DECOMPOSITIONS(prefix, T) HYPERTAPE_ORTHOGONAL_DECOMPOSITIONS_##T(prefix)
#define HYPERTAPE_ORTHOGONAL_DECOMPOSITIONS_float(prefix) \
  prefix template void data::decompose_symmetric<float>(Index, const float*, float*, float*);
#define HYPERTAPE_ORTHOGONAL_DECOMPOSITIONS_double(prefix) \
  prefix template Index data::least_squares<double>(Index, Index, const double*, const double*, double*);

#define HYPERTAPE_DECOMPOSITIONS(prefix, T)                                                  \
  prefix template bool kernels::factorize_cholesky<T>(Index, T*);                            \
  prefix template void kernels::solve_triangular<T>(Index, Index, const T*, bool, bool, T*); \
  prefix template bool kernels::solve<T>(Index, Index, const T*, bool, const T*, T*);        \
  prefix template bool kernels::invert<T>(Index, const T*, T*);                              \
  prefix template bool kernels::log_determinant<T>(Index, const T*, T*);                     \
  HYPERTAPE_ORTHOGONAL_DECOMPOSITIONS(prefix, T)

}  // namespace hypertape
