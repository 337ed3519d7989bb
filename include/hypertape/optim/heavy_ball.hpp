#pragma once

#include <array>
#include <span>
#include <string>

#include "hypertape/optim/update_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Heavy ball (Polyak 1964; PyTorch's SGD with momentum), with a velocity v, 0 at first:
///
///     v'     = mu v + g
///     theta' = theta - eta v'
///
/// Adjoint, with n = v'_bar - eta theta'_bar, the total derivative with respect to v':
///
///     eta_bar = - <theta'_bar, v'>,  mu_bar = <n, v>,  g_bar = n,  v_bar = mu n,  theta_bar = theta'_bar
struct HeavyBall {
  double momentum = 0.9;  ///< mu, in [0, 1)

  /// @cond equations
  static std::string name() { return "heavy ball"; }
  static constexpr std::array<Slot, 1> slot_list{{{"velocity"}}};
  static constexpr bool needs_gradient = false;
  static constexpr std::array<Coefficient, 1> coefficients{{{"momentum", 0, 1}}};
  std::array<double, 1> values() const { return {momentum}; }

  template <class T>
  struct Scalars {
    T eta, mu;
    Scalars(T rate, std::span<const T> c, Index) : eta(rate), mu(c[0]) {}
  };

  template <class K, class V, class W>
  static void step(const K& k, const V& g, W& w) {
    w.slot[0] = k.mu * w.slot[0] + g;
    w.theta -= k.eta * w.slot[0];
  }

  template <class K, class V, class W, class Bar>
  static void adjoint(const K& k, const W& before, const W& after, const V&, Bar& bar) {
    const V n = bar.weights.slot[0] - k.eta * bar.weights.theta;
    bar.rate = -bar.weights.theta * after.slot[0];
    bar.coefficients[0] = n * before.slot[0];
    bar.gradient = n;
    bar.weights.slot[0] = k.mu * n;
  }

  template <class K, class V, class W, class Dot>
  static void tangent(const K& k, const W& before, const W& after, const V&, const Dot& dot, W& out) {
    out.slot[0] = k.mu * dot.weights.slot[0] + dot.coefficients[0] * before.slot[0] + dot.gradient;
    out.theta = dot.weights.theta - k.eta * out.slot[0] - dot.rate * after.slot[0];
  }
  /// @endcond
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
