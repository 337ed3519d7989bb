#include "hypertape/ops/arithmetic.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// Checks values and derivatives of a binary operator f on operands of one shape, with a scalar on either side, with a
/// constant on either side, and on an operand and itself.
template <class Operator>
void check_operator(const Operator& f) {
  const auto check = [&f](const Shape& left, const Shape& right, const Shape& shape) {
    const Tensor<double> a = positive_tensor<double>(left, 1), b = positive_tensor<double>(right, 2);
    const auto both = [&f](auto x) { return f(x[0], x[1]); };
    const auto expected = [&](Index i) { return f(a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]); };
    const Tensor<double> value = evaluate(both, std::vector{a, b});
    CHECK(value.shape() == shape);
    check_values(value, expected);
    check_values(evaluate(both, std::vector{cast<float>(a), cast<float>(b)}), expected);
    check_operation(both, {a, b});
  };
  check({3, 2}, {3, 2}, {3, 2});
  check({3, 2}, {}, {3, 2});
  check({}, {3, 2}, {3, 2});
  check({1}, {2, 2}, {2, 2});
  check({1, 1, 1}, {3}, {1, 1, 3});
  check({1, 1}, {1}, {1, 1});  // of two scalars, the one with more axes
  check({1}, {1, 1}, {1, 1});
  check({}, {1, 1}, {1, 1});
  check({1, 1}, {}, {1, 1});

  const Tensor<double> a = positive_tensor<double>({3, 2});
  const auto constant_right = [&f](auto x) { return f(x[0], 3); };
  const auto constant_left = [&f](auto x) { return f(3, x[0]); };
  check_values(evaluate(constant_right, std::vector{a}), [&](Index i) { return f(a[i], 3.0); });
  check_values(evaluate(constant_left, std::vector{a}), [&](Index i) { return f(3.0, a[i]); });
  check_operation(constant_right, {a});
  check_operation(constant_left, {a});
}

const auto plus = [](auto a, auto b) { return a + b; };
const auto minus = [](auto a, auto b) { return a - b; };
const auto times = [](auto a, auto b) { return a * b; };
const auto over = [](auto a, auto b) { return a / b; };

}  // namespace

TEST_CASE("arithmetic: addition") { check_operator(plus); }
TEST_CASE("arithmetic: subtraction") { check_operator(minus); }
TEST_CASE("arithmetic: multiplication") { check_operator(times); }
TEST_CASE("arithmetic: division") { check_operator(over); }

TEST_CASE("arithmetic: an operand and itself") {
  const Tensor<double> a = positive_tensor<double>({3, 2});
  check_operation([](auto x) { return x[0] + x[0]; }, {a});
  check_operation([](auto x) { return x[0] * x[0]; }, {a});
  check_operation([](auto x) { return x[0] * x[0] / (x[0] + 2.0); }, {a});
}

TEST_CASE("arithmetic: a quotient of which one side moves") {
  const Tensor<double> a = positive_tensor<double>({3}, 1);
  check_operation([](auto x) { return x[0] / x[0].tape().full({3}, 2); }, {a});
  check_operation([](auto x) { return x[0].tape().full({3}, 2) / x[0]; }, {a});
}

TEST_CASE("arithmetic: negation") {
  const Tensor<double> a = random_tensor<double>({3, 2});
  check_values(evaluate([](auto x) { return -x[0]; }, std::vector{a}), [&](Index i) { return -a[i]; });
  check_operation([](auto x) { return -(x[0] * x[0]); }, {a});
}

TEST_CASE_TEMPLATE("scale: a scalar times a tensor", T, float, double) {
  const Tensor<T> s({1, 1}, {3}), x = whole_numbers<T>({4, 5});
  const Tensor<T> value = evaluate([](auto v) { return scale(v[0], v[1]); }, std::vector{s, x});
  for (Index i = 0; i < x.size(); ++i) CHECK(value[i] == 3 * x[i]);
}

TEST_CASE_TEMPLATE("dot: the inner product", T, float, double) {
  const Tensor<T> a = whole_numbers<T>({7, 11}, 1), b = whole_numbers<T>({7, 11}, 2);
  T expected = 0;
  for (Index i = 0; i < a.size(); ++i) expected += a[i] * b[i];
  const Tensor<T> value = evaluate([](auto x) { return dot(x[0], x[1]); }, std::vector{a, b});
  CHECK(value.shape() == Shape{});
  CHECK(value[0] == expected);
}

TEST_CASE("scale and dot: derivatives") {
  const Tensor<double> s = random_tensor<double>({}, 1), a = random_tensor<double>({3, 2}, 2),
                       b = random_tensor<double>({3, 2}, 3);
  check_operation([](auto x) { return scale(x[0], x[1]); }, {s, a});
  check_operation([](auto x) { return scale(x[0], x[0]); }, {s});
  check_operation([](auto x) { return dot(x[0], x[1]); }, {a, b});
  check_operation([](auto x) { return dot(x[0], x[0]); }, {a});
}

TEST_CASE("arithmetic: operands that do not fit one another are an error") {
  Tape<double> tape;
  const Var<double> a = tape.full({2, 3}, 1), b = tape.full({3, 2}, 1);
  CHECK_THROWS_WITH_AS(
      a + b, "add: operands must have the same shape, or extents of 1 where they differ, got (2, 3) and (3, 2)",
      ShapeError);
  CHECK_THROWS_WITH_AS(
      a - b, "subtract: operands must have the same shape, or extents of 1 where they differ, got (2, 3) and (3, 2)",
      ShapeError);
  CHECK_THROWS_WITH_AS(
      a * b, "multiply: operands must have the same shape, or extents of 1 where they differ, got (2, 3) and (3, 2)",
      ShapeError);
  CHECK_THROWS_WITH_AS(
      a / b, "divide: operands must have the same shape, or extents of 1 where they differ, got (2, 3) and (3, 2)",
      ShapeError);
  CHECK_THROWS_WITH_AS(dot(a, b), "dot: operands must have the same shape, got (2, 3) and (3, 2)", ShapeError);
  CHECK_THROWS_WITH_AS(scale(a, b), "scale: the factor of (3, 2) must be a scalar, its shape is (2, 3)", ShapeError);
}

TEST_CASE_TEMPLATE("arithmetic: a quotient by a number is rounded once", T, float, double) {
  Tape<T> tape;
  for (int i = 1; i <= 1000; ++i) {
    CAPTURE(i);
    const Var<T> x = tape.scalar(static_cast<T>(i)), y = x / static_cast<T>(i);
    CHECK(y.item() == 1);
    CHECK(gradient(y, x).item() == T(1) / static_cast<T>(i));
    CHECK(jvp(y, x, x).item() == 1);
    CHECK(mean(tape.full({i}, 1)).item() == 1);
  }
  const T tiny = 4 * std::numeric_limits<T>::denorm_min();  // 1 / tiny is infinite
  CHECK((tape.scalar(tiny) / tiny).item() == 1);
  CHECK((tape.scalar(0) / tiny).item() == 0);
  CHECK((tape.scalar(tiny) / tape.scalar(tiny)).item() == 1);
  const Var<T> x = tape.scalar(tiny);
  CHECK(vjp(log(x), x, x).item() == 1);
  CHECK(vjp(log(x), tape.scalar(0), x).item() == 0);
}
