#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "hypertape/autodiff/check_gradient.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "support/compare.hpp"
#include "support/evaluate.hpp"
#include "support/random_tensor.hpp"

/// What is asked of the derivatives of every operation.
namespace hypertape::testing {

/// The operation under test, of as many Vars as it has inputs.
using Function = std::function<Var<double>(std::span<const Var<double>>)>;

/// A central difference with step cbrt(epsilon) = 6e-6 errs by about step^2 and epsilon / step, both near 4e-11, times
/// higher derivatives and the condition of the function: 1e-7 leaves room for these, and no wrong formula gets below.
constexpr double difference_tolerance = 1e-7;

/// Two exact derivatives differ by the rounding, 1e-16, of some hundred operations, and by cancellation.
constexpr double rounding_tolerance = 1e-12;

/// Pullback and tangent against central differences, and <J v, u> against <v, J^T u>.
inline void check_derivatives(const Function& f, const std::vector<Tensor<double>>& inputs) {
  const GradientCheck check = check_gradient<double>(f, inputs);
  CHECK(check.pullback <= difference_tolerance);
  CHECK(check.tangent <= difference_tolerance);
  CHECK(check.transpose <= rounding_tolerance);
}

/// The gradient of |y|^2 / 2 + <r, y> for y = f(x) and a fixed random r: J^T (y + r). Its derivatives hold both the
/// second derivatives of f and its first, so that they are not zero even where f is linear.
inline std::vector<Var<double>> curved_gradient(const Function& f, std::span<const Var<double>> x) {
  const Var<double> y = f(x);
  const Var<double> cotangent = y + y.tape().leaf(random_tensor<double>(y.shape(), 7));
  std::vector<Var<double>> result(x.size());
  vjp<double>(std::span(&y, 1), std::span(&cotangent, 1), x, result);
  return result;
}

/// The sum of the inner products of pairs.
inline Var<double> inner(std::span<const Var<double>> a, std::span<const Var<double>> b) {
  Var<double> total = dot(a[0], b[0]);
  for (std::size_t i = 1; i < a.size(); ++i) total = total + dot(a[i], b[i]);
  return total;
}

/// The Hessian H of |y|^2 / 2 + <r, y>: <u, H v> = <v, H u>, and H v is the same by forward over reverse as by reverse
/// over reverse.
inline void check_hessian(const Function& f, const std::vector<Tensor<double>>& inputs) {
  Tape<double> tape;
  const std::vector<Var<double>> x = leaves(tape, inputs);
  std::vector<Var<double>> u, v, Hu(x.size()), Hv(x.size()), reverse(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    u.push_back(tape.leaf(random_tensor<double>(x[i].shape(), 2 * i + 100)));
    v.push_back(tape.leaf(random_tensor<double>(x[i].shape(), 2 * i + 101)));
  }
  const std::vector<Var<double>> g = curved_gradient(f, x);
  jvp<double>(g, x, u, Hu);
  jvp<double>(g, x, v, Hv);
  gradient<double>(inner(g, v), x, reverse);

  const double scale = std::sqrt(inner(u, u).item() * inner(Hv, Hv).item());
  CHECK(scale > 0);
  CHECK(std::abs(inner(u, Hv).item() - inner(v, Hu).item()) <= rounding_tolerance * scale);
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(relative_error(Hv[i].value(), reverse[i].value()) <= rounding_tolerance);
  }
}

/// Everything that is asked of an operation at one point: first derivatives, second derivatives (as first derivatives
/// of a function that takes a gradient), and the Hessian's symmetry.
inline void check_operation(const Function& f, const std::vector<Tensor<double>>& inputs) {
  check_derivatives(f, inputs);
  const auto gradient_norm = [&f](std::span<const Var<double>> x) {
    const std::vector<Var<double>> g = curved_gradient(f, x);
    return inner(g, g);
  };
  check_derivatives(gradient_norm, inputs);
  check_hessian(f, inputs);
}

}  // namespace hypertape::testing
