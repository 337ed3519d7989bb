#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/autodiff/loss_derivatives.hpp"
#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape {

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
    push(record, false, false, start, gradient_out);
    const T value = record.loss.item();
    tape_.rewind(record.before);
    return value;
  }

  T record(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, T weight, kernels::Start start,
           T* gradient_out) override {
    Record record = arguments(theta, x, y, weight);
    // Forward over reverse needs the gradients by x and y on the tape; reverse over reverse makes its own.
    push(record, !reverse_ && with_x_, !reverse_ && with_y_, start, gradient_out);
    records_.push_back(record);
    return record.loss.item();
  }

  /// All three derivatives come from one sweep. Forward over reverse: the tangent of d loss / dx along the direction is
  /// d/dx <direction, d loss / d theta>, because second derivatives commute; and that of the loss is the slope.
  T differentiate(const T* direction, T* hvp, T* dx, T* dy) override {
    const Record record = records_.back();
    records_.pop_back();
    const Var<T> along = tape_.view(record.theta.shape(), direction);
    const Selection arguments(record, dx != nullptr, dy != nullptr);
    T* destinations[4];
    const std::span<T* const> wanted = arguments.destinations(hvp, dx, dy, destinations);
    Var<T> derivatives[4];
    T slope;
    if (reverse_) {
      const Var<T> recorded_slope = dot(along, record.d_theta), one = tape_.scalar(T(1));
      vjp<T>(std::span<const Var<T>>(&recorded_slope, 1), std::span<const Var<T>>(&one, 1), arguments.vars(),
             std::span<Var<T>>(derivatives, arguments.count), wanted);
      slope = recorded_slope.item();
    } else {
      Var<T> outputs[4] = {record.d_theta};
      std::size_t count = 1;
      if (dx != nullptr) outputs[count++] = record.d_x;
      if (dy != nullptr) outputs[count++] = record.d_y;
      outputs[count] = record.loss;
      destinations[count++] = nullptr;
      jvp<T>(std::span<const Var<T>>(outputs, count), std::span<const Var<T>>(&record.theta, 1),
             std::span<const Var<T>>(&along, 1), std::span<Var<T>>(derivatives, count),
             std::span<T* const>(destinations, count));
      slope = record.weight * derivatives[count - 1].item();
    }
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
  /// One recorded loss: its arguments, and its gradients by them times the weight.
  struct Record {
    typename Tape<T>::Mark before;
    T weight;
    Var<T> theta, x, y;
    Var<T> loss, d_theta, d_x, d_y;
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
    std::span<T* const> destinations(T* theta_out, T* x_out, T* y_out, T** out) const {
      std::size_t i = 0;
      out[i++] = theta_out;
      if (x) out[i++] = x_out;
      if (y) out[i++] = y_out;
      return {out, count};
    }
    void store(const Var<T>* derivatives, Record& record) const {
      record.d_theta = *derivatives++;
      if (x) record.d_x = *derivatives++;
      if (y) record.d_y = *derivatives;
    }
  };

  Record arguments(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, T weight) {
    if (tape_.reserved_bytes() == 0) tape_ = Tape<T>(block_bytes(theta.size()));
    Record record;
    record.before = tape_.mark();
    record.weight = weight;
    record.theta = tape_.view(theta.shape(), theta.data());
    record.x = tape_.view(x.shape(), x.data());
    record.y = tape_.view(y.shape(), y.data());
    return record;
  }

  /// Of the tape's memory: large enough that little is lost at the ends of blocks. A network's activations are as a
  /// rule of the size of its weights.
  static std::size_t block_bytes(Index weights) {
    constexpr std::size_t least = std::size_t{1} << 20, most = std::size_t{1} << 24;
    return std::clamp(2 * static_cast<std::size_t>(weights) * sizeof(T), least, most);
  }

  /// Records the loss and its gradients. That by theta is written where the caller wants it, and costs the tape no
  /// memory, unless it is to be added up, or is differentiated by its values (reverse over reverse) after the caller
  /// has changed them.
  void push(Record& record, bool with_x, bool with_y, kernels::Start start, T* gradient_out) {
    record.loss = loss_(record.theta, record.x, record.y);
    if (record.loss.size() != 1) {
      throw ShapeError(message("gradient: the loss must be a scalar, its shape is ", record.loss.shape()));
    }
    const Var<T> weight = tape_.full(record.loss.shape(), record.weight);
    const Selection arguments(record, with_x, with_y);
    const bool in_place = start == kernels::Start::fresh && !reverse_;
    T* destinations[3];
    Var<T> gradients[3];
    vjp<T>(std::span<const Var<T>>(&record.loss, 1), std::span<const Var<T>>(&weight, 1), arguments.vars(),
           std::span<Var<T>>(gradients, arguments.count),
           arguments.destinations(in_place ? gradient_out : nullptr, nullptr, nullptr, destinations));
    arguments.store(gradients, record);
    const T* g = record.d_theta.data();
    const Index count = record.d_theta.size();
    if (start == kernels::Start::accumulate) {
      kernels::map(count, gradient_out, g, gradient_out, [](T sum, T value) { return sum + value; });
    } else if (!in_place) {
      std::copy_n(g, count, gradient_out);
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
