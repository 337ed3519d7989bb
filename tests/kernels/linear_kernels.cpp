#include "hypertape/kernels/linear_kernels.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "support/check_kernel.hpp"

using namespace hypertape;
using namespace hypertape::testing;
using kernels::OutputMode;

namespace {

/// visit(input offset, weight offset, output offset) for every product of the layer.
template <class Visit>
void for_each_product(Index N, Index I, Index O, const Visit& visit) {
  for (Index n = 0; n < N; ++n) {
    for (Index o = 0; o < O; ++o) {
      for (Index i = 0; i < I; ++i) visit(i * N + n, o * I + i, o * N + n);
    }
  }
}

template <class T>
void check_layer(Index N, Index I, Index O, std::uint64_t seed) {
  CAPTURE(N);
  CAPTURE(I);
  CAPTURE(O);
  const Shape input = Shape::batch(N, I), weight{O, I}, output = Shape::batch(N, O);
  check_pass<T>(
      input, weight, output, O, seed,
      [&](const Tensor<T>& x, const Tensor<T>& w, Range outputs, OutputMode mode, Tensor<T>& y) {
        auto scratch = scratch_of<T>(kernels::linear_scratch(N, I, O));
        kernels::linear(N, I, O, outputs, x.data(), w.data(), mode, y.data(), scratch.data());
      },
      [&](const Tensor<T>& x, const Tensor<T>& w, Tensor<T>& y) {
        for_each_product(N, I, O, [&](Index i, Index k, Index o) { y[o] += x[i] * w[k]; });
      });
  check_pass<T>(
      output, weight, input, I, seed,
      [&](const Tensor<T>& dy, const Tensor<T>& w, Range inputs, OutputMode mode, Tensor<T>& dx) {
        auto scratch = scratch_of<T>(kernels::linear_input_gradient_scratch(N, I, O, inputs));
        kernels::linear_input_gradient(N, I, O, inputs, dy.data(), w.data(), mode, dx.data(), scratch.data());
      },
      [&](const Tensor<T>& dy, const Tensor<T>& w, Tensor<T>& dx) {
        for_each_product(N, I, O, [&](Index i, Index k, Index o) { dx[i] += dy[o] * w[k]; });
      });
  check_pass<T>(
      output, input, weight, O, seed,
      [&](const Tensor<T>& dy, const Tensor<T>& x, Range outputs, OutputMode mode, Tensor<T>& dw) {
        auto scratch = scratch_of<T>(kernels::linear_weight_gradient_scratch(N, I, O));
        kernels::linear_weight_gradient(N, I, O, outputs, dy.data(), x.data(), mode, dw.data(), scratch.data());
      },
      [&](const Tensor<T>& dy, const Tensor<T>& x, Tensor<T>& dw) {
        for_each_product(N, I, O, [&](Index i, Index k, Index o) { dw[k] += dy[o] * x[i]; });
      });
}

}  // namespace

TEST_CASE_TEMPLATE("linear: the three passes agree with the obvious loops on 150 random sizes", T, float, double) {
  Random random(2);
  for (std::uint64_t i = 0; i < 150; ++i) {
    const Index N = 1 + random.below(40), I = 1 + random.below(40), O = 1 + random.below(40);
    check_layer<T>(N, I, O, i);
  }
}

TEST_CASE_TEMPLATE("linear: every length around the widths of vectors", T, float, double) {
  for (Index length = 1; length <= 40; ++length) {
    check_layer<T>(5, length, 3, 1);
    check_layer<T>(length, 5, 6, 2);
    check_layer<T>(3, 7, length, 3);
  }
}

TEST_CASE_TEMPLATE("linear: few outputs of many samples, and many, on both sides of each limit", T, float, double) {
  for (const Index N : {2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 64, 129}) {
    for (const Index O : {1, 2, 3, 8, 9, 16, 17}) check_layer<T>(N, 21, O, 4);
  }
}

TEST_CASE_TEMPLATE("linear: products that copy strips, and inputs larger than a cache", T, float, double) {
  for (const Index N : {63, 64, 130}) {
    for (const Index O : {17, 130}) check_layer<T>(N, 150, O, 5);
  }
  check_layer<T>(64, 20, 130, 6);  // parts of the inputs have fewer rows than a strip is copied for
  check_layer<T>(64, 4200, 3, 7);
}
