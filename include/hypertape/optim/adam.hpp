#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string>

#include "hypertape/optim/update_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Adam (Kingma and Ba 2015, with epsilon placed as in PyTorch), with moving averages m of the gradients and v of their
/// squares, both 0 at first. Step t, counted from 0, has number n = t + 1:
///
///     m'     = beta1 m + (1 - beta1) g
///     v'     = beta2 v + (1 - beta2) g^2
///     D      = sqrt(v') / sqrt(c2) + epsilon,    c2 = 1 - beta2^n
///     theta' = theta - a m' / D,    a = eta / c1,    c1 = 1 - beta1^n
///
/// Adjoint: let p = a theta'_bar and D_bar = <p, m'> / D^2. The total derivatives with respect to m' and v' are M =
/// m'_bar - p / D and N = v'_bar + D_bar / (2 sqrt(v' c2)):
///
///     eta_bar     = - <theta'_bar, m' / D> / c1
///     epsilon_bar = sum of D_bar
///     beta1_bar   = <M, m - g> - n beta1^(n-1) / c1 <p, m' / D>
///     beta2_bar   = <N, v - g^2> + n beta2^(n-1) / (2 c2) <D_bar, sqrt(v' / c2)>
///     g_bar       = (1 - beta1) M + 2 (1 - beta2) g N,   m_bar = beta1 M,  v_bar = beta2 N,  theta_bar = theta'_bar
///
/// Where v' is 0, N is set to v'_bar, although the root has no finite derivative there. v' = 0 implies g = 0, and v = 0
/// or beta2 = 0. In a run, all gradients so far were then 0, so m' = 0 and D_bar = 0, and theta' = theta - a (1 -
/// beta1) g / (epsilon + O(|g|)) does have a derivative with respect to g, the one that M gives. Two cases remain:
/// beta2 = 0 with m' not 0, a kink |g| whose two slopes have mean 0, and squares too small for a floating-point number,
/// whose root is negligible beside epsilon.
struct Adam {
  double beta1 = 0.9;     ///< in [0, 1)
  double beta2 = 0.999;   ///< in [0, 1)
  double epsilon = 1e-8;  ///< positive, also when rounded to float

  /// @cond equations
  static std::string name() { return "Adam"; }
  static constexpr std::array<Slot, 2> slot_list{{{"mean"}, {"mean square", 0}}};
  static constexpr std::array<Coefficient, 3> coefficients{
      {{"beta1", 0, 1}, {"beta2", 0, 1}, {"epsilon", (std::numeric_limits<float>::min)()}}};
  std::array<double, 3> values() const { return {beta1, beta2, epsilon}; }

  /// The bias corrections are computed in double: in float, 1 - 0.999^n would lose half of its digits.
  template <class T>
  struct Scalars {
    T beta1, beta2, epsilon;
    T a;              // eta / c1
    T inverse_c1;     // 1 / c1
    T inverse_root;   // 1 / sqrt(c2)
    T beta1_in_rate;  // (da / dbeta1) / a
    T beta2_in_root;  // (d inverse_root / dbeta2) / inverse_root

    Scalars(T rate, std::span<const T> c, Index step) : beta1(c[0]), beta2(c[1]), epsilon(c[2]) {
      const auto n = static_cast<double>(step + 1), b1 = static_cast<double>(beta1), b2 = static_cast<double>(beta2);
      const double c1 = 1 - std::pow(b1, n), c2 = 1 - std::pow(b2, n);
      a = static_cast<T>(static_cast<double>(rate) / c1);
      inverse_c1 = static_cast<T>(1 / c1);
      inverse_root = static_cast<T>(1 / std::sqrt(c2));
      beta1_in_rate = static_cast<T>(n * std::pow(b1, n - 1) / c1);
      beta2_in_root = static_cast<T>(n * std::pow(b2, n - 1) / (2 * c2));
    }
  };

  template <class K, class V, class W>
  static void step(const K& k, const V& g, W& w) {
    w.slot[0] = k.beta1 * w.slot[0] + (1 - k.beta1) * g;
    w.slot[1] = k.beta2 * w.slot[1] + (1 - k.beta2) * g.square();
    w.theta -= k.a * w.slot[0] / (w.slot[1].sqrt() * k.inverse_root + k.epsilon);
  }

  template <class K, class V, class W, class Bar>
  static void adjoint(const K& k, const W& before, const W& after, const V& g, Bar& bar) {
    const V root = after.slot[1].sqrt() * k.inverse_root, inverse = (root + k.epsilon).inverse();
    const V p = k.a * bar.weights.theta, update = after.slot[0] * inverse, d_bar = p * update * inverse;
    const V m_bar = bar.weights.slot[0] - p * inverse;
    const V v_bar = bar.weights.slot[1] + d_bar * root_slope(k, root);
    bar.rate = -bar.weights.theta * update * k.inverse_c1;
    bar.coefficients[0] = m_bar * (before.slot[0] - g) - k.beta1_in_rate * p * update;
    bar.coefficients[1] = v_bar * (before.slot[1] - g.square()) + k.beta2_in_root * d_bar * root;
    bar.coefficients[2] = d_bar;
    bar.gradient = (1 - k.beta1) * m_bar + 2 * (1 - k.beta2) * g * v_bar;
    bar.weights.slot[0] = k.beta1 * m_bar;
    bar.weights.slot[1] = k.beta2 * v_bar;
  }

  template <class K, class V, class W, class Dot>
  static void tangent(const K& k, const W& before, const W& after, const V& g, const Dot& dot, W& out) {
    const V root = after.slot[1].sqrt() * k.inverse_root, inverse = (root + k.epsilon).inverse();
    const V update = after.slot[0] * inverse;
    const V &beta1_dot = dot.coefficients[0], &beta2_dot = dot.coefficients[1];
    out.slot[0] = k.beta1 * dot.weights.slot[0] + (1 - k.beta1) * dot.gradient + beta1_dot * (before.slot[0] - g);
    out.slot[1] = k.beta2 * dot.weights.slot[1] + 2 * (1 - k.beta2) * g * dot.gradient +
                  beta2_dot * (before.slot[1] - g.square());
    const V d_dot = out.slot[1] * root_slope(k, root) + k.beta2_in_root * beta2_dot * root + dot.coefficients[2];
    out.theta = dot.weights.theta - dot.rate * update * k.inverse_c1 - k.beta1_in_rate * beta1_dot * k.a * update -
                k.a * (out.slot[0] - update * d_dot) * inverse;
  }

 private:
  /// The derivative of root = sqrt(v' / c2) with respect to v'; 0 where the root is 0.
  template <class K, class V>
  static V root_slope(const K& k, const V& root) {
    return (root > 0).select(k.inverse_root * k.inverse_root / (2 * root), V::Zero());
  }
  /// @endcond
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
