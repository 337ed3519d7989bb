#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "hypertape/core/arena_forecast.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/output_mode.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// What a loss is given. They must stay as they are while a record of the loss is kept.
template <class T>
struct LossInputs {
  const Tensor<T>& theta;           ///< (P)
  std::span<const Tensor<T>> data;  ///< x (N, ...), y (N, ...), and whatever else there is
  std::span<const char> wanted{};   ///< for each, whether `gradient_vjp` will be asked for its derivative; empty: none
  const Tensor<T>* phi = nullptr;   ///< (H), hyperparameters of a loss that takes some; their derivative is wanted
  Index step = 0;                   ///< t, of a loss that depends on it
};

/// Where derivatives go, each of its input's shape.
template <class T>
struct LossOutputs {
  T* theta;                    ///< (P), always wanted
  std::span<T* const> data{};  ///< as the data; null for one that nobody wants, empty if that is all
  T* phi = nullptr;            ///< (H), null if there are none
};

/// One call to come, of a loss at inputs of this kind, where a kind is all inputs of the same shapes.
struct LossCall {
  enum class What : unsigned char { gradient, record, gradient_vjp };  ///< in the order of a call's traces
  What what;
  std::size_t kind;
};

/// First and second derivatives of a loss of theta and data, a mean over a block of samples: all that a gradient and a
/// hypergradient ask of it. `TapeDerivatives` has them for any loss that is written in
/// operations; a network may have a faster way of its own (nn/fused_lenet.hpp), which is why the interface lies below
/// both, and not in unroll.
///
/// `record` pushes, `gradient_vjp` pops: the steps of an inner loop go forward, then back; `hessian_product` serves as
/// often as it is asked. An object is used by one thread at a time, and reuses its memory.
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

  /// Writes d/dtheta <direction, weight * d loss / d theta>, summed over all records, to out (P): the product of their
  /// Hessian and the direction. Keeps the records. @throws ArgumentError if there is none.
  virtual void hessian_product(const T* direction, T* out) = 0;

  /// Drops all records.
  virtual void clear() = 0;

  /// Bytes that the object holds, used or not.
  virtual std::size_t reserved_bytes() const = 0;

  /// What `reserved_bytes` of a new object would be after these calls, of inputs of these kinds: learned from one
  /// gradient and one record of each, which is differentiated, of this object, which must be new.
  virtual std::size_t predicted_bytes(std::span<const LossInputs<T>> kinds, std::span<const LossCall> calls,
                                      const T* direction, T* gradient_out, const LossOutputs<T>& out) = 0;
};

/// @throws ArgumentError for a stack of records that is empty.
inline void require_record(std::size_t records) {
  if (records == 0) throw ArgumentError("LossDerivatives: nothing is recorded that could be differentiated");
}

/// The highest stack of records among these calls.
inline std::size_t most_records(std::span<const LossCall> calls) {
  std::size_t records = 0, most = 0;
  for (const LossCall& call : calls) {
    if (call.what == LossCall::What::record) most = (std::max)(most, ++records);
    if (call.what == LossCall::What::gradient_vjp) --records;
  }
  return most;
}

/// `LossDerivatives::hessian_product` by differentiate(record, out), which writes the product of one, on an arena or a
/// tape, which is left as it was.
template <class T, class Record, class Memory, class Differentiate>
void sum_hessian_products(std::span<const Record> records, Index weights, Memory& memory, T* out,
                          const Differentiate& differentiate) {
  require_record(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto before = memory.mark();
    T* const product = i == 0 ? out : memory.template allocate<T>(weights);
    differentiate(records[i], product);
    for (Index j = 0; i > 0 && j < weights; ++j) out[j] += product[j];
    memory.rewind(before);
  }
}

/// `predicted_bytes` for the arena of an object whose records lie there.
template <class T>
std::size_t predicted_arena_bytes(LossDerivatives<T>& probe, Arena& arena, std::span<const LossInputs<T>> kinds,
                                  std::span<const LossCall> calls, const T* direction, T* gradient_out,
                                  const LossOutputs<T>& out) {
  const auto mode = kernels::OutputMode::write;
  std::vector<std::array<ArenaTrace, 3>> traces;
  for (const LossInputs<T>& inputs : kinds) {
    auto& of = traces.emplace_back();
    of[0] = trace(arena, [&] { probe.gradient(inputs, T(1), mode, gradient_out); });
    of[1] = trace(arena, [&] { probe.record(inputs, T(1), mode, gradient_out); });
    of[2] = trace(arena, [&] { probe.gradient_vjp(direction, out); });
  }
  ArenaForecast forecast(arena.block_bytes());
  for (const LossCall& call : calls) forecast.repeat(traces[call.kind][static_cast<std::size_t>(call.what)]);
  return forecast.reserved_bytes();
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
