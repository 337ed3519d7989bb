#pragma once

#include <bit>
#include <cstddef>
#include <vector>

#include "hypertape/autodiff/loss_derivatives.hpp"
#include "hypertape/core/arena.hpp"
#include "hypertape/nn/fused_lenet_kernels.hpp"

namespace hypertape::nn {

/// The derivatives of LeNet with softmax cross-entropy by the kernels of nn/fused_lenet_kernels.hpp, for images
/// (N, Channels, size, size).
template <class T, int Channels>
class FusedLeNet final : public hypertape::detail::LossDerivatives<T> {
 public:
  /// `weights` is the length of theta.
  FusedLeNet(Index size, Index classes, Index weights) : size_(size), classes_(classes), weights_(weights) {}

  T gradient(const hypertape::detail::LossInputs<T>& inputs, T weight, kernels::OutputMode mode,
             T* gradient_out) override {
    const hypertape::detail::Arena::Mark before = arena_.mark();
    const T loss = record(inputs, weight, mode, gradient_out);
    records_.pop_back();
    arena_.rewind(before);
    return loss;
  }

  T record(const hypertape::detail::LossInputs<T>& inputs, T weight, kernels::OutputMode mode,
           T* gradient_out) override {
    if (inputs.data.size() != 2) {
      throw ArgumentError("LeNet: its loss takes x and y, got ", inputs.data.size(), " tensors of data");
    }
    const Tensor<T>&x = inputs.data[0], &y = inputs.data[1];
    validate(inputs.theta, x, y);
    records_.push_back({arena_.mark(), {}, inputs.theta.data(), &x, &y, weight});
    Record& record = records_.back();
    record.kernel = Kernel::allocate_record(x.shape()[0], classes_, allocate());
    const hypertape::detail::Arena::Mark kept = arena_.mark();
    const T loss = Kernel::loss_and_gradient(record.theta, load(record), weight, mode, record.kernel, gradient_out);
    arena_.rewind(kept);
    return loss;
  }

  T gradient_vjp(const T* direction, const hypertape::detail::LossOutputs<T>& out) override {
    hypertape::detail::require_record(records_.size());
    const Record record = records_.back();
    records_.pop_back();
    const T slope = differentiate(record, direction, out);
    arena_.rewind(record.before);
    return slope;
  }

  void hessian_product(const T* direction, T* out) override {
    const auto one = [&](const Record& record, T* product) { differentiate(record, direction, {product}); };
    hypertape::detail::sum_hessian_products<T, Record>(records_, weights_, arena_, out, one);
  }

  void clear() override {
    records_.clear();
    arena_.rewind({});
  }

  std::size_t reserved_bytes() const override { return arena_.reserved_bytes() + records_.capacity() * sizeof(Record); }

  std::size_t predicted_bytes(std::span<const hypertape::detail::LossInputs<T>> kinds,
                              std::span<const hypertape::detail::LossCall> calls, const T* direction, T* gradient_out,
                              const hypertape::detail::LossOutputs<T>& out) override {
    return hypertape::detail::predicted_arena_bytes(*this, arena_, kinds, calls, direction, gradient_out, out) +
           std::bit_ceil(hypertape::detail::most_records(calls)) * sizeof(Record);
  }

 private:
  using Kernel = LeNetKernels<T, Channels>;

  struct Record {
    hypertape::detail::Arena::Mark before;
    typename Kernel::Record kernel;
    const T* theta;
    const Tensor<T>*x, *y;
    T weight;
  };

  void validate(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y) const {
    if (theta.shape() != Shape{weights_}) {
      throw ShapeError("LeNet: theta must be ", Shape{weights_}, ", got ", theta.shape());
    }
    hypertape::detail::require_batch("LeNet", "the images", x.shape());
    const Index N = x.shape()[0];
    if (x.shape() != Shape::batch(N, Channels, size_, size_)) {
      throw ShapeError("LeNet: built for images ", Shape{1, Channels, size_, size_}, ", got ", x.shape());
    }
    if (y.shape() != Shape::batch(N, classes_)) {
      throw ShapeError("softmax_cross_entropy: logits ", Shape::batch(N, classes_), " and labels ", y.shape(),
                       " must have one shape (N, K)");
    }
  }

  auto allocate() {
    return [this]<class U>(Index count) { return arena_.allocate<U>(count); };
  }

  T differentiate(const Record& record, const T* direction, const hypertape::detail::LossOutputs<T>& out) {
    const typename Kernel::Batch batch = load(record);
    const auto scratch = Kernel::allocate_scratch(batch.N, classes_, allocate());
    return Kernel::derivative(record.theta, direction, batch, size_, record.weight, record.kernel, scratch, out.theta,
                              out.data.empty() ? nullptr : out.data[0], out.data.empty() ? nullptr : out.data[1]);
  }

  /// The samples as the kernels read them: made anew for each use, which is cheaper than keeping them.
  typename Kernel::Batch load(const Record& record) {
    const auto batch = Kernel::allocate_batch(record.x->shape()[0], classes_, allocate());
    Kernel::load(record.x->data(), record.y->data(), size_, batch);
    return batch;
  }

  Index size_, classes_, weights_;
  hypertape::detail::Arena arena_{std::size_t{1} << 18};
  std::vector<Record> records_;
};

}  // namespace hypertape::nn
