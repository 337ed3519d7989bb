#pragma once

#include "hypertape/kernels/conv2d_kernels.hpp"
#include "hypertape/kernels/linear_kernels.hpp"
#include "hypertape/kernels/matmul_kernels.hpp"
#include "hypertape/kernels/routed_conv2d.hpp"
#include "hypertape/kernels/routed_conv2d_derivatives.hpp"

namespace hypertape::kernels {

#define HYPERTAPE_ROUTED_KERNELS(prefix, T, pairs)                                                                   \
  prefix template void routed_conv2d_product<T, pairs>(const RoutedConv2dGeometry&, Range, const Routes&,            \
                                                       const RoutedPair<T>(&)[pairs], const T*, OutputMode, T*, T*); \
  prefix template void routed_conv2d_input_gradient<T, pairs>(const RoutedConv2dGeometry&, Range, const Routes&,     \
                                                              const RoutedPair<T>(&)[pairs], OutputMode, T*, T*);    \
  prefix template void routed_conv2d_weight_gradient<T, pairs>(const RoutedConv2dGeometry&, Range, const Routes&,    \
                                                               const RoutedPair<T>(&)[pairs], OutputMode, T*, T*);

#define HYPERTAPE_KERNELS(prefix, T)                                                                                   \
  prefix template void conv2d<T>(const Conv2dGeometry&, Range, const T*, const T*, const T*, OutputMode, T*, T*);      \
  prefix template void conv2d_input_gradient<T>(const Conv2dGeometry&, Range, const T*, const T*, OutputMode, T*, T*); \
  prefix template void conv2d_weight_gradient<T>(const Conv2dGeometry&, Range, const T*, const T*, OutputMode, T*,     \
                                                 T*);                                                                  \
  prefix template void linear<T>(Index, Index, Index, Range, const T*, const T*, OutputMode, T*, T*);                  \
  prefix template void linear_input_gradient<T>(Index, Index, Index, Range, const T*, const T*, OutputMode, T*, T*);   \
  prefix template void linear_weight_gradient<T>(Index, Index, Index, Range, const T*, const T*, OutputMode, T*, T*);  \
  prefix template void routed_conv2d<T>(const RoutedConv2dGeometry&, Range, const T*, const T*, const T*, T*,          \
                                        const Routes&, T*);                                                            \
  prefix template void matmul<T>(Index, Index, Index, Range, Factor<T>, Factor<T>, OutputMode, T*, T*,                 \
                                 const MatmulParts&);                                                                  \
  prefix template void matrix::multiply_transposed<T, 1>(Index, Index, Index, const matrix::RowPair<T>(&)[1],          \
                                                         OutputMode, T*, Index, Index);                                \
  HYPERTAPE_ROUTED_KERNELS(prefix, T, 1)                                                                               \
  HYPERTAPE_ROUTED_KERNELS(prefix, T, 2)

}  // namespace hypertape::kernels
