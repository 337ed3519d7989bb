#include "hypertape/kernels/softmax_kernels.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/check_kernel.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

template <class T>
Tensor<T> log_softmax(const Tensor<T>& logits) {
  const Index N = logits.shape()[0], K = logits.shape()[1];
  Tensor<T> output(logits.shape(), std::numeric_limits<T>::quiet_NaN());
  auto scratch = scratch_of<T>(2 * N);
  kernels::log_softmax(N, K, logits.data(), output.data(), scratch.data());
  return output;
}

}  // namespace

TEST_CASE_TEMPLATE("log_softmax: agrees with the formula", T, float, double) {
  for (const Index N : {1, 2, 7, 16}) {
    for (const Index K : {1, 2, 10}) {
      const Tensor<T> logits = random_tensor<T>(Shape::batch(N, K));
      check_values(log_softmax(logits), [&](Index i) {
        double total = 0;
        for (Index k = 0; k < K; ++k) total += std::exp(static_cast<double>(logits(i % N, k)));
        return static_cast<double>(logits[i]) - std::log(total);
      });
    }
  }
}

TEST_CASE("log_softmax: does not overflow") {
  CHECK(equal(log_softmax(Tensor<float>({1, 2}, {1000, -1000})), Tensor<float>({1, 2}, {0, -2000})));
  CHECK(equal(log_softmax(Tensor<float>({1, 1}, {-1e30f})), Tensor<float>({1, 1}, {0})));
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(equal(log_softmax(Tensor<float>({1, 2}, {0, -infinity})), Tensor<float>({1, 2}, {0, -infinity})));
}

TEST_CASE("log_softmax: keeps its precision beside large logits") {
  check_values(log_softmax(Tensor<float>({1, 2}, {1e6f, 1e6f})), [](Index) { return -std::log(2.0); });
}

TEST_CASE("log_softmax: a NaN spoils its own sample only") {
  Tensor<float> logits = random_tensor<float>(Shape::batch(3, 4));
  for (Index k = 0; k < 4; ++k) {
    Tensor<float> spoiled = logits;
    spoiled(1, k) = std::numeric_limits<float>::quiet_NaN();
    const Tensor<float> output = log_softmax(spoiled);
    for (Index i = 0; i < output.size(); ++i) CHECK(std::isnan(output[i]) == (i % 3 == 1));
  }
}

TEST_CASE_TEMPLATE("product_or_zero: a product, but for zero times infinity", T, float, double) {
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  CHECK(kernels::product_or_zero<T>(2, -3) == -6);
  CHECK(kernels::product_or_zero<T>(0, -infinity) == 0);
  CHECK(kernels::product_or_zero<T>(infinity, 0) == 0);
  CHECK(kernels::product_or_zero<T>(2, -infinity) == -infinity);
  CHECK(std::isnan(kernels::product_or_zero<T>(0, nan)));
  CHECK(std::isnan(kernels::product_or_zero<T>(nan, 0)));
}
