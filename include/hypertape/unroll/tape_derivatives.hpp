#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/autodiff/loss_derivatives.hpp"
#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/reduce.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape {

/// How the second derivatives of an inner step are taken; all give the same values to rounding.
enum class SecondDerivative {
  fastest,               ///< the loss's own derivatives if it has some (see `loss_derivatives`), else the next
  forward_over_reverse,  ///< on a tape: the tangent along the direction is pushed through the recorded gradient
  reverse_over_reverse,  ///< on a tape: <direction, gradient> is recorded, and pulled back
};

/// The derivatives of any loss(theta, x, y) that records a scalar from three Vars.
template <class T, class Loss>
class TapeDerivatives final : public LossDerivatives<T> {
 public:
  /// `with_x`, `with_y`: whether `differentiate` will be asked for these.
  TapeDerivatives(Loss loss, SecondDerivative second, bool with_x, bool with_y)
      : loss_(std::move(loss)),
        reverse_(second == SecondDerivative::reverse_over_reverse),
        with_x_(with_x),
        with_y_(with_y) {}

  T gradient(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, T weight, kernels::Start start,
             T* gradient_out) override {
    Record record = arguments(theta, x, y, weight);
    const T value = push(record, false, false, start, gradient_out);
    tape_.rewind(record.before);
    return value;
  }

  T record(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, T weight, kernels::Start start,
           T* gradient_out) override {
    Record record = arguments(theta, x, y, weight);
    // Forward over reverse needs the gradients by x and y on the tape; reverse over reverse makes its own.
    const T value = push(record, !reverse_ && with_x_, !reverse_ && with_y_, start, gradient_out);
    records_.push_back(record);
    return value;
  }

  /// All three derivatives come from one sweep. Forward over reverse: the tangent of d loss / dx along the direction is
  /// d/dx <direction, d loss / d theta>, because second derivatives commute.
  T differentiate(const T* direction, T* hvp, T* dx, T* dy) override {
    const Record record = records_.back();
    records_.pop_back();
    const T slope = record.weight * kernels::dot(record.d_theta.size(), direction, record.d_theta.data());
    const Var<T> along = tape_.view(record.theta.shape(), direction);
    Var<T> derivatives[3];
    const Selection arguments(record, dx != nullptr, dy != nullptr);
    const std::span<Var<T>> out(derivatives, arguments.count);
    if (reverse_) {
      hypertape::gradient<T>(dot(along, record.d_theta), arguments.vars(), out);
    } else {
      Var<T> outputs[3] = {record.d_theta};
      std::size_t count = 1;
      if (dx != nullptr) outputs[count++] = record.d_x;
      if (dy != nullptr) outputs[count++] = record.d_y;
      jvp<T>(std::span<const Var<T>>(outputs, count), std::span<const Var<T>>(&record.theta, 1),
             std::span<const Var<T>>(&along, 1), out);
    }
    Record second = record;
    arguments.store(derivatives, second);
    scale(second.d_theta, record.weight, kernels::Start::fresh, hvp);
    if (dx != nullptr) scale(second.d_x, record.weight, kernels::Start::fresh, dx);
    if (dy != nullptr) scale(second.d_y, record.weight, kernels::Start::fresh, dy);
    tape_.rewind(record.before);
    return slope;
  }

  void clear() override {
    records_.clear();
    tape_.reset();
  }

  std::size_t used_bytes() const override { return tape_.used_bytes() + records_.size() * sizeof(Record); }
  std::size_t reserved_bytes() const override { return tape_.reserved_bytes() + records_.capacity() * sizeof(Record); }

 private:
  /// One recorded gradient: its arguments, and its values by them.
  struct Record {
    typename Tape<T>::Mark before;
    T weight;
    Var<T> theta, x, y;
    Var<T> d_theta, d_x, d_y;
  };

  /// Theta and those of x and y that are differentiated, in this order.
  struct Selection {
    Var<T> selected[3];
    std::size_t count = 1;
    bool x, y;

    Selection(const Record& record, bool with_x, bool with_y) : selected{record.theta}, x(with_x), y(with_y) {
      if (x) selected[count++] = record.x;
      if (y) selected[count++] = record.y;
    }
    std::span<const Var<T>> vars() const { return {selected, count}; }
    void store(const Var<T>* derivatives, Record& record) const {
      record.d_theta = *derivatives++;
      if (x) record.d_x = *derivatives++;
      if (y) record.d_y = *derivatives;
    }
  };

  Record arguments(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, T weight) {
    Record record;
    record.before = tape_.mark();
    record.weight = weight;
    record.theta = tape_.view(theta.shape(), theta.data());
    record.x = tape_.view(x.shape(), x.data());
    record.y = tape_.view(y.shape(), y.data());
    return record;
  }

  T push(Record& record, bool with_x, bool with_y, kernels::Start start, T* gradient_out) {
    const Var<T> value = loss_(record.theta, record.x, record.y);
    const Selection arguments(record, with_x, with_y);
    Var<T> gradients[3];
    hypertape::gradient<T>(value, arguments.vars(), std::span<Var<T>>(gradients, arguments.count));
    arguments.store(gradients, record);
    scale(record.d_theta, record.weight, start, gradient_out);
    return value.item();
  }

  /// out = start + factor * values.
  static void scale(Var<T> values, T factor, kernels::Start start, T* out) {
    const Index count = values.size();
    if (start == kernels::Start::fresh) {
      kernels::map(count, values.data(), out, [factor](T value) { return factor * value; });
    } else {
      kernels::map(count, out, values.data(), out, [factor](T sum, T value) { return sum + factor * value; });
    }
  }

  Loss loss_;
  bool reverse_, with_x_, with_y_;
  Tape<T> tape_;
  std::vector<Record> records_;
};

/// The derivatives of a loss: its own, if `loss.template derivatives<T>()` gives some and the fastest way is wanted,
/// else those of a tape.
template <class T, class Loss>
std::unique_ptr<LossDerivatives<T>> loss_derivatives(const Loss& loss,
                                                     SecondDerivative second = SecondDerivative::fastest,
                                                     bool with_x = false, bool with_y = false) {
  if constexpr (requires { loss.template derivatives<T>(); }) {
    if (second == SecondDerivative::fastest) {
      if (auto own = loss.template derivatives<T>()) return own;
    }
  }
  return std::make_unique<TapeDerivatives<T, Loss>>(loss, second, with_x, with_y);
}

}  // namespace hypertape
