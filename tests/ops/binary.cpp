#include "hypertape/ops/binary.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// A user's own: the root of the sum of two squares.
template <class T>
Var<T> hypotenuse(Var<T> a, Var<T> b) {
  return apply_binary(
      "hypotenuse", a, b, [](T p, T q) { return std::hypot(p, q); },
      [](Var<T> p, Var<T>, Var<T> y, Var<T> v) { return p / y * v; },
      [](Var<T>, Var<T> q, Var<T> y, Var<T> v) { return q / y * v; });
}

}  // namespace

TEST_CASE("binary: a user's own function works to second order, and broadcasts") {
  const Tensor<double> a = random_tensor<double>({3, 2}, 1), b = random_tensor<double>({2}, 2);
  check_values(evaluate([](auto v) { return hypotenuse(v[0], v[1]); }, std::vector{a, b}),
               [&](Index i) { return std::hypot(a[i], b[i % 2]); });
  check_operation([](auto v) { return hypotenuse(v[0], v[1]); }, {a, b});
  check_operation([&](auto v) { return hypotenuse(v[0], v[0].tape().leaf(b)); }, {a});
  check_operation([&](auto v) { return hypotenuse(v[0].tape().leaf(a), v[0]); }, {b});
}
