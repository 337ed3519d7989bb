#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <span>
#include <vector>

#include "hypertape/autodiff/check_gradient.hpp"
#include "support/compare.hpp"
#include "support/evaluate.hpp"
#include "support/random_tensor.hpp"

/// The checks of every operation's derivatives.
namespace hypertape::testing {

inline constexpr Layout all_layouts[] = {Layout::row_major, Layout::samples_innermost, Layout::channels_innermost};

/// The operation under test as a function of all its inputs.
using Function = std::function<Var<double>(std::span<const Var<double>>)>;

/// A central difference with step cbrt(epsilon) = 6e-6 has errors of about step^2 and epsilon / step, both near 4e-11,
/// times higher derivatives and the condition of the function. 1e-7 leaves room for these, yet no wrong formula passes.
constexpr double difference_tolerance = 1e-7;

/// Two exact derivatives differ by the rounding errors, 1e-16, of about a hundred operations, and by cancellation.
constexpr double rounding_tolerance = 1e-12;

/// Checks an operation at one point: first and second derivatives, and the symmetry of the Hessian.
inline void check_operation(const Function& f, const std::vector<Tensor<double>>& inputs) {
  const GradientCheck check = check_gradient<double>(f, inputs, {.order = 2});
  CHECK(check.pullback <= difference_tolerance);
  CHECK(check.tangent <= difference_tolerance);
  CHECK(check.transpose <= rounding_tolerance);
  CHECK(check.pullback_of_pullback <= difference_tolerance);
  CHECK(check.tangent_of_pullback <= difference_tolerance);
  CHECK(check.transpose_of_pullback <= rounding_tolerance);
  CHECK(check.pullback_of_tangent <= difference_tolerance);
  CHECK(check.tangent_of_tangent <= difference_tolerance);
  CHECK(check.transpose_of_tangent <= rounding_tolerance);
  CHECK(check.symmetry <= rounding_tolerance);
}

}  // namespace hypertape::testing
