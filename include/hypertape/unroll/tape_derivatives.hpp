#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
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

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A loss(theta, x, y) that records a scalar.
template <class Loss, class T>
concept LossOfSamples = requires(const Loss& loss, Var<T> v) {
  { loss(v, v, v) } -> std::convertible_to<Var<T>>;
};

/// A loss(theta, x, y, phi) that takes hyperparameters too.
template <class Loss, class T>
concept LossWithHyperparameters = requires(const Loss& loss, Var<T> v) {
  { loss(v, v, v, v) } -> std::convertible_to<Var<T>>;
};

/// The derivatives of any loss(theta, x, y) or loss(theta, x, y, phi) that records a scalar from Vars.
template <class T, class Loss>
class TapeDerivatives final : public LossDerivatives<T> {
  static_assert(
      LossOfSamples<Loss, T> || LossWithHyperparameters<Loss, T>,
      "a loss takes Vars (theta, x, y), or (theta, x, y, phi), of the scalar type T, and returns a Var of it");

 public:
  /// `wanted`: which derivatives `gradient_vjp` will be asked for.
  TapeDerivatives(Loss loss, SecondDerivative second, LossWanted wanted)
      : loss_(std::move(loss)), reverse_(second == SecondDerivative::reverse_over_reverse), wanted_(wanted) {}

  T gradient(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out) override {
    Record record = put_on_tape(inputs, weight);
    push(record, {}, mode, gradient_out);
    const T value = record.loss.item();
    tape_.rewind(record.before);
    return value;
  }

  T record(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out) override {
    Record record = put_on_tape(inputs, weight);
    // Forward over reverse needs the gradients by all inputs on the tape; reverse over reverse makes its own.
    push(record, reverse_ ? LossWanted{} : wanted_, mode, gradient_out);
    records_.push_back(record);
    return record.loss.item();
  }

  /// All derivatives come from one sweep. Forward over reverse: the tangent of d loss / dx along the direction is
  /// d/dx <direction, d loss / d theta>, because second derivatives commute; and that of the loss is the slope.
  T gradient_vjp(const T* direction, const LossOutputs<T>& out) override {
    if (records_.empty()) throw ArgumentError("LossDerivatives: nothing is recorded that could be differentiated");
    const Record record = records_.back();
    records_.pop_back();
    const Var<T> theta = record.inputs[0], along = tape_.view(theta.shape(), direction);
    const std::array<T*, input_count> places{out.theta, out.x, out.y, out.phi};
    std::array<Var<T>, input_count> chosen_inputs, derivatives;
    std::array<Var<T>, input_count + 1> outputs;
    std::array<T*, input_count + 1> destinations{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < input_count; ++i) {
      if (places[i] == nullptr) continue;
      chosen_inputs[count] = record.inputs[i];
      outputs[count] = record.gradients[i];
      destinations[count++] = places[i];
    }
    T slope;
    if (reverse_) {
      const Var<T> recorded_slope = dot(along, record.gradients[0]), one = tape_.scalar(T(1));
      vjp<T>(one_of(recorded_slope), one_of(one), std::span(chosen_inputs).first(count),
             std::span(derivatives).first(count), std::span(destinations).first(count));
      slope = recorded_slope.item();
    } else {
      outputs[count] = record.loss;
      std::array<Var<T>, input_count + 1> tangents;
      jvp<T>(std::span(outputs).first(count + 1), one_of(theta), one_of(along), std::span(tangents).first(count + 1),
             std::span(destinations).first(count + 1));
      slope = record.weight * tangents[count].item();
    }
    tape_.rewind(record.before);
    return slope;
  }

  void clear() override {
    records_.clear();
    tape_.reset();
  }

  std::size_t reserved_bytes() const override { return tape_.reserved_bytes() + records_.capacity() * sizeof(Record); }

  std::size_t predicted_bytes(const LossInputs<T>& inputs, const LossPlan& plan, const T* direction, T* gradient_out,
                              const LossOutputs<T>& out) override {
    size_blocks(inputs.theta.size());
    const std::size_t arena =
        detail::predicted_arena_bytes(*this, tape_.arena(), inputs, plan, direction, gradient_out, out);
    record(inputs, T(1), kernels::OutputMode::write, gradient_out);
    const auto records = static_cast<std::size_t>(plan.highest());
    const std::size_t lists = tape_.predicted_list_bytes(tape_.mark(), records - 1);
    clear();
    return arena + lists + std::bit_ceil(records) * sizeof(Record);
  }

 private:
  static constexpr std::size_t input_count = 4;  // theta, x, y, phi

  /// One recorded loss: its inputs, and its gradients by those that are wanted, times the weight.
  struct Record {
    typename Tape<T>::Mark before;
    T weight;
    std::array<Var<T>, input_count> inputs, gradients;
    Var<T> loss;
  };

  static std::span<const Var<T>> one_of(const Var<T>& var) { return {&var, 1}; }

  Record put_on_tape(const LossInputs<T>& in, T weight) {
    size_blocks(in.theta.size());
    Record record;
    record.before = tape_.mark();
    record.weight = weight;
    const auto view = [&](const Tensor<T>& tensor) { return tape_.view(tensor.shape(), tensor.data()); };
    record.inputs = {view(in.theta), view(in.x), view(in.y), in.phi == nullptr ? Var<T>() : view(*in.phi)};
    return record;
  }

  /// Before the first record, sets the blocks of the tape's memory: large enough that little is lost at their ends. A
  /// network's activations are as a rule of the size of its weights.
  void size_blocks(Index weights) {
    if (tape_.reserved_bytes() > 0) return;
    constexpr std::size_t least = std::size_t{1} << 20, most = std::size_t{1} << 24;
    tape_ = Tape<T>(std::clamp(2 * static_cast<std::size_t>(weights) * sizeof(T), least, most));
  }

  Var<T> loss_of(const Record& record) {
    const auto& [theta, x, y, phi] = record.inputs;
    if constexpr (!LossWithHyperparameters<Loss, T>) {
      return loss_(theta, x, y);
    } else if constexpr (!LossOfSamples<Loss, T>) {
      return loss_(theta, x, y, phi);
    } else {  // it takes either
      return phi ? loss_(theta, x, y, phi) : loss_(theta, x, y);
    }
  }

  /// Records the loss and its gradients. That by theta is written where the caller wants it, and costs the tape no
  /// memory, unless it is to be added up, or is differentiated by its values (reverse over reverse) after the caller
  /// has changed them.
  void push(Record& record, LossWanted with, kernels::OutputMode mode, T* gradient_out) {
    record.loss = loss_of(record);
    if (record.loss.size() != 1) {
      throw ShapeError("gradient: the loss must be a scalar, its shape is ", record.loss.shape());
    }
    const Var<T> weight = tape_.full(record.loss.shape(), record.weight);
    const bool in_place = mode == kernels::OutputMode::write && !reverse_;
    const std::array<bool, input_count> wanted{true, with.x, with.y, with.phi && record.inputs[3]};
    std::array<std::size_t, input_count> which{};
    std::array<Var<T>, input_count> chosen_inputs, gradients;
    const std::array<T*, input_count> destinations{in_place ? gradient_out : nullptr};
    std::size_t count = 0;
    for (std::size_t i = 0; i < input_count; ++i) {
      if (!wanted[i]) continue;
      which[count] = i;
      chosen_inputs[count++] = record.inputs[i];
    }
    vjp<T>(one_of(record.loss), one_of(weight), std::span(chosen_inputs).first(count),
           std::span(gradients).first(count), std::span(destinations).first(count));
    for (std::size_t i = 0; i < count; ++i) record.gradients[which[i]] = gradients[i];
    const T* g = record.gradients[0].data();
    const Index size = record.gradients[0].size();
    if (mode == kernels::OutputMode::accumulate) {
      kernels::map(size, gradient_out, g, gradient_out, [](T sum, T value) { return sum + value; });
    } else if (!in_place) {
      std::copy_n(g, size, gradient_out);
    }
  }

  Loss loss_;
  bool reverse_;
  LossWanted wanted_;
  Tape<T> tape_;
  std::vector<Record> records_;
};

/// The derivatives of a loss: its own, if `loss.template derivatives<T>()` gives some and the fastest way is wanted,
/// else those of a tape.
template <class T, class Loss>
std::unique_ptr<LossDerivatives<T>> loss_derivatives(const Loss& loss,
                                                     SecondDerivative second = SecondDerivative::fastest,
                                                     LossWanted wanted = {}) {
  if constexpr (requires { loss.template derivatives<T>(); }) {
    if (second == SecondDerivative::fastest) {
      if (auto own = loss.template derivatives<T>()) return own;
    }
  }
  return std::make_unique<TapeDerivatives<T, Loss>>(loss, second, wanted);
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
