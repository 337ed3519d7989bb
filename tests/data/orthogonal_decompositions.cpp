#include "hypertape/data/orthogonal_decompositions.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("decompose_symmetric: orthonormal columns and ascending values that give back the matrix") {
  constexpr float allowed = 1e3f * std::numeric_limits<float>::epsilon();
  for (const Index N : {1, 2, 9, 40}) {
    CAPTURE(N);
    Tensor<float> a = random_tensor<float>(Shape{N, N}, 1);
    for (Index r = 0; r < N; ++r) {
      for (Index c = 0; c < r; ++c) a[c * N + r] = a[r * N + c];
    }
    Tensor<float> given = a, values(Shape{N}), vectors(Shape{N, N});
    for (Index r = 0; r < N; ++r) {
      for (Index c = r + 1; c < N; ++c) given[r * N + c] = std::numeric_limits<float>::quiet_NaN();  // is not read
    }
    data::decompose_symmetric(N, given.data(), values.data(), vectors.data());
    Tensor<float> product(a.shape()), gram(a.shape()), one(a.shape());
    for (Index r = 0; r < N; ++r) {
      one[r * N + r] = 1;
      for (Index c = 0; c < N; ++c) {
        for (Index k = 0; k < N; ++k) {
          product[r * N + c] += vectors[r * N + k] * values[k] * vectors[c * N + k];
          gram[r * N + c] += vectors[k * N + r] * vectors[k * N + c];
        }
      }
    }
    CHECK(relative_error(product, a) <= allowed);
    CHECK(relative_error(gram, one) <= allowed);
    for (Index i = 1; i < N; ++i) CHECK(values[i - 1] <= values[i]);
  }
}

TEST_CASE("least_squares: the residual is orthogonal to the columns, and the rank is found") {
  constexpr Index N = 20, D = 6;
  Tensor<double> a = random_tensor<double>(Shape{N, D}, 2);
  const Tensor<double> b = random_tensor<double>(Shape{N}, 3);
  Tensor<double> x(Shape{D});
  CHECK(data::least_squares(N, D, a.data(), b.data(), x.data()) == D);
  for (Index d = 0; d < D; ++d) {
    double slope = 0;
    for (Index n = 0; n < N; ++n) {
      double residual = -b[n];
      for (Index k = 0; k < D; ++k) residual += a[n * D + k] * x[k];
      slope += a[n * D + d] * residual;
    }
    CHECK(std::abs(slope) <= 1e-12);
  }
  for (Index n = 0; n < N; ++n) a[n * D + 5] = a[n * D] - 2 * a[n * D + 3];
  CHECK(data::least_squares(N, D, a.data(), b.data(), x.data()) == D - 1);
}

}  // namespace
}  // namespace hypertape::testing
