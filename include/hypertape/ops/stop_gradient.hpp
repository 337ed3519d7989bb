#pragma once

#include "hypertape/autodiff/tape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// x as a constant: the same values, on which nothing depends. Derivatives of every order count them as given, which is
/// what is asked for: a target that is not to be chased, or a first-order estimate. The memory is that of x; nothing is
/// copied or recorded of how x came about. @throws ArgumentError if x is none, or was dropped from its tape.
template <class T>
Var<T> stop_gradient(Var<T> x) {
  Tape<T>& tape = x.tape();
  tape.require_nodes("stop_gradient", "operand", x);
  return tape.view(x.shape(), x.data());
}

}  // namespace hypertape::inline HYPERTAPE_ABI
