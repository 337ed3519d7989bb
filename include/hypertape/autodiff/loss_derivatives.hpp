#pragma once

#include <cstddef>

#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/start.hpp"

namespace hypertape {

/// First and second derivatives of a loss(theta, x, y), a mean over a block of samples: all that a gradient and a
/// hypergradient ask of it. `TapeDerivatives` has them for any loss that is written in operations; a network may have a
/// faster way of its own (nn/fused_lenet.hpp).
///
/// `record` pushes, `differentiate` pops: the steps of an inner loop go forward, then back. An object is used by one
/// thread at a time, and reuses its memory.
template <class T>
class LossDerivatives {
 public:
  virtual ~LossDerivatives() = default;

  /// Returns the loss at theta (P); writes gradient (P) = start + weight * d loss / d theta.
  /// @throws ShapeError if theta, x and y do not fit the loss.
  virtual T gradient(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, T weight, kernels::Start start,
                     T* gradient_out) = 0;

  /// The same, and keeps what `differentiate` needs. theta, x and y must stay as they are until then.
  virtual T record(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, T weight, kernels::Start start,
                   T* gradient_out) = 0;

  /// Returns s = <direction, weight * d loss / d theta> for the newest record, writes the derivatives of s, by theta
  /// into hvp (P) and, unless these are null, by x into dx and by y into dy, of their shapes, and drops the record.
  virtual T differentiate(const T* direction, T* hvp, T* dx, T* dy) = 0;

  /// Drops all records.
  virtual void clear() = 0;

  /// Bytes that the records take, and bytes that the object holds, used or not.
  virtual std::size_t used_bytes() const = 0;
  virtual std::size_t reserved_bytes() const = 0;
};

}  // namespace hypertape
