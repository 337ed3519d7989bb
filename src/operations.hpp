#pragma once

#include "hypertape/hypertape.hpp"

namespace hypertape {

#define HYPERTAPE_UNARY(prefix, T, function) prefix template Var<T> function<T>(Var<T>);

#define HYPERTAPE_BINARY(prefix, T, function) prefix template Var<T> function<T>(Var<T>, Var<T>);
#define HYPERTAPE_REDUCTION(prefix, T, function) prefix template Var<T> function<T>(Var<T>, const Axes&, bool);

#define HYPERTAPE_OPERATIONS(prefix, T)                                                                             \
  HYPERTAPE_UNARY(prefix, T, relu)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, exp)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, log)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, sqrt)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, square)                                                                                \
  HYPERTAPE_UNARY(prefix, T, sin)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, cos)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, abs)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, tanh)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, sigmoid)                                                                               \
  HYPERTAPE_UNARY(prefix, T, softplus)                                                                              \
  HYPERTAPE_UNARY(prefix, T, norm)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, sum)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, mean)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, sum_per_channel)                                                                       \
  HYPERTAPE_UNARY(prefix, T, sum_over_features)                                                                     \
  HYPERTAPE_UNARY(prefix, T, log_softmax)                                                                           \
  HYPERTAPE_UNARY(prefix, T, softmax)                                                                               \
  HYPERTAPE_UNARY(prefix, T, expm1)                                                                                 \
  HYPERTAPE_UNARY(prefix, T, log1p)                                                                                 \
  HYPERTAPE_UNARY(prefix, T, tan)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, atan)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, erf)                                                                                   \
  HYPERTAPE_UNARY(prefix, T, sign)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, gelu)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, gelu_tanh)                                                                             \
  HYPERTAPE_UNARY(prefix, T, silu)                                                                                  \
  HYPERTAPE_UNARY(prefix, T, transpose)                                                                             \
  HYPERTAPE_UNARY(prefix, T, diagonal)                                                                              \
  HYPERTAPE_UNARY(prefix, T, diagonal_matrix)                                                                       \
  HYPERTAPE_UNARY(prefix, T, cholesky)                                                                              \
  HYPERTAPE_UNARY(prefix, T, inverse)                                                                               \
  HYPERTAPE_UNARY(prefix, T, log_determinant)                                                                       \
  HYPERTAPE_UNARY(prefix, T, lower_triangle)                                                                        \
  HYPERTAPE_UNARY(prefix, T, upper_triangle)                                                                        \
  HYPERTAPE_UNARY(prefix, T, global_average_pool2d)                                                                 \
  prefix template Var<T> linear<T>(Var<T>, Var<T>);                                                                 \
  prefix template Var<T> linear<T>(Var<T>, Var<T>, Var<T>);                                                         \
  HYPERTAPE_BINARY(prefix, T, operator+)                                                                            \
  HYPERTAPE_BINARY(prefix, T, operator-)                                                                            \
  HYPERTAPE_BINARY(prefix, T, operator*)                                                                            \
  HYPERTAPE_BINARY(prefix, T, operator/)                                                                            \
  HYPERTAPE_BINARY(prefix, T, is_greater)                                                                           \
  HYPERTAPE_BINARY(prefix, T, is_less)                                                                              \
  HYPERTAPE_BINARY(prefix, T, is_equal)                                                                             \
  HYPERTAPE_BINARY(prefix, T, maximum)                                                                              \
  HYPERTAPE_BINARY(prefix, T, minimum)                                                                              \
  HYPERTAPE_BINARY(prefix, T, pow)                                                                                  \
  HYPERTAPE_BINARY(prefix, T, atan2)                                                                                \
  HYPERTAPE_BINARY(prefix, T, solve)                                                                                \
  HYPERTAPE_BINARY(prefix, T, mean_absolute_error)                                                                  \
  HYPERTAPE_BINARY(prefix, T, sigmoid_cross_entropy)                                                                \
  HYPERTAPE_REDUCTION(prefix, T, sum)                                                                               \
  HYPERTAPE_REDUCTION(prefix, T, mean)                                                                              \
  HYPERTAPE_REDUCTION(prefix, T, amax)                                                                              \
  HYPERTAPE_REDUCTION(prefix, T, amin)                                                                              \
  HYPERTAPE_REDUCTION(prefix, T, logsumexp)                                                                         \
  prefix template Var<T> softmax<T>(Var<T>, int);                                                                   \
  prefix template Var<T> log_softmax<T>(Var<T>, int);                                                               \
  prefix template Var<T> broadcast_to<T>(Var<T>, const Shape&);                                                     \
  prefix template Var<T> permute<T>(Var<T>, const Axes&);                                                           \
  prefix template Var<T> flip<T>(Var<T>, const Axes&);                                                              \
  prefix template Var<T> narrow<T>(Var<T>, int, Index, Index, Index);                                               \
  prefix template Var<T> pad<T>(Var<T>, int, Index, Index);                                                         \
  prefix template Var<T> concatenate<T>(std::span<const Var<T>>, int);                                              \
  prefix template Var<T> stack_along<T>(std::span<const Var<T>>, int);                                              \
  prefix template Var<T> index_select<T>(Var<T>, int, std::span<const Index>);                                      \
  prefix template Var<T> gather<T>(Var<T>, int, std::span<const Index>, const Shape&);                              \
  prefix template Var<T> scatter_add<T>(Var<T>, int, std::span<const Index>, const Shape&);                         \
  prefix template Var<T> where<T>(Var<T>, Var<T>, Var<T>);                                                          \
  prefix template Var<T> matmul<T>(Var<T>, Var<T>, MatmulOptions);                                                  \
  prefix template Var<T> solve_triangular<T>(Var<T>, Var<T>, TriangularOptions);                                    \
  prefix template Var<T> normalize<T>(Var<T>, const Axes&, double);                                                 \
  prefix template Var<T> layer_norm<T>(Var<T>, Var<T>, Var<T>, double);                                             \
  prefix template Var<T> group_norm<T>(Var<T>, Index, Var<T>, Var<T>, double);                                      \
  prefix template Var<T> batch_norm<T>(Var<T>, const ChannelStatistics<T>&, Var<T>, Var<T>, double);                \
  prefix template Var<T> conv2d_transpose<T>(Var<T>, Var<T>, Conv2dOptions, Index);                                 \
  prefix template Var<T> conv2d<T>(Var<T>, Var<T>, Conv2dOptions);                                                  \
  prefix template Var<T> conv2d<T>(Var<T>, Var<T>, Var<T>, Conv2dOptions);                                          \
  prefix template Var<T> conv2d_max_pool_relu<T>(Var<T>, Var<T>, Var<T>, Conv2dOptions, Pool2dOptions);             \
  prefix template Var<T> instance_norm<T>(Var<T>, Var<T>, Var<T>, double);                                          \
  prefix template Var<T> local_response_norm<T>(Var<T>, LocalResponseNormOptions);                                  \
  prefix template Var<T> max_pool2d<T>(Var<T>, Pool2dOptions);                                                      \
  prefix template Var<T> average_pool2d<T>(Var<T>, Pool2dOptions);                                                  \
  prefix template Var<T> softmax_cross_entropy<T>(Var<T>, Var<T>);                                                  \
  prefix template Var<T> mean_squared_error<T>(Var<T>, Var<T>);                                                     \
  prefix template Var<T> fill<T>(Var<T>, const Shape&);                                                             \
  prefix template Var<T> repeat_per_channel<T>(Var<T>, const Shape&);                                               \
  prefix template Var<T> repeat_for_features<T>(Var<T>, const Shape&);                                              \
  prefix template Var<T> relayout<T>(Var<T>, Layout);                                                               \
  prefix template Var<T> reshape<T>(Var<T>, const Shape&);                                                          \
  prefix template Var<T> scale<T>(Var<T>, Var<T>);                                                                  \
  prefix template Var<T> dot<T>(Var<T>, Var<T>);                                                                    \
  prefix template void vjp<T>(std::span<const Var<T>>, std::span<const Var<T>>, std::span<const Var<T>>,            \
                              std::span<Var<T>>, std::span<T* const>, std::size_t);                                 \
  prefix template void jvp<T>(std::span<const Var<T>>, std::span<const Var<T>>, std::span<const Var<T>>,            \
                              std::span<Var<T>>, std::span<T* const>);                                              \
  prefix template void gradient<T>(Var<T>, std::span<const Var<T>>, std::span<Var<T>>);                             \
  prefix template Var<T> detail::combine<T>(T, Var<T>, T);                                                          \
  prefix template Var<T> detail::combine<T>(T, Var<T>, T, Var<T>);                                                  \
  prefix template GradientCheck detail::check_first_derivatives<T>(const detail::VectorFunction<T>&,                \
                                                                   const std::vector<Tensor<T>>&, Random&);         \
  prefix template double detail::check_symmetry<T>(const detail::VectorFunction<T>&, const std::vector<Tensor<T>>&, \
                                                   Random&);                                                        \
  prefix template class PullbackSweep<T>;                                                                           \
  prefix template class TangentSweep<T>;                                                                            \
  prefix template class Tape<T>;

}  // namespace hypertape
