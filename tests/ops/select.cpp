#include "hypertape/ops/select.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const Tensor<double> a = random_tensor<double>({3, 2}, 1), b = random_tensor<double>({3, 2}, 2),
                     row = random_tensor<double>({2}, 3);
constexpr double infinity = std::numeric_limits<double>::infinity(),
                 not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("where: chooses, and differentiates what it has chosen") {
  const auto f = [](auto v) { return where(is_greater(v[0], v[1]), square(v[0]), v[1] * v[0]); };
  check_values(evaluate(f, std::vector{a, b}), [](Index i) { return a[i] > b[i] ? a[i] * a[i] : a[i] * b[i]; });
  check_operation(f, {a, b});
  check_operation([](auto v) { return where(is_less(v[0], v[1]), v[1], v[0]); }, {a, row});
  check_operation([](auto v) { return where(v[0].tape().leaf(a), v[0], v[0].tape().full({3, 2}, 2)); }, {b});
  check_operation([](auto v) { return where(v[0].tape().leaf(a), v[0].tape().full({3, 2}, 2), v[0]); }, {b});
  // What is not chosen may be anything.
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({2}, {not_a_number, 4})),
                    y = tape.leaf(Tensor<double>({2}, {2, infinity})), z = where(is_equal(x, x), x, y);
  CHECK(equal(z.value(), Tensor<double>({2}, {2, 4})));
  CHECK(equal(gradient(sum(square(z)), x).value(), Tensor<double>({2}, {0, 8})));
  CHECK(equal(gradient(sum(square(z)), y).value(), Tensor<double>({2}, {4, 0})));
}

TEST_CASE("comparisons: 1 or 0, also of NaN") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({5}, {1, 2, 3, not_a_number, infinity})),
                    y = tape.leaf(Tensor<double>({5}, {2, 2, 2, not_a_number, infinity}));
  CHECK(equal(is_greater(x, y).value(), Tensor<double>({5}, {0, 0, 1, 0, 0})));
  CHECK(equal(is_less(x, y).value(), Tensor<double>({5}, {1, 0, 0, 0, 0})));
  CHECK(equal(is_equal(x, y).value(), Tensor<double>({5}, {0, 1, 0, 0, 1})));
  CHECK(equal(gradient(sum(is_greater(x, y) * x), x).value(), is_greater(x, y).value()));
}

TEST_CASE("maximum, minimum") {
  check_values(evaluate([](auto v) { return maximum(v[0], v[1]); }, std::vector{a, b}),
               [](Index i) { return std::max(a[i], b[i]); });
  check_values(evaluate([](auto v) { return minimum(v[0], v[1]); }, std::vector{a, b}),
               [](Index i) { return std::min(a[i], b[i]); });
  check_operation([](auto v) { return maximum(v[0] * v[1], v[1]); }, {a, b});
  check_operation([](auto v) { return minimum(v[0], v[1]); }, {a, row});
  // torch.maximum: equal values share, a NaN stays.
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({3}, {1, 2, not_a_number})),
                    y = tape.leaf(Tensor<double>({3}, {1, 1, 1}));
  CHECK(equal(gradient(sum(maximum(x, y).slice(0, {2})), x).value(), Tensor<double>({3}, {0.5, 1, 0})));
  CHECK(equal(gradient(sum(maximum(x, y)), x).value(), Tensor<double>({3}, {0.5, 1, 1})));
  CHECK(equal(gradient(sum(minimum(y, x)), x).value(), Tensor<double>({3}, {0.5, 0, 1})));
  CHECK(std::isnan(maximum(x, y).value()[2]));
  CHECK(std::isnan(maximum(y, x).value()[2]));
  CHECK(std::isnan(minimum(y, x).value()[2]));
}

TEST_CASE("clamp: between bounds, which have the derivative 1") {
  check_values(evaluate([](auto v) { return clamp(v[0], -0.5, 0.5); }, std::vector{a}),
               [](Index i) { return std::min(0.5, std::max(-0.5, a[i])); });
  check_operation([](auto v) { return clamp(v[0], -0.5, 0.5) * v[0]; }, {a});
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({5}, {-2, -1, 0, 1, 2}));
  CHECK(equal(gradient(sum(clamp(x, -1, 1)), x).value(), Tensor<double>({5}, {0, 1, 1, 1, 0})));
  CHECK_THROWS_WITH_AS(clamp(x, 1, -1), "clamp: the bounds 1 and -1 are in the wrong order", ArgumentError);
}

TEST_CASE("select: shapes that do not fit") {
  Tape<double> tape;
  const Var<double> x = tape.full({2, 3}, 1), y = tape.full({3, 2}, 1);
  CHECK_THROWS_AS(where(x, y, y), ShapeError);
  CHECK_THROWS_AS(maximum(x, y), ShapeError);
  CHECK_THROWS_WITH_AS(
      is_greater(x, y),
      "is_greater: operands must have the same shape, or extents of 1 where they differ, got (2, 3) and (3, 2)",
      ShapeError);
}
