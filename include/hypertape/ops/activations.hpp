#pragma once

#include <algorithm>
#include <cmath>

#include "hypertape/ops/unary.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A(x) v = 0 where x <= 0, else v (so a NaN lets it pass, as in PyTorch): linear in v, its own adjoint, and constant
/// in x.
template <class T>
struct ReluMask final : Operation<T> {
  const char* name() const override { return "relu_mask"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.input(1), call.output(),
                 [](T x, T v) { return x <= 0 ? T(0) : v; });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return call.tangent(1) ? masked(call.input(0), call.tangent(1)) : Var<T>();
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(1)) call.add(1, masked(call.input(0), call.adjoint()));
  }

  static Var<T> masked(Var<T> x, Var<T> v) { return x.tape().apply(ReluMask(), v.shape(), {x, v}); }
};

/// y = max(x, 0) with relu'(0) = 0, as in PyTorch. A NaN stays a NaN.
template <class T>
struct Relu final : Operation<T> {
  const char* name() const override { return "relu"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.output(), [](T x) { return x < 0 ? T(0) : x; });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return ReluMask<T>::masked(call.input(0), call.tangent(0));
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, ReluMask<T>::masked(call.input(0), call.adjoint()));
  }
};

}  // namespace detail

/// The larger of x and 0, elementwise, with the derivative 0 at 0.
template <class T>
Var<T> relu(Var<T> x) {
  return x.tape().apply(detail::Relu<T>(), x.shape(), {x});
}

namespace detail {

/// exp(x) / (1 + exp(x))^2, by the exponential of the negative side.
template <class T>
T logistic_density(T x) {
  const T e = std::exp(-std::abs(x));
  return e / ((T(1) + e) * (T(1) + e));
}

/// tanh'(x) = 1 - tanh(x)^2, which cancels where tanh(x) is near 1 or -1: four times the logistic density of 2 x.
struct TanhSlope {
  static constexpr const char* name = "tanh_slope";
  template <class T>
  static T value(T x) {
    return T(4) * detail::logistic_density(T(2) * x);
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T> y) {
    return T(-2) * (y * tanh(x));
  }
};

/// (exp(x) - exp(-x)) / (exp(x) + exp(-x)).
struct Tanh {
  static constexpr const char* name = "tanh";
  template <class T>
  static T value(T x) {
    return std::tanh(x);
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T>) {
    return apply_unary<TanhSlope>(x);
  }
};

/// sigmoid'(x) = sigmoid(x) (1 - sigmoid(x)) without its cancellation: the logistic density.
struct SigmoidSlope {
  static constexpr const char* name = "sigmoid_slope";
  template <class T>
  static T value(T x) {
    return detail::logistic_density(x);
  }
  /// sigmoid(-x) - sigmoid(x) = -tanh(x / 2)
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T> y) {
    return -(y * tanh(T(0.5) * x));
  }
};

/// 1 / (1 + exp(-x)), by the exponential of the negative side, which cannot overflow.
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  template <class T>
  static T value(T x) {
    const T e = std::exp(-std::abs(x));
    return (x < 0 ? e : T(1)) / (T(1) + e);
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T>) {
    return apply_unary<SigmoidSlope>(x);
  }
};

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).
struct Softplus {
  static constexpr const char* name = "softplus";
  template <class T>
  static T value(T x) {
    return (std::max)(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T>) {
    return apply_unary<Sigmoid>(x);
  }
};

}  // namespace detail

/// The hyperbolic tangent, elementwise.
template <class T>
Var<T> tanh(Var<T> x) {
  return apply_unary<detail::Tanh>(x);
}
/// 1 / (1 + exp(-x)), elementwise.
template <class T>
Var<T> sigmoid(Var<T> x) {
  return apply_unary<detail::Sigmoid>(x);
}
/// Softplus, log(1 + exp(x)), elementwise.
template <class T>
Var<T> softplus(Var<T> x) {
  return apply_unary<detail::Softplus>(x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
