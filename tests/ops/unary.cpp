#include "hypertape/ops/unary.hpp"

#include <doctest/doctest.h>

#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// 1 / (1 + x^2), whose derivative is -2 x y^2: a function as a user would write it.
template <class T>
Var<T> witch(Var<T> x) {
  return apply_unary(
      "witch", x, [](T v) { return 1 / (1 + v * v); },
      [](Var<T> at, Var<T> y, Var<T> v) { return T(-2) * at * y * y * v; });
}

/// c x, of arrays.
template <class T>
Var<T> multiple(Var<T> x, T c) {
  return apply_unary(
      "multiple", x,
      [c](Index count, const T* from, T* to) {
        for (Index i = 0; i < count; ++i) to[i] = c * from[i];
      },
      [c](Var<T>, Var<T>, Var<T> v) { return multiple(v, c); });
}

}  // namespace

TEST_CASE("unary: a user's own function works to second order") {
  const Tensor<double> x = random_tensor<double>({3, 2});
  check_values(evaluate([](auto v) { return witch(v[0]); }, std::vector{x}),
               [&](Index i) { return 1 / (1 + x[i] * x[i]); });
  check_operation([](auto v) { return witch(v[0]); }, {x});
}

TEST_CASE("unary: a function of arrays, with a number of its own") {
  const Tensor<double> x = random_tensor<double>({3, 2});
  check_values(evaluate([](auto v) { return multiple(v[0], 3.0); }, std::vector{x}), [&](Index i) { return 3 * x[i]; });
  check_operation([](auto v) { return multiple(v[0], 3.0) * v[0]; }, {x});
}
