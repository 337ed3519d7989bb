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

/// s_t = (theta_t, slots): the weights before step t, and what a rule keeps beside them, say velocities or moments.
template <class T>
struct Iterate {
  Tensor<T> theta;              ///< (P)
  std::vector<Tensor<T>> slot;  ///< each (P)

  /// Bytes that they hold.
  std::size_t reserved_bytes() const { return theta.reserved_bytes() + detail::reserved_bytes(slot); }
};

/// What a rule remembers of the steps so far: with the weights, all that it takes to go on, bit for bit.
template <class T>
struct State {
  std::vector<Tensor<T>> slot;  ///< each (P); empty: zeros, as a rule starts
  Index steps = 0;              ///< taken so far, for the bias corrections of Adam

  /// Bytes that the slots hold.
  std::size_t reserved_bytes() const { return detail::reserved_bytes(slot); }
};

/// A number that a rule has, such as a momentum: its name, and the range least <= value < end that it must be in.
struct Coefficient {
  const char* name;                                      ///< as an argument is named
  double least = 0;                                      ///< may be taken
  double end = std::numeric_limits<double>::infinity();  ///< may not
};

/// What a rule keeps of each weight beside it, such as a velocity: its name, and the least value that it can have.
struct Slot {
  const char* name;                                         ///< as a checkpoint may name it
  double least = -std::numeric_limits<double>::infinity();  ///< 0 of a mean of squares
};

/// What step t of a rule is given.
template <class T>
struct StepInputs {
  const Iterate<T>& from;           ///< s_t
  const Tensor<T>& gradient;        ///< (P): g_t, of the loss with respect to theta_t; unless needed, of any shape
  std::span<const T> rates;         ///< eta_t of each group of weights
  const WeightGroups& groups;       ///< which weights have which
  std::span<const T> coefficients;  ///< as `UpdateRule::coefficients` names them
  const Tensor<T>& phi;             ///< (H), the loop's hyperparameters; a scalar for nothing
  Index step;                       ///< steps that were taken before this one
};

/// Where the derivatives with respect to a step's inputs go.
template <class T>
struct StepAdjoint {
  Iterate<T>& iterate;        ///< dL/d s_{t+1} on entry, the part of dL/d s_t that does not go through g_t on return
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

/// How weights follow from a gradient: s_{t+1} = step(s_t, g_t, eta_t, coefficients, phi, t), with its adjoint and its
/// tangent. All that an unroll knows of a rule. An object is used by one thread at a time, whose team it may share
/// work out to, and reuses its memory; `clone` makes one for another.
template <class T>
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  /// Of the same rule, with memory of its own.
  virtual std::unique_ptr<UpdateRule> clone() const = 0;
  /// For messages: "heavy ball".
  virtual std::string name() const = 0;
  /// How many slots it keeps.
  virtual std::size_t slot_count() const = 0;
  /// Slot number i < slots().
  virtual Slot slot(std::size_t i) const = 0;
  /// The numbers that it takes.
  virtual std::vector<Coefficient> coefficients() const = 0;
  /// Whether it depends on the hyperparameters phi.
  virtual bool takes_hyperparameters() const { return false; }
  /// Whether `adjoint` reads g_t, which is then kept for it.
  virtual bool needs_gradient() const { return true; }
  /// Whether it is theta - eta g, whose adjoint an unroll takes from the sweep of the Hessian-vector product, so that
  /// no gradient need be kept.
  virtual bool is_plain_descent() const { return false; }

  /// Writes s_{t+1}, of s_t's shapes, which may be s_t itself.
  virtual void step(const StepInputs<T>& in, Iterate<T>& to, const WorkerTeam& team) = 0;
  /// The derivatives with respect to the step's inputs; `to` is s_{t+1}.
  virtual void adjoint(const StepInputs<T>& in, const Iterate<T>& to, const StepAdjoint<T>& out,
                       const WorkerTeam& team) = 0;
  /// Writes the tangent of s_{t+1}, which may be that of s_t itself; `to` is s_{t+1}.
  virtual void tangent(const StepInputs<T>& in, const Iterate<T>& to, const StepTangent<T>& along, Iterate<T>& out,
                       const WorkerTeam& team) = 0;

  /// Bytes that the object holds.
  virtual std::size_t reserved_bytes() const = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
