#pragma once

#include "hypertape/hypertape.hpp"

namespace hypertape {

#define HYPERTAPE_UNROLL(prefix, T)                                                                              \
  prefix template class detail::LossDerivatives<T>;                                                              \
  prefix template class detail::StepBlocks<T>;                                                                   \
  prefix template class optim::Rule<T>;                                                                          \
  prefix template class optim::Optimizer<T>;                                                                     \
  prefix template std::string optim::text_of<T>(const optim::Rule<T>&, const std::vector<optim::NamedRule<T>>&); \
  prefix template optim::Rule<T> optim::rule_from_text<T>(const std::string&,                                    \
                                                          const std::vector<optim::NamedRule<T>>&);              \
  prefix template Certificate certify<T>(const InnerLoop<T>&, const InnerLoss<T>&, OuterLoss<T>,                 \
                                         const Hypergradient<T>&, std::uint64_t, const std::vector<Index>&);     \
  prefix template class BatchGradient<T>;                                                                        \
  prefix template class ForwardUnroll<T>;                                                                        \
  prefix template class Implicit<T>;                                                                             \
  prefix template class TruncatedUnroll<T>;                                                                      \
  prefix template class Unroll<T>;                                                                               \
  prefix template class UnrollEnsemble<T>;                                                                       \
  prefix template std::vector<optim::NamedRule<T>> optim::known_rules<T>();                                      \
  prefix template class optim::ElementwiseRule<T, optim::GradientDescent>;                                       \
  prefix template class optim::ElementwiseRule<T, optim::HeavyBall>;                                             \
  prefix template class optim::ElementwiseRule<T, optim::Adam>;

}  // namespace hypertape
