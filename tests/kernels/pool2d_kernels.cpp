#include "hypertape/kernels/pool2d_kernels.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/compare.hpp"
#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;
using kernels::Pool2dGeometry;

namespace {

/// visit(input offset, output offset) for every position of every window that is on the image, in row-major order.
template <class Visit>
void for_each_position(const Pool2dGeometry& g, const Visit& visit) {
  for (Index n = 0; n < g.N; ++n) {
    for (Index c = 0; c < g.C; ++c) {
      for (Index oy = 0; oy < g.OH(); ++oy) {
        for (Index ox = 0; ox < g.OW(); ++ox) {
          for (Index ky = 0; ky < g.K; ++ky) {
            for (Index kx = 0; kx < g.K; ++kx) {
              const Index y = oy * g.stride + ky - g.padding, x = ox * g.stride + kx - g.padding;
              if (y < 0 || y >= g.H || x < 0 || x >= g.W) continue;
              visit(hypertape::detail::offset_of(g.input(), n, c, y, x),
                    hypertape::detail::offset_of(g.output(), n, c, oy, ox));
            }
          }
        }
      }
    }
  }
}

/// Fewer samples than any register has lanes, as many, and more.
std::vector<Pool2dGeometry> geometries() {
  std::vector<Pool2dGeometry> out;
  Random random(3);
  for (int i = 0; i < 90; ++i) {
    Pool2dGeometry g;
    g.N = 1 + random.below(i % 3 == 0 ? 40 : 9);
    g.C = 1 + random.below(3);
    g.K = 1 + random.below(4);
    g.stride = 1 + random.below(4);
    g.padding = random.below(g.K / 2 + 1);
    g.H = g.K + random.below(6);
    g.W = g.K + random.below(6);
    out.push_back(g);
  }
  for (const Index N : {1, 3, 5, 8, 11}) {  // windows side by side, with and without rows and columns left over
    for (const Index size : {4, 5, 7}) out.push_back({N, 2, size, 9 - size, 2, 2, 0});
  }
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("max_pool2d: the first maximum of each window, among many ties", T, float, double) {
  for (const Pool2dGeometry& g : geometries()) {
    const Tensor<T> input = whole_numbers<T>(g.input());
    Tensor<T> output(g.output()), expected(g.output(), -std::numeric_limits<T>::infinity());
    std::vector<std::int32_t> source(static_cast<std::size_t>(output.size()), -1), first = source;
    for_each_position(g, [&](Index in, Index out) {
      if (input[in] <= expected[out]) return;
      expected[out] = input[in];
      first[static_cast<std::size_t>(out)] = static_cast<std::int32_t>(in);
    });
    kernels::max_pool2d(g, input.data(), output.data(), source.data());
    CHECK(equal(output, expected));
    CHECK(source == first);
  }
}

TEST_CASE_TEMPLATE("max_pool2d: the last NaN of each window, among many", T, float, double) {
  for (const Pool2dGeometry& g : geometries()) {
    Tensor<T> input = whole_numbers<T>(g.input());
    for (Index i = 0; i < input.size(); ++i) {
      if (input[i] == 0) input[i] = std::numeric_limits<T>::quiet_NaN();
    }
    Tensor<T> output(g.output()), best(g.output(), -std::numeric_limits<T>::infinity());
    std::vector<std::int32_t> source(static_cast<std::size_t>(output.size()), -1), expected = source;
    for_each_position(g, [&](Index in, Index out) {
      if (!std::isnan(input[in]) && !(input[in] > best[out])) return;
      best[out] = input[in];
      expected[static_cast<std::size_t>(out)] = static_cast<std::int32_t>(in);
    });
    kernels::max_pool2d(g, input.data(), output.data(), source.data());
    CHECK(source == expected);
    for (Index i = 0; i < output.size(); ++i) CHECK(std::isnan(output[i]) == std::isnan(best[i]));
  }
}

TEST_CASE("max_pool2d: a NaN wins, wherever it is in the window") {
  const Pool2dGeometry g{1, 1, 2, 2, 2, 2, 0};
  for (Index at = 0; at < 4; ++at) {
    Tensor<float> input({1, 1, 2, 2}, {3, -1, 5, std::numeric_limits<float>::infinity()});
    input[at] = std::numeric_limits<float>::quiet_NaN();
    float output = 0;
    std::int32_t source = -1;
    kernels::max_pool2d(g, input.data(), &output, &source);
    CHECK(std::isnan(output));
    CHECK(source == at);
  }
}

TEST_CASE("max_pool2d: a window of negative infinities") {
  const Tensor<float> input({1, 1, 2, 2}, -std::numeric_limits<float>::infinity());
  float output = 0;
  std::int32_t source = -1;
  kernels::max_pool2d({1, 1, 2, 2, 2, 2, 0}, input.data(), &output, &source);
  CHECK(output == -std::numeric_limits<float>::infinity());
  CHECK(source == 0);
}

// The mean rounds twice, in 1 / K^2 and in its product with a sum of whole numbers; the adjoint in each of its terms.

TEST_CASE_TEMPLATE("average_pool2d: the mean of each window, padding included", T, float, double) {
  for (const Pool2dGeometry& g : geometries()) {
    const Tensor<T> input = whole_numbers<T>(g.input());
    Tensor<T> output(g.output(), std::numeric_limits<T>::quiet_NaN());
    Tensor<double> total(g.output());
    for_each_position(g, [&](Index in, Index out) { total[out] += static_cast<double>(input[in]); });
    kernels::average_pool2d(g, input.data(), output.data());
    check_values(output, [&](Index i) { return total[i] / static_cast<double>(g.K * g.K); });
  }
}

TEST_CASE_TEMPLATE("average_pool2d_adjoint: each output's share goes to its window", T, float, double) {
  for (const Pool2dGeometry& g : geometries()) {
    const Tensor<T> doutput = whole_numbers<T>(g.output());
    Tensor<T> dinput(g.input(), std::numeric_limits<T>::quiet_NaN());
    Tensor<double> total(g.input());
    for_each_position(g, [&](Index in, Index out) { total[in] += static_cast<double>(doutput[out]); });
    kernels::average_pool2d_adjoint(g, doutput.data(), dinput.data());
    check_values(dinput, [&](Index i) { return total[i] / static_cast<double>(g.K * g.K); });
  }
}

TEST_CASE("pool2d_geometry: output size with stride and padding") {
  CHECK(kernels::pool2d_geometry("pool", Shape::batch(10, 6, 28, 27), 2, 2, 0).output() == Shape::batch(10, 6, 14, 13));
  CHECK(kernels::pool2d_geometry("pool", Shape::batch(10, 6, 28, 27), 3, 2, 1).output() == Shape::batch(10, 6, 14, 14));
}

TEST_CASE("pool2d_geometry: each rule has its error") {
  const auto geometry = [](const Shape& input, Index K, Index stride, Index padding) {
    return kernels::pool2d_geometry("pool", input, K, stride, padding);
  };
  CHECK_THROWS_WITH_AS(geometry({6, 28, 28}, 2, 2, 0),
                       "pool: input (6, 28, 28) with windows of 2, stride 2, padding 0: the input must be (N, C, H, W)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(
      geometry({1, 6, 28, 28}, 0, 2, 0),
      "pool: input (1, 6, 28, 28) with windows of 0, stride 2, padding 0: window and stride must be at least 1",
      ShapeError);
  CHECK_THROWS_AS(geometry({1, 6, 28, 28}, 2, 0, 0), ShapeError);
  CHECK_THROWS_WITH_AS(geometry({1, 6, 28, 28}, 3, 2, 2),
                       "pool: input (1, 6, 28, 28) with windows of 3, stride 2, padding 2: the padding must be between "
                       "0 and half of the window",
                       ShapeError);
  CHECK_THROWS_AS(geometry({1, 6, 28, 28}, 2, 2, -1), ShapeError);
  CHECK_THROWS_WITH_AS(
      geometry({1, 6, 28, 2}, 3, 1, 0),
      "pool: input (1, 6, 28, 2) with windows of 3, stride 1, padding 0: the window is larger than the padded image",
      ShapeError);
}
