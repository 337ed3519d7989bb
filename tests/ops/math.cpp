#include "hypertape/ops/math.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/check_function.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const Tensor<double> any = random_tensor<double>({3, 4}), positive = positive_tensor<double>({3, 4});

}  // namespace

TEST_CASE("math: exp") {
  check_function([](auto x) { return exp(x); }, [](double x) { return std::exp(x); }, any);
}
TEST_CASE("math: log") {
  check_function([](auto x) { return log(x); }, [](double x) { return std::log(x); }, positive);
}
TEST_CASE("math: sqrt") {
  check_function([](auto x) { return sqrt(x); }, [](double x) { return std::sqrt(x); }, positive);
}
TEST_CASE("math: square") {
  check_function([](auto x) { return square(x); }, [](double x) { return x * x; }, any);
}
TEST_CASE("math: sin") {
  check_function([](auto x) { return sin(x); }, [](double x) { return std::sin(x); }, any);
}
TEST_CASE("math: cos") {
  check_function([](auto x) { return cos(x); }, [](double x) { return std::cos(x); }, any);
}
TEST_CASE("math: abs, with the derivative 0 at 0") {
  check_function([](auto x) { return abs(x); }, [](double x) { return std::abs(x); }, any);
  Tape<double> tape;
  const Var<double> zero = tape.scalar(0);
  CHECK(gradient(abs(zero), zero).item() == 0);
}
TEST_CASE("math: sign") {
  check_function([](auto x) { return sign(x) * x; }, [](double x) { return std::abs(x); }, any);
}
TEST_CASE("math: expm1, log1p") {
  check_function([](auto x) { return expm1(x); }, [](double x) { return std::expm1(x); }, any);
  check_function([](auto x) { return log1p(x); }, [](double x) { return std::log1p(x); }, positive);
}
TEST_CASE("math: tan, atan") {
  check_function([](auto x) { return tan(x); }, [](double x) { return std::tan(x); }, positive);
  check_function([](auto x) { return atan(x); }, [](double x) { return std::atan(x); }, any);
}
TEST_CASE("math: erf") {
  check_function([](auto x) { return erf(x); }, [](double x) { return std::erf(x); }, any);
}
TEST_CASE("math: atan2") {
  const Tensor<double> y = random_tensor<double>({3, 4}, 5);
  const auto f = [](auto v) { return atan2(v[0], v[1]); };
  check_values(evaluate(f, std::vector{y, any}), [&](Index i) { return std::atan2(y[i], any[i]); });
  check_operation(f, {y, any});
}
TEST_CASE("math: pow") {
  for (const double power : {-1.5, 0.0, 0.5, 1.0, 2.0, 3.0}) {
    check_function([=](auto x) { return pow(x, power) + x; }, [=](double x) { return std::pow(x, power) + x; },
                   positive);
  }
  const Tensor<double> power = random_tensor<double>({3, 4}, 5);
  const auto f = [](auto v) { return pow(v[0], v[1]); };
  check_values(evaluate(f, std::vector{positive, power}), [&](Index i) { return std::pow(positive[i], power[i]); });
  check_operation(f, {positive, power});
  check_operation([](auto v) { return pow(2, v[0]); }, {power});
  // At 0, as torch.pow.
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({3}, {0, 0, 0})), p = tape.leaf(Tensor<double>({3}, {0, 1, 2}));
  CHECK(equal(pow(x, p).value(), Tensor<double>({3}, {1, 0, 0})));
  CHECK(equal(gradient(sum(pow(x, p)), x).value(), Tensor<double>({3}, {0, 1, 0})));
  CHECK(equal(gradient(sum(pow(x, p)), p).value(), Tensor<double>({3}, {0, 0, 0})));
}
