#include "hypertape/autodiff/combine.hpp"

#include <doctest/doctest.h>

#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;
using hypertape::detail::combine;

namespace {

/// A sum of three, which the sweeps never record, though the operation takes any number.
template <class T>
Var<T> combine_three(Var<T> a, Var<T> b, Var<T> c) {
  T* factors = a.tape().template allocate<T>(3);
  factors[0] = 2, factors[1] = -1, factors[2] = 1;
  return a.tape().apply(hypertape::detail::Combination<T>(factors, T(5)), a.shape(), {a, b, c});
}

}  // namespace

TEST_CASE_TEMPLATE("combine: values", T, float, double) {
  const Tensor<T> a = whole_numbers<T>({3, 4}, 1), b = whole_numbers<T>({3, 4}, 2), c = whole_numbers<T>({3, 4}, 3);
  const auto one = evaluate([](auto x) { return combine(T(3), x[0], T(-2)); }, std::vector{a});
  const auto two = evaluate([](auto x) { return combine(T(3), x[0], T(-2), x[1]); }, std::vector{a, b});
  const auto three = evaluate([](auto x) { return combine_three(x[0], x[1], x[2]); }, std::vector{a, b, c});
  for (Index i = 0; i < a.size(); ++i) {
    CHECK(one[i] == 3 * a[i] - 2);
    CHECK(two[i] == 3 * a[i] - 2 * b[i]);
    CHECK(three[i] == 5 + 2 * a[i] - b[i] + c[i]);
  }
}

TEST_CASE("combine: derivatives") {
  const Tensor<double> a = random_tensor<double>({3, 2}, 1), b = random_tensor<double>({3, 2}, 2),
                       c = random_tensor<double>({3, 2}, 3);
  check_operation([](auto x) { return combine(3.0, x[0], -2.0); }, {a});
  check_operation([](auto x) { return combine(3.0, x[0], -2.0, x[1]); }, {a, b});
  check_operation([](auto x) { return combine(3.0, x[0], -2.0, x[0]); }, {a});
  check_operation([](auto x) { return combine_three(x[0], x[1], x[2]); }, {a, b, c});
}

TEST_CASE("combine: operands must have the same shape") {
  Tape<double> tape;
  CHECK_THROWS_WITH_AS(combine(1.0, tape.full({2, 3}, 0), 1.0, tape.full({3, 2}, 0)),
                       "add: operands must have the same shape, got (2, 3) and (3, 2)", ShapeError);
}
