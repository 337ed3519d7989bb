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
