#pragma once

#include "hypertape/hypertape.hpp"

namespace hypertape {

#define HYPERTAPE_UNROLL(prefix, T)                                         \
  prefix template class BatchGradient<T>;                                   \
  prefix template class ForwardUnroll<T>;                                   \
  prefix template class Implicit<T>;                                        \
  prefix template class TruncatedUnroll<T>;                                 \
  prefix template class Unroll<T>;                                          \
  prefix template class UnrollEnsemble<T>;                                  \
  prefix template std::vector<optim::NamedRule<T>> optim::known_rules<T>(); \
  prefix template class optim::ElementwiseRule<T, optim::GradientDescent>;  \
  prefix template class optim::ElementwiseRule<T, optim::HeavyBall>;        \
  prefix template class optim::ElementwiseRule<T, optim::Adam>;

}  // namespace hypertape
