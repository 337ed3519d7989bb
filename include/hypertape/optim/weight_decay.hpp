#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "hypertape/core/error.hpp"
#include "hypertape/optim/elementwise_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

namespace detail {

/// The inputs (or their derivatives) of the equations inside a weight decay: all but the last coefficient.
template <class V, std::size_t Slots, std::size_t Coefficients>
Given<V, Slots, Coefficients - 1> without_last(const Given<V, Slots, Coefficients>& given) {
  Given<V, Slots, Coefficients - 1> inner{given.weights, given.gradient, given.rate, {}};
  std::copy_n(given.coefficients.begin(), Coefficients - 1, inner.coefficients.begin());
  return inner;
}

/// Writes the derivatives with respect to the inputs of the inner equations.
template <class V, std::size_t Slots, std::size_t Coefficients>
void set_all_but_last(Given<V, Slots, Coefficients>& bar, const Given<V, Slots, Coefficients - 1>& inner) {
  bar.weights = inner.weights;
  bar.gradient = inner.gradient;
  bar.rate = inner.rate;
  std::copy(inner.coefficients.begin(), inner.coefficients.end(), bar.coefficients.begin());
}

}  // namespace detail

/// Weight decay for any rule that treats each weight separately: adds the gradient of lambda / 2 |theta|^2 to the
/// loss gradient (weight_decay of PyTorch's SGD, Adam and RMSprop):
///
///     s' = step(s, g + lambda theta, eta)
///
/// Adjoint, with n the rule's derivative with respect to the gradient g + lambda theta, and theta_bar the rule's own:
///
///     g_bar = n,  lambda_bar = <n, theta>,  theta_bar + lambda n
///
/// Example: `optim::WeightDecay{optim::HeavyBall{.momentum = 0.9}, 5e-4}`.
template <ElementwiseEquations Equations>
struct WeightDecay {
  Equations rule;           ///< applied to the gradient with the decay
  double weight_decay = 0;  ///< lambda, at least 0

  /// @cond equations
  static std::string name() { return hypertape::detail::concat(Equations::name(), " with weight decay"); }
  static constexpr bool needs_gradient = detail::reads_gradient<Equations>;
  static constexpr auto slot_list = Equations::slot_list;
  static constexpr auto coefficients = detail::append(Equations::coefficients, Coefficient{"weight_decay"});
  auto values() const { return detail::append(rule.values(), weight_decay); }

  template <class T>
  struct Scalars {
    typename Equations::template Scalars<T> inner;
    T lambda;
    Scalars(T rate, std::span<const T> c, Index step) : inner(rate, c.first(c.size() - 1), step), lambda(c.back()) {}
  };

  template <class K, class V, class W>
  static void step(const K& k, const V& g, W& w) {
    Equations::step(k.inner, V(g + k.lambda * w.theta), w);
  }

  template <class K, class V, class W, class Bar>
  static void adjoint(const K& k, const W& before, const W& after, const V& g, Bar& bar) {
    auto inner = detail::without_last(bar);
    Equations::adjoint(k.inner, before, after, V(g + k.lambda * before.theta), inner);
    detail::set_all_but_last(bar, inner);
    bar.coefficients.back() = bar.gradient * before.theta;
    bar.weights.theta += k.lambda * bar.gradient;
  }

  template <class K, class V, class W, class Dot>
  static void tangent(const K& k, const W& before, const W& after, const V& g, const Dot& dot, W& out) {
    auto inner = detail::without_last(dot);
    inner.gradient += k.lambda * dot.weights.theta + dot.coefficients.back() * before.theta;
    Equations::tangent(k.inner, before, after, V(g + k.lambda * before.theta), inner, out);
  }
  /// @endcond
};

/// Deduces the rule's type.
template <class Equations>
WeightDecay(Equations, double) -> WeightDecay<Equations>;

/// Decoupled weight decay (Loshchilov and Hutter 2019) for any rule that treats each weight separately: the weights
/// shrink before the rule's step:
///
///     s' = step((f theta, slots), g, eta),    f = 1 - eta lambda
///
/// Adjoint, with p the rule's derivative with respect to its weights f theta, and eta_bar the rule's own:
///
///     theta_bar = f p,  lambda_bar = - eta <p, theta>,  eta_bar - lambda <p, theta>
template <ElementwiseEquations Equations>
struct DecoupledWeightDecay {
  Equations rule;           ///< applied to the decayed weights
  double weight_decay = 0;  ///< lambda, at least 0

  /// @cond equations
  static std::string name() { return hypertape::detail::concat(Equations::name(), " with decoupled weight decay"); }
  static constexpr bool needs_gradient = detail::reads_gradient<Equations>;
  static constexpr auto slot_list = Equations::slot_list;
  static constexpr auto coefficients = detail::append(Equations::coefficients, Coefficient{"weight_decay"});
  auto values() const { return detail::append(rule.values(), weight_decay); }

  template <class T>
  struct Scalars {
    typename Equations::template Scalars<T> inner;
    T eta, lambda, f;
    Scalars(T rate, std::span<const T> c, Index step)
        : inner(rate, c.first(c.size() - 1), step), eta(rate), lambda(c.back()), f(1 - eta * lambda) {}
  };

  template <class K, class V, class W>
  static void step(const K& k, const V& g, W& w) {
    w.theta *= k.f;
    Equations::step(k.inner, g, w);
  }

  template <class K, class V, class W, class Bar>
  static void adjoint(const K& k, const W& before, const W& after, const V& g, Bar& bar) {
    auto inner = detail::without_last(bar);
    Equations::adjoint(k.inner, decayed(k, before), after, g, inner);
    detail::set_all_but_last(bar, inner);
    const V f_bar = bar.weights.theta * before.theta;
    bar.coefficients.back() = -k.eta * f_bar;
    bar.rate -= k.lambda * f_bar;
    bar.weights.theta *= k.f;
  }

  template <class K, class V, class W, class Dot>
  static void tangent(const K& k, const W& before, const W& after, const V& g, const Dot& dot, W& out) {
    auto inner = detail::without_last(dot);
    inner.weights.theta =
        k.f * dot.weights.theta - (k.eta * dot.coefficients.back() + k.lambda * dot.rate) * before.theta;
    Equations::tangent(k.inner, decayed(k, before), after, g, inner, out);
  }

 private:
  template <class K, class W>
  static W decayed(const K& k, W w) {
    w.theta *= k.f;
    return w;
  }
  /// @endcond
};

/// Deduces the rule's type.
template <class Equations>
DecoupledWeightDecay(Equations, double) -> DecoupledWeightDecay<Equations>;

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
