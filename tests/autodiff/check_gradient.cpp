#include "hypertape/autodiff/check_gradient.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/ops/math.hpp"
#include "hypertape/ops/stop_gradient.hpp"
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

/// How much of the right derivatives by x (of either kind) an operation gives.
struct Factors {
  double tangent = 1, pullback = 1;
};

/// 3 x^2 v, the slope of the cube times v, with derivatives by x that are right but for the given factors.
template <class T>
struct CubeSlope final : Operation<T> {
  Factors factors;

  explicit CubeSlope(Factors factors_) : factors(factors_) {}

  const char* name() const override { return "cube_slope"; }
  void evaluate(const Evaluation<T>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) {
      call.output()[i] = 3 * call.input(0)[i] * call.input(0)[i] * call.input(1)[i];
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> x = call.input(0), by_v = call.tangent(1) ? 3 * square(x) * call.tangent(1) : Var<T>();
    if (!call.tangent(0)) return by_v;
    const Var<T> by_x = factors.tangent * 6 * x * call.input(1) * call.tangent(0);
    return by_v ? by_x + by_v : by_x;
  }
  void pullback(PullbackSweep<T>& call) const override {
    const Var<T> x = call.input(0);
    if (call.needs(0)) call.add(0, factors.pullback * 6 * x * call.input(1) * call.adjoint());
    if (call.needs(1)) call.add(1, 3 * square(x) * call.adjoint());
  }
};

/// The cube with right first derivatives, which are operations that may have wrong ones.
template <class T>
struct SmoothCube final : Operation<T> {
  Factors of_pullback, of_tangent;

  SmoothCube(Factors of_pullback_, Factors of_tangent_) : of_pullback(of_pullback_), of_tangent(of_tangent_) {}

  const char* name() const override { return "smooth_cube"; }
  void evaluate(const Evaluation<T>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) call.output()[i] = std::pow(call.input(0)[i], T(3));
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return slope(of_tangent, call.input(0), call.tangent(0));
  }
  void pullback(PullbackSweep<T>& call) const override {
    call.add(0, slope(of_pullback, call.input(0), call.adjoint()));
  }

 private:
  static Var<T> slope(Factors factors, Var<T> x, Var<T> v) {
    return x.tape().apply(CubeSlope<T>(factors), x.shape(), {x, v});
  }
};

GradientCheck check_smooth_cube(int order, Factors of_pullback, Factors of_tangent) {
  const auto cube = [=](auto x) {
    return x[0].tape().apply(SmoothCube<double>(of_pullback, of_tangent), x[0].shape(), {x[0]});
  };
  return check_gradient<double>(cube, {random_tensor<double>({5})}, {.order = order});
}

}  // namespace

TEST_CASE("check_gradient: wrong derivatives of a pullback or tangent pass first order, and fail second order") {
  const Factors right, wrong_tangent{1.001, 1}, wrong_pullback{1, 1.001};
  CHECK(check_smooth_cube(2, right, right).within(difference_tolerance, rounding_tolerance));
  struct Case {
    Factors of_pullback, of_tangent;
    double GradientCheck::*error;
  };
  for (const Case& mistake : {Case{right, wrong_tangent, &GradientCheck::tangent_of_tangent},
                              Case{right, wrong_pullback, &GradientCheck::pullback_of_tangent},
                              Case{wrong_tangent, right, &GradientCheck::tangent_of_pullback},
                              Case{wrong_pullback, right, &GradientCheck::pullback_of_pullback}}) {
    CHECK(
        check_smooth_cube(1, mistake.of_pullback, mistake.of_tangent).within(difference_tolerance, rounding_tolerance));
    const GradientCheck check = check_smooth_cube(2, mistake.of_pullback, mistake.of_tangent);
    CHECK(!check.within(difference_tolerance, rounding_tolerance));
    CHECK(!check.within(difference_tolerance, 1e9));  // differences alone find it,
    CHECK(!check.within(1e9, rounding_tolerance));    // and so does what is exact
    CHECK(check.*mistake.error > 1e-5);
    for (const auto error : {&GradientCheck::tangent_of_tangent, &GradientCheck::pullback_of_tangent,
                             &GradientCheck::tangent_of_pullback, &GradientCheck::pullback_of_pullback}) {
      CHECK((check.*error <= difference_tolerance) == (error != mistake.error));
    }
  }
}

TEST_CASE("check_gradient: derivatives that are wrong alike are told by differences") {
  const Factors both_wrong{1.001, 1.001};  // consistent with one another, and symmetric
  const GradientCheck check = check_smooth_cube(2, both_wrong, both_wrong);
  CHECK(check.within(1e9, rounding_tolerance));
  CHECK(!check.within(difference_tolerance, 1e9));
}

TEST_CASE("check_gradient: a NaN in a second derivative alone fails") {
  const Factors right, wrong{std::numeric_limits<double>::quiet_NaN(), 1};
  CHECK(!check_smooth_cube(2, right, wrong).within(1e9, 1e9));
  CHECK(!check_smooth_cube(2, wrong, right).within(1e9, 1e9));
}

TEST_CASE("check_gradient: linear and constant functions pass to second order") {
  const std::vector<Tensor<double>> x = {random_tensor<double>({3}, 1), random_tensor<double>({3}, 2)};
  CHECK(check_gradient<double>([](auto v) { return v[0] - v[1]; }, x, {.order = 2}).within(1e-9, 1e-15));
  CHECK(check_gradient<double>([](auto v) { return v[0]; }, x, {.order = 2}).within(1e-9, 1e-15));
  CHECK(check_gradient<double>([](auto v) { return v[0].tape().scalar(3); }, x, {.order = 2}).within(0, 0));
}

TEST_CASE("check_gradient: the order is 1 or 2") {
  for (const int order : {0, 3}) {
    CHECK_THROWS_AS(check_gradient<double>([](auto x) { return x[0]; }, {Tensor<double>({1})}, {.order = order}),
                    ArgumentError);
  }
}

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

TEST_CASE("check_gradient: names the element that is farthest off") {
  // The derivative with respect to the second input is right but for its third element.
  const Tensor<double> a = random_tensor<double>({4}, 1), b = random_tensor<double>({4}, 2);
  const auto wrong = [](auto x) {
    const Tensor<double> mask({4}, {0, 0, 1, 0});
    return x[0] * x[1] + x[0].tape().leaf(mask) * (x[1] - stop_gradient(x[1]));
  };
  const GradientCheck check = check_gradient<double>(wrong, {a, b});
  CHECK(check.worst.derivative == "pullback");
  CHECK(check.worst.tensor == 1);
  CHECK(check.worst.element == 2);
  CHECK(check.worst.error > 0.01);
  CHECK(check.str().starts_with("pullback: element 2 of tensor 1 is "));
  const GradientCheck right = check_gradient<double>([](auto x) { return x[0] * x[1]; }, {a, b}, {.order = 2});
  CHECK(right.worst.error <= 1e-7);
}
