#include "hypertape/kernels/triangular_decompositions.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

/// out (M, N) = op(a) b for row-major a and b, where op may transpose.
template <class T>
Tensor<T> product_of(const Tensor<T>& a, const Tensor<T>& b, bool transposed = false) {
  const Index M = a.shape()[transposed ? 1 : 0], K = b.shape()[0], N = b.shape()[1];
  Tensor<T> out(Shape{M, N});
  for (Index m = 0; m < M; ++m) {
    for (Index k = 0; k < K; ++k) {
      for (Index n = 0; n < N; ++n) out[m * N + n] += (transposed ? a[k * M + m] : a[m * K + k]) * b[k * N + n];
    }
  }
  return out;
}

/// A random matrix plus N times the identity, which is far from singular.
template <class T>
Tensor<T> regular_matrix(Index N, std::uint64_t seed) {
  Tensor<T> a = random_tensor<T>(Shape{N, N}, seed);
  for (Index i = 0; i < N; ++i) a[i * N + i] += static_cast<T>(N);
  return a;
}

template <class T>
constexpr double most_error = 1e3 * static_cast<double>(std::numeric_limits<T>::epsilon());

TEST_CASE_TEMPLATE("factorize_cholesky: L L^T is the matrix, of which the upper triangle is not read", T, float,
                   double) {
  for (const Index N : {1, 2, 7, 33, 70}) {
    CAPTURE(N);
    Tensor<T> factor(Shape{N, N});
    const Tensor<T> root = regular_matrix<T>(N, 1);
    for (Index r = 0; r < N; ++r) {
      for (Index c = 0; c <= r; ++c) factor[r * N + c] = root[r * N + c];
      factor[r * N + r] = std::abs(factor[r * N + r]);
    }
    Tensor<T> matrix(Shape{N, N});
    for (Index r = 0; r < N; ++r) {
      for (Index c = 0; c < N; ++c) {
        for (Index k = 0; k < N; ++k) matrix[r * N + c] += factor[r * N + k] * factor[c * N + k];
        if (c > r) matrix[r * N + c] = std::numeric_limits<T>::quiet_NaN();
      }
    }
    REQUIRE(kernels::factorize_cholesky(N, matrix.data()));
    CHECK(relative_error(matrix, factor) <= most_error<T>);
  }
}

TEST_CASE("factorize_cholesky: matrices that are not positive definite") {
  Tensor<double> negative(Shape{2, 2}, {1.0, 2.0, 2.0, 1.0}), zero(Shape{1, 1}, 0.0);
  Tensor<double> unknown(Shape{2, 2}, std::numeric_limits<double>::quiet_NaN());
  CHECK_FALSE(kernels::factorize_cholesky(2, negative.data()));
  CHECK_FALSE(kernels::factorize_cholesky(1, zero.data()));
  CHECK_FALSE(kernels::factorize_cholesky(2, unknown.data()));
}

TEST_CASE_TEMPLATE("solve_triangular: either triangle, transposed or not; the other is not read", T, float, double) {
  for (const Index N : {1, 5, 40}) {
    for (const bool upper : {false, true}) {
      for (const bool transposed : {false, true}) {
        Tensor<T> a = regular_matrix<T>(N, 2), triangle(a.shape());
        for (Index r = 0; r < N; ++r) {
          for (Index c = 0; c < N; ++c) {
            T& value = a[r * N + c];
            if (upper ? c >= r : c <= r) {
              triangle[r * N + c] = value;
            } else {
              value = std::numeric_limits<T>::quiet_NaN();
            }
          }
        }
        const Tensor<T> x = random_tensor<T>(Shape{N, 3}, 3);
        Tensor<T> solved = product_of(triangle, x, transposed);
        kernels::solve_triangular(N, Index{3}, a.data(), upper, transposed, solved.data());
        CHECK(relative_error(solved, x) <= most_error<T>);
      }
    }
  }
}

TEST_CASE_TEMPLATE("solve, invert and log_determinant: of a matrix far from singular", T, float, double) {
  for (const Index N : {1, 4, 37}) {
    const Tensor<T> a = regular_matrix<T>(N, 4), x = random_tensor<T>(Shape{N, 2}, 5);
    for (const bool transposed : {false, true}) {
      const Tensor<T> b = product_of(a, x, transposed);
      Tensor<T> solved(x.shape());
      REQUIRE(kernels::solve(N, Index{2}, a.data(), transposed, b.data(), solved.data()));
      CHECK(relative_error(solved, x) <= most_error<T>);
    }
    Tensor<T> inverse(a.shape()), one(a.shape());
    for (Index i = 0; i < N; ++i) one[i * N + i] = 1;
    REQUIRE(kernels::invert(N, a.data(), inverse.data()));
    CHECK(relative_error(product_of(a, inverse), one) <= most_error<T>);
  }
  const Tensor<T> matrix(Shape{2, 2}, {T(1), T(2), T(3), T(-4)});  // determinant -10
  T logarithm = 0;
  REQUIRE(kernels::log_determinant(2, matrix.data(), &logarithm));
  CHECK(std::abs(static_cast<double>(logarithm) - std::log(10.0)) <= most_error<T>);
}

TEST_CASE("solve, invert and log_determinant: of a singular matrix, which writes nothing") {
  const Tensor<double> singular(Shape{2, 2}, {1.0, 2.0, 2.0, 4.0}), b(Shape{2, 1}, 1.0);
  Tensor<double> x(Shape{2, 1}, 7.0), inverse(Shape{2, 2}, 7.0);
  double logarithm = 7;
  CHECK_FALSE(kernels::solve(2, 1, singular.data(), false, b.data(), x.data()));
  CHECK_FALSE(kernels::invert(2, singular.data(), inverse.data()));
  CHECK_FALSE(kernels::log_determinant(2, singular.data(), &logarithm));
  CHECK(equal(x, Tensor<double>(Shape{2, 1}, 7.0)));
  CHECK(equal(inverse, Tensor<double>(Shape{2, 2}, 7.0)));
  CHECK(logarithm == doctest::Approx(7));
}

}  // namespace
}  // namespace hypertape::testing
