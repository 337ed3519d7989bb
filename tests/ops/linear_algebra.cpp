#include "hypertape/ops/linear_algebra.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// A A^T + I.
template <class T>
Var<T> positive_definite(Var<T> a) {
  Tensor<T> one(a.shape());
  for (Index i = 0; i < a.shape()[0]; ++i) one(i, i) = 1;
  return matmul(a, a, {.transpose_b = true}) + a.tape().leaf(one);
}

const Tensor<double> a = random_tensor<double>({4, 4}, 1), b = random_tensor<double>({4, 3}, 2);

/// The relative distance of f(a, b) from g(a, b).
template <class F, class G>
double distance(const F& f, const G& g) {
  return relative_error(evaluate(f, std::vector{a, b}), evaluate(g, std::vector{a, b}));
}

}  // namespace

TEST_CASE("cholesky: the factor times its transpose is the matrix") {
  const auto factor = [](auto v) { return cholesky(positive_definite(v[0])); };
  const Tensor<double> l = evaluate(factor, std::vector{a});
  for (Index r = 0; r < 4; ++r) {
    CHECK(l(r, r) > 0);
    for (Index c = r + 1; c < 4; ++c) CHECK(l(r, c) == 0);
  }
  CHECK(distance([&](auto v) { return matmul(factor(v), factor(v), {.transpose_b = true}); },
                 [](auto v) { return positive_definite(v[0]); }) <= 1e-14);
  check_operation(factor, {a});
  // An element by itself stands for the symmetric part.
  const Tensor<double> definite = evaluate([](auto v) { return positive_definite(v[0]); }, std::vector{a});
  check_operation([](auto v) { return cholesky(v[0]); }, {definite});
  Tape<double> tape;
  const Var<double> x = tape.leaf(definite), slope = gradient(sum(cholesky(x)), x);
  CHECK(relative_error(transpose(slope).value(), slope.value()) <= 1e-14);
}

TEST_CASE("solve_triangular: all four triangles") {
  for (const bool upper : {false, true}) {
    for (const bool transposed : {false, true}) {
      CAPTURE(upper);
      CAPTURE(transposed);
      const auto shifted = [](auto v) {
        return v[0] + 3.0 * v[0].tape().leaf(Tensor<double>({4, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}));
      };
      const auto f = [=](auto v) { return solve_triangular(shifted(v), v[1], {upper, transposed}); };
      const auto back = [=](auto v) {
        const auto triangle = upper ? upper_triangle(shifted(v)) : lower_triangle(shifted(v));
        return matmul(triangle, f(v), {.transpose_a = transposed});
      };
      CHECK(distance(back, [](auto v) { return v[1]; }) <= 1e-14);
      check_operation(f, {a, b});
    }
  }
}

TEST_CASE("solve, inverse and log_determinant") {
  const auto solution = [](auto v) { return solve(v[0], v[1]); };
  CHECK(distance([&](auto v) { return matmul(v[0], solution(v)); }, [](auto v) { return v[1]; }) <= 1e-13);
  CHECK(distance([](auto v) { return matmul(inverse(v[0]), v[1]); }, solution) <= 1e-13);
  check_operation(solution, {a, b});
  check_operation([](auto v) { return solve(v[0], v[0] * v[0]); }, {a});
  check_operation([](auto v) { return inverse(v[0]); }, {a});
  check_operation([](auto v) { return log_determinant(v[0]); }, {a});
  CHECK(distance([](auto v) { return log_determinant(positive_definite(v[0])); },
                 [](auto v) { return 2.0 * sum(log(diagonal(cholesky(positive_definite(v[0]))))); }) <= 1e-14);
  const Tensor<double> swapped({2, 2}, {0, 2, 3, 0});  // determinant -6
  CHECK(std::abs(evaluate([](auto v) { return log_determinant(v[0]); }, std::vector{swapped})[0] - std::log(6.0)) <=
        1e-15);
}

TEST_CASE("linear algebra: derivatives with respect to one operand alone") {
  Tape<double> tape;
  const auto constant = [&](auto v) { return v[0].tape().leaf(a); };
  check_operation([&](auto v) { return solve(constant(v), v[0]); }, {b});
  check_operation([&](auto v) { return solve(v[0], v[0].tape().leaf(b)); }, {a});
  check_operation([&](auto v) { return solve_triangular(v[0], v[0].tape().leaf(b)); }, {a});
  check_operation([&](auto v) { return solve_triangular(constant(v), v[0]); }, {b});
}

TEST_CASE("linear algebra: errors") {
  Tape<double> tape;
  const Var<double> wide = tape.full({2, 3}, 1), ones = tape.full({2, 2}, 1), tall = tape.full({3, 1}, 1);
  CHECK_THROWS_WITH_AS(cholesky(wide), "cholesky: needs a square matrix, got (2, 3)", ShapeError);
  CHECK_THROWS_WITH_AS(cholesky(-ones), "cholesky: the matrix (2, 2) is not positive definite", ArgumentError);
  CHECK_THROWS_AS(cholesky(tape.full({2, 2}, std::nan(""))), ArgumentError);
  CHECK_THROWS_WITH_AS(solve(ones, tall), "solve: (2, 2) needs a right-hand side of 2 rows, got (3, 1)", ShapeError);
  CHECK_THROWS_WITH_AS(inverse(ones), "inverse: the matrix (2, 2) is singular", ArgumentError);
  CHECK_THROWS_WITH_AS(log_determinant(ones), "log_determinant: the matrix (2, 2) is singular", ArgumentError);
  CHECK_THROWS_AS(cholesky(tape.full(Shape::batch(2, 2), 1)), ShapeError);
}
