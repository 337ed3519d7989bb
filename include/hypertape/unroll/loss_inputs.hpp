#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The inputs of a loss. They must not change while a record of the loss is kept.
template <class T>
struct LossInputs {
  const Tensor<T>& theta;           ///< (P)
  std::span<const Tensor<T>> data;  ///< x (N, ...), y (N, ...), and any other data
  std::span<const char> wanted{};   ///< for each, whether `gradient_vjp` must compute its derivative; empty means none
  const Tensor<T>* phi = nullptr;  ///< (H), hyperparameters if the loss takes them; their derivative is always computed
  Index step = 0;                  ///< t, for a loss that depends on it
};

/// Where derivatives are written, each with its input's shape.
template <class T>
struct LossOutputs {
  T* theta;                    ///< (P), always wanted
  std::span<T* const> data{};  ///< in the order of the data; null for unwanted ones, empty if none is wanted
  T* phi = nullptr;            ///< (H), null if there are none
};

/// One future call of a loss, at inputs of this kind; a kind is all inputs of the same shapes.
struct LossCall {
  enum class What : unsigned char { gradient, record, gradient_vjp };  ///< in the order of a call's traces
  What what;
  std::size_t kind;
};

/// The largest number of records on the stack during these calls.
inline std::size_t most_records(std::span<const LossCall> calls) {
  std::size_t records = 0, most = 0;
  for (const LossCall& call : calls) {
    if (call.what == LossCall::What::record) most = (std::max)(most, ++records);
    if (call.what == LossCall::What::gradient_vjp) --records;
  }
  return most;
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
