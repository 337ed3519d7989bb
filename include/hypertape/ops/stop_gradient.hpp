#pragma once

#include "hypertape/autodiff/tape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Returns x as a constant: the same values, but independent of everything. Derivatives of every order treat them as
/// constants, for example for a target that should not be chased, or a first-order estimate. It shares x's memory;
/// nothing is copied, and how x was computed is not recorded. @throws ArgumentError if x is empty, or was dropped from
/// its tape.
template <class T>
Var<T> stop_gradient(Var<T> x) {
  Tape<T>& tape = x.tape();
  tape.require_nodes("stop_gradient", "operand", x);
  return tape.view(x.shape(), x.data());
}

}  // namespace hypertape::inline HYPERTAPE_ABI
