#include "hypertape/ops/unary.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// 1 / (1 + x^2), whose derivative is -2 x y^2: a function as a user would write it.
struct Witch {
  static constexpr const char* name = "witch";
  template <class T>
  static T value(T x) {
    return T(1) / (T(1) + x * x);
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T> y) {
    return T(-2) * x * y * y;
  }
};

}  // namespace

TEST_CASE("Unary: a user's own function works to second order") {
  const Tensor<double> x = random_tensor<double>({3, 2});
  check_values(evaluate([](auto v) { return apply_unary<Witch>(v[0]); }, std::vector{x}),
               [&](Index i) { return 1 / (1 + x[i] * x[i]); });
  check_operation([](auto v) { return apply_unary<Witch>(v[0]); }, {x});
}
