#include "hypertape/ops/triangle.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// Whether (r, c) is in the triangle.
bool inside(Index r, Index c, bool upper) { return upper ? c >= r : c <= r; }

/// NaN outside of the triangle, as memory that nobody may read.
template <class T>
Tensor<T> one_sided(Index N, bool upper) {
  Tensor<T> a = whole_numbers<T>({N, N}, 1);
  for (Index r = 0; r < N; ++r) {
    for (Index c = 0; c < N; ++c) {
      if (!inside(r, c, upper)) a(r, c) = std::numeric_limits<T>::quiet_NaN();
    }
  }
  return a;
}

}  // namespace

TEST_CASE_TEMPLATE("triangular_product and triangle_of_product: values", T, float, double) {
  struct Size {
    Index N, R;
  };
  for (const Size& size : {Size{1, 1}, Size{5, 3}, Size{40, 1}, Size{40, 20}, Size{70, 130}, Size{520, 20}}) {
    const Index N = size.N, R = size.R;
    for (const bool upper : {false, true}) {
      CAPTURE(N);
      CAPTURE(R);
      CAPTURE(upper);
      const Tensor<T> a = one_sided<T>(N, upper), b = whole_numbers<T>({N, R}, 2), c = whole_numbers<T>({N, R}, 3);
      Tensor<T> product({N, R}), turned({N, R}), outer({N, N});
      for (Index r = 0; r < N; ++r) {
        for (Index k = 0; k < N; ++k) {
          if (!inside(r, k, upper)) continue;
          for (Index n = 0; n < R; ++n) {
            product(r, n) += a(r, k) * b(k, n);
            turned(k, n) += a(r, k) * b(r, n);
            outer(r, k) += c(r, n) * b(k, n);
          }
        }
      }
      Tape<T> tape;
      const Var<T> va = tape.leaf(a), vb = tape.leaf(b), vc = tape.leaf(c);
      CHECK(equal(detail::triangular_product(va, vb, upper).value(), product));
      CHECK(equal(detail::triangular_product(va, vb, upper, true).value(), turned));
      CHECK(equal(detail::triangle_of_product(vc, vb, upper).value(), outer));
      // A tangent in both operands is a sum, which accumulates: (c b^T)' for c' = c, b' = b is twice the product.
      const std::vector<Var<T>> outputs{detail::triangle_of_product(vc, vb, upper)}, operands{vc, vb};
      std::vector<Var<T>> tangents(1);
      jvp<T>(outputs, operands, operands, tangents);
      for (T& value : outer.values()) value *= 2;
      CHECK(equal(tangents[0].value(), outer));
    }
  }
}

TEST_CASE("triangular_product and triangle_of_product: derivatives") {
  for (const bool upper : {false, true}) {
    for (const bool transposed : {false, true}) {
      check_operation([&](auto v) { return detail::triangular_product(v[0], v[1], upper, transposed); },
                      {random_tensor<double>({3, 3}, 1), random_tensor<double>({3, 2}, 2)});
    }
    check_operation([&](auto v) { return detail::triangle_of_product(v[0], v[1], upper); },
                    {random_tensor<double>({3, 2}, 1), random_tensor<double>({3, 2}, 2)});
  }
}

TEST_CASE("triangular_product: the same bits whatever the number of threads") {
  const Tensor<double> a = random_tensor<double>({150, 150}, 1);
  Tensor<double> b = random_tensor<double>({150, 90}, 2), one;
  b(77, 5) = std::numeric_limits<double>::infinity();  // times a zero that is left out
  for (const int threads : {1, 2, 5}) {
    WorkerTeam(threads).session([&] {
      const auto f = [](auto v) { return detail::triangular_product(v[0], v[1], false, true); };
      const Tensor<double> c = evaluate(f, std::vector{a, b});
      if (threads == 1) one = c;
      CHECK(equal(c, one));
      CHECK(!std::isnan(c(149, 5)));
    });
  }
}
