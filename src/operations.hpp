#pragma once

#include "hypertape/hypertape.hpp"

namespace hypertape {

#define HYPERTAPE_UNARY(prefix, T, function) prefix template Var<T> function<T>(Var<T>);

#define HYPERTAPE_OPERATIONS(prefix, T)                                                                  \
  HYPERTAPE_UNARY(prefix, T, relu)                                                                       \
  HYPERTAPE_UNARY(prefix, T, exp)                                                                        \
  HYPERTAPE_UNARY(prefix, T, log)                                                                        \
  HYPERTAPE_UNARY(prefix, T, sqrt)                                                                       \
  HYPERTAPE_UNARY(prefix, T, square)                                                                     \
  HYPERTAPE_UNARY(prefix, T, sin)                                                                        \
  HYPERTAPE_UNARY(prefix, T, cos)                                                                        \
  HYPERTAPE_UNARY(prefix, T, abs)                                                                        \
  HYPERTAPE_UNARY(prefix, T, tanh)                                                                       \
  HYPERTAPE_UNARY(prefix, T, sigmoid)                                                                    \
  HYPERTAPE_UNARY(prefix, T, softplus)                                                                   \
  HYPERTAPE_UNARY(prefix, T, norm)                                                                       \
  HYPERTAPE_UNARY(prefix, T, sum)                                                                        \
  HYPERTAPE_UNARY(prefix, T, mean)                                                                       \
  HYPERTAPE_UNARY(prefix, T, sum_per_channel)                                                            \
  HYPERTAPE_UNARY(prefix, T, sum_over_features)                                                          \
  HYPERTAPE_UNARY(prefix, T, log_softmax)                                                                \
  HYPERTAPE_UNARY(prefix, T, softmax)                                                                    \
  prefix template Var<T> linear<T>(Var<T>, Var<T>);                                                      \
  prefix template Var<T> linear<T>(Var<T>, Var<T>, Var<T>);                                              \
  prefix template Var<T> conv2d<T>(Var<T>, Var<T>, Conv2dOptions);                                       \
  prefix template Var<T> conv2d<T>(Var<T>, Var<T>, Var<T>, Conv2dOptions);                               \
  prefix template Var<T> conv2d_max_pool_relu<T>(Var<T>, Var<T>, Var<T>, Conv2dOptions, Pool2dOptions);  \
  prefix template Var<T> instance_norm<T>(Var<T>, Var<T>, Var<T>, double);                               \
  prefix template Var<T> local_response_norm<T>(Var<T>, LocalResponseNormOptions);                       \
  prefix template Var<T> max_pool2d<T>(Var<T>, Pool2dOptions);                                           \
  prefix template Var<T> average_pool2d<T>(Var<T>, Pool2dOptions);                                       \
  prefix template Var<T> softmax_cross_entropy<T>(Var<T>, Var<T>);                                       \
  prefix template Var<T> mean_squared_error<T>(Var<T>, Var<T>);                                          \
  prefix template Var<T> fill<T>(Var<T>, const Shape&);                                                  \
  prefix template Var<T> repeat_per_channel<T>(Var<T>, const Shape&);                                    \
  prefix template Var<T> repeat_for_features<T>(Var<T>, const Shape&);                                   \
  prefix template Var<T> relayout<T>(Var<T>, Layout);                                                    \
  prefix template Var<T> reshape<T>(Var<T>, const Shape&);                                               \
  prefix template Var<T> scale<T>(Var<T>, Var<T>);                                                       \
  prefix template Var<T> dot<T>(Var<T>, Var<T>);                                                         \
  prefix template void vjp<T>(std::span<const Var<T>>, std::span<const Var<T>>, std::span<const Var<T>>, \
                              std::span<Var<T>>, std::span<T* const>, std::size_t);                      \
  prefix template void jvp<T>(std::span<const Var<T>>, std::span<const Var<T>>, std::span<const Var<T>>, \
                              std::span<Var<T>>, std::span<T* const>);                                   \
  prefix template void gradient<T>(Var<T>, std::span<const Var<T>>, std::span<Var<T>>);                  \
  prefix template class Tape<T>;

}  // namespace hypertape
