#pragma once

#include <array>
#include <span>
#include <string>

#include "hypertape/optim/update_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Nesterov's momentum (Nesterov 1983, in the form of Sutskever et al. 2013; PyTorch's SGD with nesterov=True), with a
/// velocity v, 0 at first:
///
///     v'     = mu v + g
///     theta' = theta - eta (g + mu v')
///
/// Adjoint, with the total derivatives d = - eta theta'_bar with respect to g + mu v', and n = v'_bar + mu d with
/// respect to v':
///
///     eta_bar = - <theta'_bar, g + mu v'>,  mu_bar = <d, v'> + <n, v>,  g_bar = d + n,  v_bar = mu n,
///     theta_bar = theta'_bar
struct Nesterov {
  double momentum = 0.9;  ///< mu, in [0, 1)

  /// @cond equations
  static std::string name() { return "Nesterov's momentum"; }
  static constexpr std::array<Slot, 1> slot_list{{{"velocity"}}};
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
    w.theta -= k.eta * (g + k.mu * w.slot[0]);
  }

  template <class K, class V, class W, class Bar>
  static void adjoint(const K& k, const W& before, const W& after, const V& g, Bar& bar) {
    const V d = -k.eta * bar.weights.theta, n = bar.weights.slot[0] + k.mu * d;
    bar.rate = -bar.weights.theta * (g + k.mu * after.slot[0]);
    bar.coefficients[0] = d * after.slot[0] + n * before.slot[0];
    bar.gradient = d + n;
    bar.weights.slot[0] = k.mu * n;
  }

  template <class K, class V, class W, class Dot>
  static void tangent(const K& k, const W& before, const W& after, const V& g, const Dot& dot, W& out) {
    const V& mu_dot = dot.coefficients[0];
    out.slot[0] = k.mu * dot.weights.slot[0] + mu_dot * before.slot[0] + dot.gradient;
    out.theta = dot.weights.theta - dot.rate * (g + k.mu * after.slot[0]) -
                k.eta * (dot.gradient + k.mu * out.slot[0] + mu_dot * after.slot[0]);
  }
  /// @endcond
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
