#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/core/concepts.hpp"
#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The point at which an outer loss is evaluated, and the destination of its derivatives.
template <class T>
struct OuterPoint {
  Index step;                    ///< t: theta is theta_0 after t steps
  const Tensor<T>& theta;        ///< (P), theta_t
  const InnerLoop<T>& given;     ///< the inputs of training
  Tensor<T>& theta_gradient;     ///< (P): dL/d theta_t, to be written; NaN until then
  InnerLoop<T>& given_gradient;  ///< add the derivatives of L that do not go through theta, as of a penalty on x;
                                 ///< unwanted data is absent
};

/// The inputs of training as Vars, for an outer loss written in operations: `given(given.loop.x[0])`.
template <class T>
class GivenVars {
 public:
  const InnerLoop<T>& loop;  ///< the inputs of training

  /// For this point, on this tape.
  GivenVars(Tape<T>& tape, const OuterPoint<T>& point)
      : loop(point.given), tape_(tape), derivatives_(point.given_gradient) {}

  /// The Var of a tensor of the loop, on which L may depend. @throws ArgumentError if `loop` does not have this tensor.
  Var<T> operator()(const Tensor<T>& tensor) {
    bool found = false;
    Tensor<T>* derivative = nullptr;
    for_each_input([&](const InputName&, const Tensor<T>& input) { found = found || &input == &tensor; }, loop);
    for_each_input(
        [&](const InputName&, const Tensor<T>& input, Tensor<T>& place) {
          if (&input == &tensor) derivative = &place;
        },
        loop, derivatives_);
    if (!found) throw ArgumentError("outer loss: this tensor of shape ", tensor.shape(), " is not one of the loop's");
    const Var<T> var = tape_.view(tensor.shape(), tensor.data());
    if (derivative != nullptr) {
      vars_.push_back(var);
      places_.push_back(derivative);
    }
    return var;
  }

  /// Adds the derivatives of the loss with respect to the requested inputs, and returns the one with respect to theta.
  Var<T> differentiate(Var<T> loss, Var<T> theta) {
    vars_.push_back(theta);
    std::vector<Var<T>> results(vars_.size());
    gradient<T>(loss, vars_, results);
    for (std::size_t i = 0; i < places_.size(); ++i) {
      for (Index j = 0; j < places_[i]->size(); ++j) (*places_[i])[j] += results[i].data()[j];
    }
    return results.back();
  }

 private:
  Tape<T>& tape_;
  InnerLoop<T>& derivatives_;
  std::vector<Var<T>> vars_;
  std::vector<Tensor<T>*> places_;
};

namespace detail {

/// Records an outer loss of Vars and writes its derivatives.
template <class T>
T record_outer_loss(const OuterPoint<T>& point, const std::function<Var<T>(Var<T>, GivenVars<T>&)>& loss) {
  Tape<T> tape;
  const Var<T> theta = tape.view(point.theta.shape(), point.theta.data());
  GivenVars<T> given(tape, point);
  const Var<T> value = loss(theta, given);
  if (value.size() != 1) {
    throw ShapeError("hypergradient: the outer loss must be a scalar, its shape is ", value.shape());
  }
  const Var<T> gradient = given.differentiate(value, theta);
  std::copy_n(gradient.data(), gradient.size(), point.theta_gradient.data());
  return value.item();
}

/// Calls an outer loss in any of its forms.
template <class Loss, class T>
T call_outer_loss(const Loss& loss, const OuterPoint<T>& point) {
  using V = Var<T>;
  if constexpr (std::invocable<Loss, const Tensor<T>&, Tensor<T>&>) {
    return loss(point.theta, point.theta_gradient);
  } else if constexpr (std::invocable<Loss, V>) {
    return record_outer_loss<T>(point, [&](V theta, GivenVars<T>&) { return loss(theta); });
  } else if constexpr (std::invocable<Loss, const OuterPoint<T>&>) {
    return loss(point);
  } else if constexpr (std::invocable<Loss, V, GivenVars<T>&>) {
    return record_outer_loss<T>(point, [&](V theta, GivenVars<T>& given) { return loss(theta, given); });
  } else if constexpr (std::invocable<Loss, V, Index>) {
    return record_outer_loss<T>(point, [&](V theta, GivenVars<T>&) { return loss(theta, point.step); });
  } else if constexpr (std::invocable<Loss, V, GivenVars<T>&, Index>) {
    return record_outer_loss<T>(point, [&](V theta, GivenVars<T>& given) { return loss(theta, given, point.step); });
  } else {
    static_assert(sizeof(Loss) == 0,
                  "an outer loss takes a Var theta of the scalar type T (and a GivenVars<T>& given, and the Index of "
                  "the step, if it wants them) and returns a Var; or it takes (const Tensor<T>& theta, Tensor<T>& "
                  "gradient_out), or an OuterPoint<T>, writes the gradient and returns the value");
  }
}

}  // namespace detail

/// An outer loss: any callable of Vars, loss(theta) or loss(theta, given), optionally followed by the number of steps;
/// or of tensors, loss(theta, gradient_out) or loss(OuterPoint), which writes gradients. A generic lambda of one
/// argument gets a Var; one of two arguments must write a gradient. The object refers to the callable, which must
/// outlive it: use it only for function arguments.
template <class T>
class OuterLoss {
 public:
  /// From a callable of one of these forms.
  template <detail::DiffersFrom<OuterLoss> Loss>
  OuterLoss(const Loss& loss)  // NOLINT(google-explicit-constructor): every callable of these forms is an outer loss
      : loss_(const_cast<void*>(reinterpret_cast<const void*>(&loss))),  // also for a function
        call_([](void* callable, const OuterPoint<T>& point) {
          return detail::call_outer_loss<Loss, T>(*reinterpret_cast<Loss*>(callable), point);
        }) {}

  /// Returns the loss and writes its derivatives.
  T operator()(const OuterPoint<T>& point) const { return call_(loss_, point); }

 private:
  void* loss_;
  T (*call_)(void*, const OuterPoint<T>&);
};

namespace detail {

/// Requires the steps at which an outer loss is evaluated to ascend within begin .. end. @throws ArgumentError
/// otherwise.
inline void require_outer_steps(const std::vector<Index>& steps, Range range) {
  Index least = range.begin;
  for (const Index t : steps) {
    if (t < least || t > range.end) {
      throw ArgumentError("hypergradient: outer steps must ascend within ", range.begin, " to ", range.end, ", got ",
                          t);
    }
    least = t + 1;
  }
}

/// Whether an outer loss is evaluated after t steps: at the given steps, or at the end if there are none.
inline bool is_outer_step(const std::vector<Index>& steps, Index t, Index end) {
  return steps.empty() ? t == end : std::ranges::binary_search(steps, t);
}

/// Evaluates and checks the outer loss at a point. @throws ShapeError if a gradient of another shape was written,
/// DivergenceError if value or gradient is not finite, which includes a gradient that was not written.
template <class T>
T checked_outer_loss(OuterLoss<T> loss, const OuterPoint<T>& point) {
  point.theta_gradient.resize(point.theta.shape());
  point.theta_gradient.fill(std::numeric_limits<T>::quiet_NaN());  // not the last call's, if nothing is written
  const T value = loss(point);
  if (!std::isfinite(value)) {
    throw DivergenceError("hypergradient: the outer loss is ", std::isnan(value) ? "NaN" : "infinite", " after ",
                          point.step, " inner steps");
  }
  if (point.theta_gradient.shape() != point.theta.shape()) {
    throw ShapeError("hypergradient: the outer loss wrote a gradient ", point.theta_gradient.shape(), " for theta ",
                     point.theta.shape());
  }
  if (!point.theta_gradient.all_finite()) {
    throw DivergenceError("hypergradient: the gradient of the outer loss is not finite, or was not written");
  }
  return value;
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
