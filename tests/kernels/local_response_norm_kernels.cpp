#include "hypertape/kernels/local_response_norm_kernels.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/compare.hpp"
#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;
using kernels::OutputMode;
using kernels::Weigh;

TEST_CASE_TEMPLATE("channel_window_sum: against the obvious loop, for every window and length of a channel", T, float,
                   double) {
  Random random(1);
  for (Index each = 1; each <= 150; each += each < 20 ? 1 : 13) {
    const Index C = 1 + random.below(6), before = random.below(5), after = random.below(5);
    CAPTURE(each);
    CAPTURE(C);
    const Shape shape = Shape::batch(each, C);
    const Tensor<T> a = whole_numbers<T>(shape, 1), b = whole_numbers<T>(shape, 2), old = whole_numbers<T>(shape, 3);
    Tensor<T> terms(shape), sums(shape), out(shape, std::numeric_limits<T>::quiet_NaN());
    for (Index c = 0; c < C; ++c) {
      for (Index j = 0; j < C; ++j) {
        if (j < c - before || j > c + after) continue;
        for (Index i = 0; i < each; ++i) {
          terms(i, c) += 3 * a(i, j) * b(i, j);
          sums(i, c) += 3 * a(i, c) * b(i, j);
        }
      }
    }
    kernels::channel_window_sum<Weigh::terms>(C, each, before, after, T(3), a.data(), b.data(), OutputMode::write,
                                              out.data());
    CHECK(equal(out, terms));
    kernels::channel_window_sum<Weigh::sums>(C, each, before, after, T(3), a.data(), b.data(), OutputMode::write,
                                             out.data());
    CHECK(equal(out, sums));
    out = old;
    for (Index i = 0; i < out.size(); ++i) terms[i] += old[i];
    kernels::channel_window_sum<Weigh::terms>(C, each, before, after, T(3), a.data(), b.data(), OutputMode::accumulate,
                                              out.data());
    CHECK(equal(out, terms));
  }
}

TEST_CASE_TEMPLATE("power_product: against std::pow, for exponents with and without a short cut", T, float, double) {
  for (const Index count : {1, 7, 1024, 2500}) {
    Tensor<T> d = positive_tensor<T>({count}, 1);
    if (count > 2) d[1] = 100;  // far from 1
    const Tensor<T> a = random_tensor<T>({count}, 2), b = random_tensor<T>({count}, 3);
    const T* factors[2] = {a.data(), b.data()};
    for (const double exponent : {0.75, 1.75, 2.75, 0.5, 1.0, 0.0, -0.25, 0.74, 7.75}) {
      CAPTURE(exponent);
      Tensor<T> out({count}, std::numeric_limits<T>::quiet_NaN());
      for (const int used : {0, 1, 2}) {
        kernels::power_product(
            count, T(1.5), T(0.25), static_cast<T>(exponent), d.data(), used, [&](int i) { return factors[i]; },
            out.data());
        double difference = 0;
        for (Index i = 0; i < count; ++i) {
          double expected =
              1.5 * std::pow(0.25 + static_cast<double>(d[i]), -static_cast<double>(static_cast<T>(exponent)));
          for (int f = 0; f < used; ++f) expected *= static_cast<double>(factors[f][i]);
          difference = std::max(difference, std::abs(static_cast<double>(out[i]) - expected) / std::abs(expected));
          if (!std::isfinite(out[i])) difference = std::numeric_limits<double>::infinity();
        }
        // Some roundings, and by way of exp and log those of a logarithm as large as exponent * log(100).
        CHECK(difference <= 100 * static_cast<double>(std::numeric_limits<T>::epsilon()));
      }
    }
  }
}

TEST_CASE_TEMPLATE("power_product: a NaN stays a NaN", T, float, double) {
  Tensor<T> d({50}, T(2)), out({50});  // whole vectors and a tail
  for (Index i = 0; i < d.size(); i += 3) d[i] = std::numeric_limits<T>::quiet_NaN();
  for (const T exponent : {T(0.75), T(0.6)}) {
    kernels::power_product(
        d.size(), T(1), T(0), exponent, d.data(), 0, [](int) -> const T* { return nullptr; }, out.data());
    for (Index i = 0; i < d.size(); ++i) CHECK(std::isnan(out[i]) == std::isnan(d[i]));
  }
}
