#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "hypertape/core/arena_forecast.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/output_mode.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// What a loss is given. They must stay as they are while a record of the loss is kept.
template <class T>
struct LossInputs {
  const Tensor<T>& theta;          ///< (P)
  const Tensor<T>& x;              ///< (N, ...)
  const Tensor<T>& y;              ///< (N, ...)
  const Tensor<T>* phi = nullptr;  ///< (H), hyperparameters of a loss that takes some
};

/// Where derivatives go, each of its input's shape; null for one that nobody wants.
template <class T>
struct LossOutputs {
  T* theta;          ///< (P), always wanted
  T* x = nullptr;    ///< as x
  T* y = nullptr;    ///< as y
  T* phi = nullptr;  ///< (H)
};

/// Which derivatives besides that by theta `gradient_vjp` will be asked for.
struct LossWanted {
  bool x = false;    ///< by the samples
  bool y = false;    ///< by the labels
  bool phi = false;  ///< by the hyperparameters
};

/// How the derivatives of a loss will be used: gradients alone if there are some before the first record, then stacks
/// of so many records, each differentiated from its top down before the next is begun.
struct LossPlan {
  bool gradients_first = false;                                       ///< whether there are some
  std::array<Index, 2> stacks{};                                      ///< heights; 0 for one that there is not
  Index highest() const { return (std::max)(stacks[0], stacks[1]); }  ///< of the two
};

/// First and second derivatives of a loss(theta, x, y) or loss(theta, x, y, phi), a mean over a block of samples: all
/// that a gradient and a hypergradient ask of it. `TapeDerivatives` has them for any loss that is written in
/// operations; a network may have a faster way of its own (nn/fused_lenet.hpp), which is why the interface lies below
/// both, and not in unroll.
///
/// `record` pushes, `gradient_vjp` pops: the steps of an inner loop go forward, then back. An object is used by one
/// thread at a time, and reuses its memory.
template <class T>
class LossDerivatives {
 public:
  virtual ~LossDerivatives() = default;

  /// Returns the loss; writes gradient (P) = start + weight * d loss / d theta. @throws ShapeError if the inputs do not
  /// fit the loss.
  virtual T gradient(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out) = 0;

  /// The same, and keeps what `gradient_vjp` needs.
  virtual T record(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out) = 0;

  /// Returns s = <direction, weight * d loss / d theta> for the newest record, writes the derivatives of s, and drops
  /// the record. @throws ArgumentError if there is none.
  virtual T gradient_vjp(const T* direction, const LossOutputs<T>& out) = 0;

  /// Drops all records.
  virtual void clear() = 0;

  /// Bytes that the object holds, used or not.
  virtual std::size_t reserved_bytes() const = 0;

  /// What `reserved_bytes` of a new object would be after this work with such inputs: learned from one gradient and one
  /// record, which is differentiated, of this object, which must be new.
  virtual std::size_t predicted_bytes(const LossInputs<T>& inputs, const LossPlan& plan, const T* direction,
                                      T* gradient_out, const LossOutputs<T>& out) = 0;
};

/// `predicted_bytes` for the arena of an object whose records lie there.
template <class T>
std::size_t predicted_arena_bytes(LossDerivatives<T>& probe, Arena& arena, const LossInputs<T>& inputs,
                                  const LossPlan& plan, const T* direction, T* gradient_out,
                                  const LossOutputs<T>& out) {
  const auto mode = kernels::OutputMode::write;
  const ArenaTrace gradient = trace(arena, [&] { probe.gradient(inputs, T(1), mode, gradient_out); });
  const ArenaTrace record = trace(arena, [&] { probe.record(inputs, T(1), mode, gradient_out); });
  const ArenaTrace differentiate = trace(arena, [&] { probe.gradient_vjp(direction, out); });
  ArenaForecast forecast(arena.block_bytes());
  if (plan.gradients_first) forecast.repeat(gradient);
  for (const Index stack : plan.stacks) {
    for (Index i = 0; i < stack; ++i) forecast.repeat(record);
    for (Index i = 0; i < stack; ++i) forecast.repeat(differentiate);
  }
  return forecast.reserved_bytes();
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
