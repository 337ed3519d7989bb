#include "hypertape/ops/norm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("norm: value for elements of any size", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const T scales[] = {1, Limits::max() / 16, Limits::min(), 1024 * Limits::denorm_min(), std::sqrt(Limits::min())};
  for (const T scale : scales) {
    CAPTURE(scale);
    Tensor<T> x = whole_numbers<T>({7, 5});
    double squares = 0;
    for (T& value : x.values()) {
      squares += static_cast<double>(value) * static_cast<double>(value);
      value *= scale / 16;
    }
    const T got = evaluate([](auto v) { return norm(v[0]); }, std::vector{x})[0];
    const double unit = static_cast<double>(Limits::denorm_min()) / static_cast<double>(scale) * 16;  // of the result
    const double error = std::abs(static_cast<double>(got) / static_cast<double>(scale) * 16 - std::sqrt(squares));
    CHECK(error <= 8 * static_cast<double>(Limits::epsilon()) * std::sqrt(squares) + unit);
  }
}

TEST_CASE("norm: derivatives") {
  const Tensor<double> x = random_tensor<double>({3, 2}, 1), y = random_tensor<double>({3, 2}, 2);
  check_operation([](auto v) { return norm(v[0]); }, {x});
  check_operation([](auto v) { return v[0] / norm(v[0]); }, {x});
  check_operation([](auto v) { return norm(v[0] - v[1]) * norm(v[0]); }, {x, y});
}

TEST_CASE_TEMPLATE("norm: the gradient is the unit vector, for elements of any size", T, float, double) {
  using Limits = std::numeric_limits<T>;
  for (const T scale : {T(1), Limits::max() / 16, 1024 * Limits::denorm_min()}) {
    CAPTURE(scale);
    Tape<T> tape;
    const Var<T> x = tape.leaf(Tensor<T>({2}, {3 * scale, -4 * scale}));
    const Tensor<T> unit = gradient(norm(x), x).value();
    CHECK(std::abs(unit[0] - T(0.6)) <= 4 * Limits::epsilon());
    CHECK(std::abs(unit[1] + T(0.8)) <= 4 * Limits::epsilon());
  }
}

TEST_CASE("norm: derivatives at 0 are 0 in every order, where those of a root of squares are none") {
  Tape<double> tape;
  const Var<double> x = tape.full({3}, 0), v = tape.leaf(random_tensor<double>({3}));
  const Tensor<double> zeros({3});
  const Var<double> y = norm(x), slope = gradient(y, x), curved = hvp(y, x, v);
  CHECK(y.item() == 0);
  CHECK(equal(slope.value(), zeros));
  CHECK(jvp(y, x, v).item() == 0);
  CHECK(equal(curved.value(), zeros));
  CHECK(equal(vjp(slope, v, x).value(), zeros));
  CHECK(equal(jvp(curved, x, v).value(), zeros));
  CHECK(std::isnan(gradient(sqrt(sum(square(x))), x).value()[0]));
  // The distance of two points that may meet, as in a loss.
  const Var<double> distance = norm(v - v);
  CHECK(equal(gradient(square(distance) + distance, v).value(), zeros));
}

TEST_CASE("norm: keeps NaN and infinity") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  Tape<double> tape;
  CHECK(norm(tape.leaf(Tensor<double>({3}, {1, -infinity, 0}))).item() == infinity);
  CHECK(std::isnan(norm(tape.leaf(Tensor<double>({3}, {1, nan, infinity}))).item()));
  CHECK(std::isnan(norm(tape.leaf(Tensor<double>({2}, {nan, 0}))).item()));
}
