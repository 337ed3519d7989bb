#pragma once

#include <span>
#include <vector>

#include "hypertape/autodiff/tape.hpp"

namespace hypertape::testing {

/// Records each tensor as a leaf.
template <class T>
std::vector<Var<T>> leaves(Tape<T>& tape, const std::vector<Tensor<T>>& tensors) {
  std::vector<Var<T>> out;
  for (const Tensor<T>& tensor : tensors) out.push_back(tape.leaf(tensor));
  return out;
}

/// The value of f at these inputs; f takes a span of Vars and returns a Var.
template <class T, class Function>
Tensor<T> evaluate(const Function& f, const std::vector<Tensor<T>>& inputs) {
  Tape<T> tape;
  const std::vector<Var<T>> x = leaves(tape, inputs);
  return f(std::span<const Var<T>>(x)).value();
}

}  // namespace hypertape::testing
