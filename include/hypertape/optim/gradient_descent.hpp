#pragma once

#include <array>
#include <span>
#include <string>

#include "hypertape/optim/update_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Gradient descent (Cauchy 1847; PyTorch's SGD):
///
///     theta' = theta - eta g
///
/// Adjoint: eta_bar = - <theta'_bar, g>, g_bar = - eta theta'_bar, theta_bar = theta'_bar.
struct GradientDescent {
  /// @cond equations
  static std::string name() { return "gradient descent"; }
  static constexpr bool is_plain_descent = true;
  static constexpr std::array<Slot, 0> slot_list{};
  static constexpr std::array<Coefficient, 0> coefficients{};
  static std::array<double, 0> values() { return {}; }

  template <class T>
  struct Scalars {
    T eta;
    Scalars(T rate, std::span<const T>, Index) : eta(rate) {}
  };

  template <class K, class V, class W>
  static void step(const K& k, const V& g, W& w) {
    w.theta -= k.eta * g;
  }

  template <class K, class V, class W, class Bar>
  static void adjoint(const K& k, const W&, const W&, const V& g, Bar& bar) {
    bar.rate = -bar.weights.theta * g;
    bar.gradient = -k.eta * bar.weights.theta;
  }

  template <class K, class V, class W, class Dot>
  static void tangent(const K& k, const W&, const W&, const V& g, const Dot& dot, W& out) {
    out.theta = dot.weights.theta - k.eta * dot.gradient - dot.rate * g;
  }
  /// @endcond
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
