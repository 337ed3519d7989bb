#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "hypertape/core/tensor.hpp"

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

/// The highest stack of records among these calls.
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
