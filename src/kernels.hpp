#pragma once

#include "hypertape/kernels/conv2d_kernels.hpp"
#include "hypertape/kernels/linear_kernels.hpp"
#include "hypertape/nn/fused_lenet.hpp"

/// The kernels that take a compiler long, declared so that this project's own programs do not compile them each: they
/// are in kernels.cpp (own_program.cmake).
namespace hypertape::kernels {

#define HYPERTAPE_KERNELS(prefix, T)                                                                                   \
  prefix template void conv2d<T>(const Conv2dGeometry&, Range, const T*, const T*, const T*, OutputMode, T*, T*);      \
  prefix template void conv2d_input_gradient<T>(const Conv2dGeometry&, Range, const T*, const T*, OutputMode, T*, T*); \
  prefix template void conv2d_weight_gradient<T>(const Conv2dGeometry&, Range, const T*, const T*, OutputMode, T*,     \
                                                 T*);                                                                  \
  prefix template void linear<T>(Index, Index, Index, Range, const T*, const T*, OutputMode, T*, T*);                  \
  prefix template void linear_input_gradient<T>(Index, Index, Index, Range, const T*, const T*, OutputMode, T*, T*);   \
  prefix template void linear_weight_gradient<T>(Index, Index, Index, Range, const T*, const T*, OutputMode, T*, T*);

HYPERTAPE_KERNELS(extern, float)
HYPERTAPE_KERNELS(extern, double)

}  // namespace hypertape::kernels

namespace hypertape::nn {

extern template class FusedLeNet<float, 1>;
extern template class FusedLeNet<float, 3>;
extern template class FusedLeNet<double, 1>;
extern template class FusedLeNet<double, 3>;

}  // namespace hypertape::nn
