#pragma once

#include "hypertape/autodiff/var.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

template <class T>
class Evaluation;
template <class T>
class TangentSweep;
template <class T>
class PullbackSweep;

/// One differentiable operation y = f(x_0, x_1, ...). To add an operation, derive from this class. `tangent` and
/// `pullback` build their results from other operations, which is what makes derivatives of any order work.
///
/// Objects are copied into the tape's arena and never destroyed, so they hold sizes and pointers into the tape, never
/// owned memory.
template <class T>
class Operation {
 public:
  /// The operation's name in messages.
  virtual const char* name() const = 0;

  /// Writes f(x_0, x_1, ...) to the output.
  virtual void evaluate(const Evaluation<T>& call) const = 0;

  /// Whether evaluating it takes about as long as reading its inputs. To save memory, such values are recomputed rather
  /// than kept (`Tape::keep_apart`).
  virtual bool is_cheap() const { return false; }

  /// y' = sum over i of df/dx_i x_i', with the output's shape, or an empty Var if it is zero by construction. Called
  /// only if some x_i' is not empty.
  virtual Var<T> tangent(const TangentSweep<T>& call) const = 0;

  /// Adds (df/dx_i)^T y_bar, with the input's shape, to the adjoint of each input that needs one.
  virtual void pullback(PullbackSweep<T>& call) const = 0;

 protected:
  ~Operation() = default;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
