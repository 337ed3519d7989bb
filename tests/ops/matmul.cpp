#include "hypertape/ops/matmul.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// The product by the obvious loop, of matrices that may lie transposed, (B, rows, columns).
template <class T>
Tensor<T> obvious(const Tensor<T>& a, const Tensor<T>& b, MatmulOptions options, Index batch, Index M, Index N,
                  Index K) {
  Tensor<T> c(Shape{batch, M, N});
  const bool many_a = a.size() == batch * M * K, many_b = b.size() == batch * K * N;
  for (Index i = 0; i < batch; ++i) {
    for (Index m = 0; m < M; ++m) {
      for (Index n = 0; n < N; ++n) {
        for (Index k = 0; k < K; ++k) {
          const Index at_a = options.transpose_a ? k * M + m : m * K + k,
                      at_b = options.transpose_b ? n * K + k : k * N + n;
          c[(i * M + m) * N + n] += a[(many_a ? i : 0) * M * K + at_a] * b[(many_b ? i : 0) * K * N + at_b];
        }
      }
    }
  }
  return c;
}

Shape matrix(std::vector<Index> batch, Index rows, Index columns, bool transposed) {
  batch.push_back(transposed ? columns : rows);
  batch.push_back(transposed ? rows : columns);
  return Shape(batch);
}

}  // namespace

TEST_CASE_TEMPLATE("matmul: values, of factors that may lie transposed", T, float, double) {
  const Index sizes[][3] = {{1, 1, 1},   {2, 3, 4},   {5, 1, 7},     {1, 9, 6},    {17, 33, 20},
                            {40, 16, 3}, {20, 70, 9}, {66, 70, 150}, {130, 17, 5}, {19, 50, 300}};
  for (const auto& [M, N, K] : sizes) {
    for (const bool at : {false, true}) {
      for (const bool bt : {false, true}) {
        for (const Index batch : {1, 3}) {
          const Tensor<T> a = whole_numbers<T>(matrix({batch}, M, K, at), 1),
                          b = whole_numbers<T>(matrix({batch}, K, N, bt), 2);
          const auto f = [&](auto v) { return matmul(v[0], v[1], {at, bt}); };
          CHECK(equal(evaluate(f, std::vector{a, b}), obvious(a, b, {at, bt}, batch, M, N, K)));
        }
      }
    }
  }
}

TEST_CASE("matmul: derivatives") {
  for (const bool at : {false, true}) {
    for (const bool bt : {false, true}) {
      CAPTURE(at);
      CAPTURE(bt);
      const auto f = [&](auto v) { return matmul(v[0], v[1], {at, bt}); };
      check_operation(f,
                      {random_tensor<double>(matrix({}, 2, 4, at), 1), random_tensor<double>(matrix({}, 4, 3, bt), 2)});
      check_operation(
          f, {random_tensor<double>(matrix({2}, 3, 2, at), 1), random_tensor<double>(matrix({2}, 2, 2, bt), 2)});
      // Shared by all of a batch, on either side.
      check_operation(
          f, {random_tensor<double>(matrix({2}, 3, 2, at), 1), random_tensor<double>(matrix({}, 2, 2, bt), 2)});
      check_operation(
          f, {random_tensor<double>(matrix({}, 3, 2, at), 1), random_tensor<double>(matrix({2}, 2, 2, bt), 2)});
    }
  }
  check_operation([](auto v) { return matmul(v[0], v[0]); }, {random_tensor<double>({3, 3})});
}

TEST_CASE("matmul: batches are broadcast, vectors are rows and columns") {
  const Tensor<double> a = whole_numbers<double>({2, 1, 3, 4}, 1), b = whole_numbers<double>({5, 4, 2}, 2);
  const auto product = [](auto v) { return matmul(v[0], v[1]); };
  const Tensor<double> c = evaluate(product, std::vector{a, b});
  REQUIRE(c.shape() == Shape{2, 5, 3, 2});
  for (Index i = 0; i < c.size(); ++i) {
    const Index n = i % 2, m = i / 2 % 3, second = i / 6 % 5, first = i / 30;
    double expected = 0;
    for (Index k = 0; k < 4; ++k) expected += a[(first * 3 + m) * 4 + k] * b[(second * 4 + k) * 2 + n];
    CHECK(c[i] == expected);
  }
  const Tensor<double> v = whole_numbers<double>({4}, 3), A({3, 4}, std::vector<double>(a.data(), a.data() + 12));
  const Tensor<double> right = evaluate(product, std::vector{A, v});
  const Tensor<double> left =
      evaluate([](auto x) { return matmul(x[1], x[0], {.transpose_b = true}); }, std::vector{A, v});
  const Tensor<double> inner = evaluate(product, std::vector{v, v});
  CHECK(right.shape() == Shape{3});
  CHECK(equal(left, right));
  CHECK(inner.shape() == Shape{});
  CHECK(equal(inner, evaluate([](auto x) { return dot(x[0], x[0]); }, std::vector{v})));
  check_operation(product, {A, v});
  check_operation([](auto x) { return matmul(x[1], x[0], {.transpose_b = true}); }, {A, v});
}

TEST_CASE("matmul: the same bits whatever the number of threads") {
  const Tensor<float> a = random_tensor<float>({3, 200, 150}, 1), b = random_tensor<float>({3, 150, 130}, 2);
  Tensor<float> one;
  for (const int threads : {1, 2, 5}) {
    WorkerTeam(threads).session([&] {
      const Tensor<float> c = evaluate([](auto v) { return matmul(v[0], v[1]); }, std::vector{a, b});
      if (threads == 1) one = c;
      CHECK(equal(c, one));
    });
  }
}

TEST_CASE("matmul: errors name both operands") {
  Tape<double> tape;
  const Var<double> a = tape.full({2, 3}, 1), b = tape.full({4, 2}, 1), batch = tape.full(Shape::batch(2, 3), 1);
  CHECK_THROWS_WITH_AS(matmul(a, b), "matmul: (2, 3) has 3 columns, (4, 2) has 4 rows", ShapeError);
  CHECK_THROWS_WITH_AS(matmul(a, b, {.transpose_a = true}),
                       "matmul: (2, 3) transposed has 2 columns, (4, 2) has 4 rows", ShapeError);
  CHECK_THROWS_AS(matmul(a, tape.scalar(1)), ShapeError);
  CHECK_THROWS_WITH_AS(matmul(batch, b), doctest::Contains("relayout"), ShapeError);
  CHECK_THROWS_AS(matmul(tape.full({2, 2, 3}, 1), tape.full({3, 3, 2}, 1)), ShapeError);
}
