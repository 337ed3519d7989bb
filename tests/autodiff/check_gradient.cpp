#include "hypertape/autodiff/check_gradient.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// The cube, with derivatives that are right but for the given factors.
template <class T>
struct Cube final : Operation<T> {
  T tangent_factor, pullback_factor;

  Cube(T tangent_factor_, T pullback_factor_) : tangent_factor(tangent_factor_), pullback_factor(pullback_factor_) {}

  const char* name() const override { return "cube"; }
  void evaluate(const Evaluation<T>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) call.output()[i] = std::pow(call.input(0)[i], T(3));
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return tangent_factor * 3 * square(call.input(0)) * call.tangent(0);
  }
  void pullback(PullbackSweep<T>& call) const override {
    call.add(0, pullback_factor * 3 * square(call.input(0)) * call.adjoint());
  }
};

GradientCheck check_cube(double tangent_factor, double pullback_factor) {
  const auto cube = [=](auto x) {
    return x[0].tape().apply(Cube<double>(tangent_factor, pullback_factor), x[0].shape(), {x[0]});
  };
  return check_gradient<double>(cube, {random_tensor<double>({5})});
}

}  // namespace

TEST_CASE("check_gradient: right derivatives pass") {
  CHECK(check_cube(1, 1).within(difference_tolerance, rounding_tolerance));
}

TEST_CASE("check_gradient: a wrong pullback fails, the tangent alone does not") {
  const GradientCheck check = check_cube(1, 1.001);
  CHECK(check.pullback > 5e-4);
  CHECK(check.tangent <= difference_tolerance);
  CHECK(check.transpose > 1e-6);
  CHECK(!check.within(difference_tolerance, rounding_tolerance));
}

TEST_CASE("check_gradient: a wrong tangent fails, the pullback alone does not") {
  const GradientCheck check = check_cube(1.001, 1);
  CHECK(check.pullback <= difference_tolerance);
  CHECK(check.tangent > 5e-4);
  CHECK(check.transpose > 1e-6);
  CHECK(!check.within(difference_tolerance, rounding_tolerance));
}

TEST_CASE("check_gradient: missing derivatives fail") {
  CHECK(!check_cube(0, 0).within(difference_tolerance, rounding_tolerance));
}

TEST_CASE("check_gradient: NaN fails everywhere") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(!check_cube(1, nan).within(1e9, 1e9));
  CHECK(!check_cube(nan, 1).within(1e9, 1e9));
  const auto check = check_gradient<double>([](auto x) { return log(x[0]); }, {Tensor<double>({2}, {1, -1})});
  CHECK(std::isnan(check.pullback));
  CHECK(std::isnan(check.tangent));
}

TEST_CASE("check_gradient: a constant function has zero derivatives") {
  const auto check = check_gradient<double>([](auto x) { return x[0].tape().scalar(3); }, {random_tensor<double>({3})});
  CHECK(check.within(0, 0));
}

TEST_CASE("check_gradient: works in float with float's tolerances") {
  // Step cbrt(1.2e-7) = 5e-3: its square and epsilon / step are both near 2.5e-5.
  const auto check = check_gradient<float>([](auto x) { return exp(x[0]) * x[1]; },
                                           {random_tensor<float>({4}, 1), random_tensor<float>({4}, 2)});
  CHECK(check.within(1e-3, 1e-5));
}
