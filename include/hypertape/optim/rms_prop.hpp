#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include "hypertape/optim/update_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// RMSProp (Hinton 2012; PyTorch's RMSprop), with a moving average v of the gradients' squares, a velocity b and, if
/// `centered` (Graves 2013), a moving average m of the gradients, all 0 at first:
///
///     v'     = alpha v + (1 - alpha) g^2
///     m'     = alpha m + (1 - alpha) g
///     D      = sqrt(z) + epsilon,    z = v', or centered, v' - m'^2
///     b'     = mu b + g / D
///     theta' = theta - eta b'
///
/// Adjoint: let B = b'_bar - eta theta'_bar, D_bar = - <B, g> / D^2 and z_bar = D_bar / (2 sqrt(z)). The total
/// derivatives with respect to v' and m' are N = v'_bar + z_bar and M = m'_bar - 2 m' z_bar:
///
///     eta_bar     = - <theta'_bar, b'>
///     epsilon_bar = sum of D_bar
///     mu_bar      = <B, b>
///     alpha_bar   = <N, v - g^2> + <M, m - g>
///     g_bar       = B / D + (1 - alpha) (2 g N + M),    v_bar = alpha N,  m_bar = alpha M,  b_bar = mu B
///
/// z is a variance. If rounding makes it negative, it counts as 0. Where z is 0, z_bar is set to 0: then g is 0, too,
/// or always equals its mean (as with alpha = 0), so that z stays 0 to first order, or floating-point numbers are too
/// coarse to tell.
template <bool centered>
struct RmsPropEquations {
  double alpha = 0.99;    ///< in [0, 1)
  double epsilon = 1e-8;  ///< positive, also when rounded to float
  double momentum = 0;    ///< mu, in [0, 1)

  /// @cond equations
  static std::string name() { return centered ? "centered RMSProp" : "RMSProp"; }
  static constexpr auto slot_list = [] {
    constexpr std::array<Slot, 2> both{{{"mean square", 0}, {"velocity"}}};
    if constexpr (centered) {
      return std::array<Slot, 3>{both[0], both[1], Slot{"mean"}};
    } else {
      return both;
    }
  }();
  static constexpr std::array<Coefficient, 3> coefficients{
      {{"alpha", 0, 1}, {"epsilon", (std::numeric_limits<float>::min)()}, {"momentum", 0, 1}}};
  std::array<double, 3> values() const { return {alpha, epsilon, momentum}; }

  template <class T>
  struct Scalars {
    T eta, alpha, epsilon, mu;
    Scalars(T rate, std::span<const T> c, Index) : eta(rate), alpha(c[0]), epsilon(c[1]), mu(c[2]) {}
  };

  template <class K, class V, class W>
  static void step(const K& k, const V& g, W& w) {
    w.slot[0] = k.alpha * w.slot[0] + (1 - k.alpha) * g.square();
    if constexpr (centered) w.slot[2] = k.alpha * w.slot[2] + (1 - k.alpha) * g;
    w.slot[1] = k.mu * w.slot[1] + g / (deviation<V>(w) + k.epsilon);
    w.theta -= k.eta * w.slot[1];
  }

  template <class K, class V, class W, class Bar>
  static void adjoint(const K& k, const W& before, const W& after, const V& g, Bar& bar) {
    const V root = deviation<V>(after), inverse = (root + k.epsilon).inverse();
    const V b_bar = bar.weights.slot[1] - k.eta * bar.weights.theta;
    const V d_bar = -b_bar * g * inverse * inverse, z_bar = d_bar * root_slope(root);
    const V v_bar = bar.weights.slot[0] + z_bar;
    bar.rate = -bar.weights.theta * after.slot[1];
    bar.coefficients[0] = v_bar * (before.slot[0] - g.square());
    bar.coefficients[1] = d_bar;
    bar.coefficients[2] = b_bar * before.slot[1];
    bar.gradient = b_bar * inverse + 2 * (1 - k.alpha) * g * v_bar;
    bar.weights.slot[0] = k.alpha * v_bar;
    bar.weights.slot[1] = k.mu * b_bar;
    if constexpr (centered) {
      const V m_bar = bar.weights.slot[2] - 2 * after.slot[2] * z_bar;
      bar.coefficients[0] += m_bar * (before.slot[2] - g);
      bar.gradient += (1 - k.alpha) * m_bar;
      bar.weights.slot[2] = k.alpha * m_bar;
    }
  }

  template <class K, class V, class W, class Dot>
  static void tangent(const K& k, const W& before, const W& after, const V& g, const Dot& dot, W& out) {
    const V root = deviation<V>(after), inverse = (root + k.epsilon).inverse();
    const V &alpha_dot = dot.coefficients[0], &epsilon_dot = dot.coefficients[1], &mu_dot = dot.coefficients[2];
    out.slot[0] = k.alpha * dot.weights.slot[0] + 2 * (1 - k.alpha) * g * dot.gradient +
                  alpha_dot * (before.slot[0] - g.square());
    V z_dot = out.slot[0];
    if constexpr (centered) {
      out.slot[2] = k.alpha * dot.weights.slot[2] + (1 - k.alpha) * dot.gradient + alpha_dot * (before.slot[2] - g);
      z_dot -= 2 * after.slot[2] * out.slot[2];
    }
    const V d_dot = z_dot * root_slope(root) + epsilon_dot;
    out.slot[1] = k.mu * dot.weights.slot[1] + mu_dot * before.slot[1] + (dot.gradient - g * inverse * d_dot) * inverse;
    out.theta = dot.weights.theta - dot.rate * after.slot[1] - k.eta * out.slot[1];
  }

 private:
  /// The deviation sqrt(z).
  template <class V, class W>
  static V deviation(const W& after) {
    if constexpr (centered) {
      const V z = after.slot[0] - after.slot[2].square();
      return (z > 0).select(z, V::Zero()).sqrt();
    } else {
      return after.slot[0].sqrt();
    }
  }
  /// The derivative of sqrt(z) with respect to z; 0 where z is 0.
  template <class V>
  static V root_slope(const V& root) {
    return (root > 0).select((2 * root).inverse(), V::Zero());
  }
  /// @endcond
};

/// RMSProp without centering.
using RmsProp = RmsPropEquations<false>;
/// RMSProp that divides by the deviation of the gradients from their mean.
using CenteredRmsProp = RmsPropEquations<true>;

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
