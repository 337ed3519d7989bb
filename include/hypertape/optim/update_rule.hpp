#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/optim/weight_groups.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

namespace detail {

template <class T>
std::size_t reserved_bytes(const std::vector<Tensor<T>>& tensors) {
  std::size_t bytes = 0;
  for (const Tensor<T>& tensor : tensors) bytes += tensor.reserved_bytes();
  return bytes;
}

}  // namespace detail

/// s_t = (theta_t, slots): the weights before step t, and what a rule keeps with them, such as velocities or moments.
template <class T>
struct Iterate {
  Tensor<T> theta;              ///< (P)
  std::vector<Tensor<T>> slot;  ///< each (P)

  /// Bytes held by the tensors.
  std::size_t reserved_bytes() const { return theta.reserved_bytes() + detail::reserved_bytes(slot); }
};

/// What a rule remembers of the steps so far: together with the weights, all it takes to continue bit for bit.
template <class T>
struct State {
  std::vector<Tensor<T>> slot;  ///< each (P); empty means zeros, as at the start
  Index steps = 0;              ///< taken so far, for the bias corrections of Adam

  /// Bytes held by the slots.
  std::size_t reserved_bytes() const { return detail::reserved_bytes(slot); }
};

/// A number of a rule, such as a momentum: its name and its range, least <= value < end.
struct Coefficient {
  const char* name;                                      ///< in the form of an argument's name
  double least = 0;                                      ///< allowed
  double end = std::numeric_limits<double>::infinity();  ///< not allowed
};

/// A value that a rule keeps for each weight, such as a velocity: its name and its lower bound.
struct Slot {
  const char* name;                                         ///< in checkpoints, for example
  double least = -std::numeric_limits<double>::infinity();  ///< 0 for a mean of squares
};

/// The inputs of step t of a rule.
template <class T>
struct StepInputs {
  const Iterate<T>& from;           ///< s_t
  const Tensor<T>& gradient;        ///< (P): g_t = dl/d theta_t; any shape if the rule does not need it
  std::span<const T> rates;         ///< eta_t for each group of weights
  const WeightGroups& groups;       ///< the weights of each group
  std::span<const T> coefficients;  ///< in the order of `UpdateRule::coefficients`
  const Tensor<T>& phi;             ///< (H), the loop's hyperparameters; a scalar if there are none
  Index step;                       ///< number of earlier steps
};

/// Where the derivatives with respect to a step's inputs go.
template <class T>
struct StepAdjoint {
  Iterate<T>& iterate;        ///< in: dL/d s_{t+1}; out: the part of dL/d s_t that does not go through g_t
  Tensor<T>& gradient;        ///< (P): dL/d g_t, written
  std::span<T> rates;         ///< added to
  std::span<T> coefficients;  ///< added to
  Tensor<T>& phi;             ///< (H), added to by rules that depend on phi
};

/// A tangent of a step's inputs.
template <class T>
struct StepTangent {
  const Iterate<T>& iterate;        ///< of s_t
  const Tensor<T>& gradient;        ///< (P), of g_t
  std::span<const T> rates;         ///< of eta_t
  std::span<const T> coefficients;  ///< of the coefficients
  const Tensor<T>& phi;             ///< of phi
};

/// How the weights follow from a gradient: s_{t+1} = step(s_t, g_t, eta_t, coefficients, phi, t), with its adjoint and
/// tangent. An unroll knows nothing else of a rule. Only one thread at a time uses an object, and may share its work
/// with a team; the object reuses its memory, and `clone` makes one for another thread.
template <class T>
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  /// The same rule in a new object with its own memory.
  virtual std::unique_ptr<UpdateRule> clone() const = 0;
  /// The name in messages: "heavy ball".
  virtual std::string name() const = 0;
  /// The number of slots it keeps.
  virtual std::size_t slot_count() const = 0;
  /// Slot number i < slot_count().
  virtual Slot slot(std::size_t i) const = 0;
  /// The coefficients it takes.
  virtual std::vector<Coefficient> coefficients() const = 0;
  /// Whether it depends on the hyperparameters phi.
  virtual bool takes_hyperparameters() const { return false; }
  /// Whether `adjoint` reads g_t, which must then be kept.
  virtual bool needs_gradient() const { return true; }
  /// Whether the step is theta - eta g. An unroll then takes its adjoint from the sweep of the Hessian-vector product,
  /// so that no gradient is kept.
  virtual bool is_plain_descent() const { return false; }

  /// Writes s_{t+1}, with the shapes of s_t; `to` may be s_t itself.
  virtual void step(const StepInputs<T>& in, Iterate<T>& to, const WorkerTeam& team) = 0;
  /// Computes the derivatives with respect to the step's inputs; `to` is s_{t+1}.
  virtual void adjoint(const StepInputs<T>& in, const Iterate<T>& to, const StepAdjoint<T>& out,
                       const WorkerTeam& team) = 0;
  /// Writes the tangent of s_{t+1}; `out` may be the tangent of s_t itself; `to` is s_{t+1}.
  virtual void tangent(const StepInputs<T>& in, const Iterate<T>& to, const StepTangent<T>& along, Iterate<T>& out,
                       const WorkerTeam& team) = 0;

  /// Bytes held by the object.
  virtual std::size_t reserved_bytes() const = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
