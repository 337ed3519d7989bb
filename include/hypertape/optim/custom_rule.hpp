#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/autodiff/tape.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/optim/update_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// The result s_{t+1} of a step written in Vars.
template <class T>
struct Stepped {
  Var<T> theta;              ///< (P)
  std::vector<Var<T>> slot;  ///< each (P), as many as the rule keeps
};

namespace detail {

/// The rule behind `CustomRule`: records each step on its own tape, which is reset first.
template <class T, class F>
class RecordedRule final : public UpdateRule<T> {
  using Slots = std::span<const Var<T>>;
  static constexpr bool takes_step = std::is_invocable_v<const F&, Var<T>, Slots, Var<T>, Var<T>, Var<T>, Index>;

 public:
  RecordedRule(std::size_t slot_count, const F& f) : slot_count_(slot_count), f_(f) {}

  std::unique_ptr<UpdateRule<T>> clone() const override { return std::make_unique<RecordedRule>(slot_count_, f_); }
  std::string name() const override { return "custom rule"; }
  std::size_t slot_count() const override { return slot_count_; }
  Slot slot(std::size_t) const override { return {"slot"}; }
  std::vector<Coefficient> coefficients() const override { return {}; }
  bool takes_hyperparameters() const override { return true; }
  std::size_t reserved_bytes() const override {
    return tape_.reserved_bytes() +
           (inputs_.capacity() + outputs_.capacity() + along_.capacity() + results_.capacity()) * sizeof(Var<T>);
  }

  void step(const StepInputs<T>& in, Iterate<T>& to, const WorkerTeam&) override {
    record(in, &to != &in.from);
    copy(outputs_[0], to.theta);
    for (std::size_t s = 0; s < slot_count_; ++s) copy(outputs_[s + 1], to.slot[s]);
  }

  void adjoint(const StepInputs<T>& in, const Iterate<T>&, const StepAdjoint<T>& out, const WorkerTeam&) override {
    record(in, true);
    // Copied, as out.iterate is written while these are read, and they may be the results.
    along_.clear();
    along_.push_back(tape_.leaf(out.iterate.theta));
    for (const Tensor<T>& slot : out.iterate.slot) along_.push_back(tape_.leaf(slot));
    results_.resize(inputs_.size());
    vjp<T>(outputs_, along_, inputs_, results_);
    copy(results_[0], out.iterate.theta);
    for (std::size_t s = 0; s < slot_count_; ++s) copy(results_[s + 1], out.iterate.slot[s]);
    copy(results_[slot_count_ + 1], out.gradient);
    const Var<T> rate = results_[slot_count_ + 2], phi = results_[slot_count_ + 3];
    if (in.rates.size() == 1) {
      out.rates[0] += rate.item();
    } else {
      for (const auto& [weights, group] : in.groups.chunks()) {
        out.rates[group] += kernels::sum(weights.size(), rate.data() + weights.begin);
      }
    }
    for (Index i = 0; i < phi.size(); ++i) out.phi[i] += phi.data()[i];
  }

  void tangent(const StepInputs<T>& in, const Iterate<T>&, const StepTangent<T>& along, Iterate<T>& out,
               const WorkerTeam&) override {
    record(in, true);
    const bool apart = &out != &along.iterate;
    put(along.iterate, along.gradient, rate(in.groups, along.rates), along.phi, apart, along_);
    results_.resize(outputs_.size());
    jvp<T>(outputs_, inputs_, along_, results_);
    copy(results_[0], out.theta);
    for (std::size_t s = 0; s < slot_count_; ++s) copy(results_[s + 1], out.slot[s]);
  }

 private:
  /// Puts the inputs of a step, or their tangent, on the tape, in the order of `inputs_`. `apart` says that the iterate
  /// keeps its values until the tape is reset.
  void put(const Iterate<T>& iterate, const Tensor<T>& gradient, Var<T> rates, const Tensor<T>& phi, bool apart,
           std::vector<Var<T>>& out) {
    out.assign(1, input(iterate.theta, apart));
    for (const Tensor<T>& slot : iterate.slot) out.push_back(input(slot, apart));
    out.insert(out.end(), {input(gradient, true), rates, input(phi, true)});
  }

  /// Records a step. `apart` says that its inputs keep their values until the tape is reset.
  void record(const StepInputs<T>& in, bool apart) {
    tape_.reset();
    put(in.from, in.gradient, rate(in.groups, in.rates), in.phi, apart, inputs_);

    const Slots now(inputs_.data() + 1, slot_count_);
    const Var<T> theta = inputs_[0], gradient = inputs_[slot_count_ + 1], rate = inputs_[slot_count_ + 2],
                 phi = inputs_.back();
    const Stepped<T> next = [&]() -> Stepped<T> {
      if constexpr (takes_step) {
        return f_(theta, now, gradient, rate, phi, in.step);
      } else {
        return f_(theta, now, gradient, rate, phi);
      }
    }();
    if (next.slot.size() != slot_count_) {
      throw ShapeError("CustomRule: the step must return ", slot_count_, " slots, got ", next.slot.size());
    }
    tape_.require_nodes("CustomRule", "result of the step", next.theta);
    tape_.require_nodes("CustomRule", "result of the step", next.slot);
    const auto require_shape = [&](const Var<T>& result, const auto&... what) {
      if (result.shape() == theta.shape()) return;
      throw ShapeError("CustomRule: the step must return ", what..., " of shape ", theta.shape(), ", got ",
                       result.shape());
    };
    require_shape(next.theta, "a theta");
    for (std::size_t s = 0; s < slot_count_; ++s) require_shape(next.slot[s], "a slot ", s);
    outputs_.assign(1, next.theta);
    outputs_.insert(outputs_.end(), next.slot.begin(), next.slot.end());
  }

  Var<T> input(const Tensor<T>& tensor, bool apart) {
    return apart ? tape_.view(tensor.shape(), tensor.data()) : tape_.leaf(tensor);
  }

  /// The learning rate: a scalar, or with several groups one value per weight.
  Var<T> rate(const WeightGroups& groups, std::span<const T> rates) {
    if (rates.size() == 1) return tape_.scalar(rates[0]);
    const Index weights = groups.chunks().back().weights.end;
    T* each = tape_.template allocate<T>(weights);
    for (const auto& [range, group] : groups.chunks()) std::fill_n(each + range.begin, range.size(), rates[group]);
    return tape_.view(Shape{weights}, each);
  }

  static void copy(const Var<T>& from, Tensor<T>& to) { std::copy_n(from.data(), from.size(), to.data()); }

  std::size_t slot_count_;
  F f_;
  Tape<T> tape_;
  std::vector<Var<T>> inputs_, outputs_;  // theta, slots, gradient, rate, phi; theta, slots
  std::vector<Var<T>> along_, results_;
};

}  // namespace detail

/// A custom update rule written in Vars, whose adjoint and tangent come from a tape:
///
///     optim::CustomRule{1, [](Var<double> theta, auto slots, Var<double> gradient, Var<double> rate, Var<double>) {
///       const Var<double> velocity = 0.9 * slots[0] + gradient;
///       return optim::Stepped<double>{theta - rate * velocity, {velocity}};
///     }}
///
/// is heavy ball. The callable takes theta (P); `std::span<const Var<T>>` of the slots, each (P) and 0 at first; the
/// gradient (P); the learning rate, a scalar, or (P) with several groups of weights; the loop's hyperparameters phi, a
/// scalar 0 if there are none; and optionally the number of earlier steps, as an `Index`. It returns a `Stepped<T>`.
/// Numbers to be learned, such as the weights of a network that acts as the rule, belong in phi. The result may depend
/// on the arguments only, as the sweeps call it again, and several loops that run at once call it from several threads.
///
/// The step throws ShapeError if the number of returned slots is wrong or a result is not (P), and ArgumentError if a
/// result is not on the tape of its arguments.
template <class F>
struct CustomRule {
  std::size_t slot_count;  ///< number of slots it keeps
  F f;                     ///< the step

  /// It has no coefficients.
  static std::array<double, 0> values() { return {}; }

  /// The rule, for `Rule`.
  template <class T>
  std::unique_ptr<UpdateRule<T>> update_rule() const {
    return std::make_unique<detail::RecordedRule<T, F>>(slot_count, f);
  }
};

/// Deduces the callable's type.
template <class F>
CustomRule(std::size_t, F) -> CustomRule<F>;

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
