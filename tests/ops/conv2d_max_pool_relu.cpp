#include "hypertape/ops/conv2d_max_pool_relu.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/reduce.hpp"
#include "support/check_error.hpp"
#include "support/check_operation.hpp"

namespace hypertape::testing {
namespace {

/// Images and a layer. Kernels of one row and of more rows than a tile, patches of less than a register and of several
/// registers, channels of the output in one vector, in four and in between, every way to pool.
struct Layer {
  Index N, C, H, W, O, K;
  Conv2dOptions conv{};
  Pool2dOptions pool{};
};

const Layer layers[] = {
    {3, 1, 12, 12, 6, 5, {.padding = 2}},
    {2, 6, 9, 8, 16, 5},
    {2, 3, 9, 9, 64, 5, {.padding = 2}, {.size = 3, .stride = 2, .padding = 1}},
    {2, 4, 9, 9, 5, 3, {.stride = 2, .padding = 1}, {.size = 2, .stride = 1}},
    {1, 2, 13, 12, 3, 7, {.padding = 3}, {.size = 3}},
    {2, 1, 6, 6, 2, 2, {}, {.size = 1}},
    {1, 19, 4, 5, 9, 1, {}, {.size = 2, .stride = 2, .padding = 1}},
    {2, 2, 6, 5, 4, 11, {.padding = 5}, {.size = 2}},
};

template <class T>
Var<T> in_three_operations(Var<T> x, Var<T> weight, Var<T> bias, const Layer& layer) {
  return relu(max_pool2d(conv2d(x, weight, bias, layer.conv), layer.pool));
}

template <class T>
std::vector<Tensor<T>> operands(const Layer& layer, Tensor<T> (*make)(const Shape&, std::uint64_t)) {
  return {make(Shape::batch(layer.N, layer.C, layer.H, layer.W), 1), make(Shape{layer.O, layer.C, layer.K, layer.K}, 2),
          make(Shape{layer.O}, 3)};
}

/// Whole numbers: every sum is exact, whatever its order, and many windows have ties.
TEST_CASE_TEMPLATE("conv2d_max_pool_relu: values and derivatives of the three operations, ties included", T, float,
                   double) {
  for (const Layer& layer : layers) {
    CAPTURE(layer.K);
    CAPTURE(layer.O);
    Tape<T> tape;
    std::vector<Var<T>> v;
    for (const Tensor<T>& tensor : operands<T>(layer, whole_numbers<T>)) v.push_back(tape.leaf(tensor));
    const Var<T> fused = conv2d_max_pool_relu(v[0], v[1], v[2], layer.conv, layer.pool);
    const Var<T> plain = in_three_operations(v[0], v[1], v[2], layer);
    CHECK(fused.shape().layout() == Layout::samples_innermost);
    REQUIRE(equal(fused.value(), plain.value()));
    const Var<T> cotangent = tape.leaf(whole_numbers<T>(fused.shape(), 4));
    for (const Var<T>& operand : v) {
      CHECK(equal(vjp(fused, cotangent, operand).value(), vjp(plain, cotangent, operand).value()));
      const Var<T> direction = tape.leaf(whole_numbers<T>(operand.shape(), 5));
      CHECK(equal(jvp(fused, operand, direction).value(), jvp(plain, operand, direction).value()));
    }
  }
}

TEST_CASE("conv2d_max_pool_relu: derivatives of first and second order") {
  for (const Layer& layer : layers) {
    if (layer.O > 16) continue;  // slow, and no other code
    CAPTURE(layer.K);
    const auto call = [&](auto v) { return conv2d_max_pool_relu(v[0], v[1], v[2], layer.conv, layer.pool); };
    check_operation(call, operands<double>(layer, random_tensor<double>));
  }
}

/// x', W' and b' at once: sums of two products, and a bias.
TEST_CASE("conv2d_max_pool_relu: third derivatives agree with the three operations") {
  const Layer layer = layers[1];
  Tape<double> tape;
  std::vector<Var<double>> v, u;
  for (const Tensor<double>& tensor : operands<double>(layer, random_tensor<double>)) {
    v.push_back(tape.leaf(tensor));
    u.push_back(tape.leaf(random_tensor<double>(tensor.shape(), 9)));
  }
  const auto third = [&](Var<double> y) {
    const auto along = [&](Var<double> f) {
      const auto g = gradient(f, {v[0], v[1], v[2]});
      return dot(g[0], u[0]) + dot(g[1], u[1]) + dot(g[2], u[2]);
    };
    return gradient(along(along(sum(y * y * y))), {v[0], v[1], v[2]});
  };
  const auto fused = third(conv2d_max_pool_relu(v[0], v[1], v[2], layer.conv, layer.pool));
  const auto plain = third(in_three_operations(v[0], v[1], v[2], layer));
  for (std::size_t i = 0; i < 3; ++i) CHECK(relative_error(fused[i].value(), plain[i].value()) <= 1e-12);
}

TEST_CASE("conv2d_max_pool_relu: a NaN wins its window, has a route, and stays in its sample") {
  const Layer layer = layers[0];
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {nan, HUGE_VAL}) {
    Tape<double> tape;
    auto tensors = operands<double>(layer, random_tensor<double>);
    tensors[0](1, 0, 5, 5) = bad;
    const Var<double> x = tape.leaf(tensors[0]), w = tape.leaf(tensors[1]), b = tape.leaf(tensors[2]);
    const Var<double> fused = conv2d_max_pool_relu(x, w, b, layer.conv), plain = in_three_operations(x, w, b, layer);
    const Var<double> dx = gradient(sum(fused), x), plain_dx = gradient(sum(plain), x);
    for (Index i = 0; i < fused.size(); ++i) {
      CHECK(std::isfinite(fused.data()[i]) == std::isfinite(plain.data()[i]));
      CHECK(std::isnan(fused.data()[i]) == std::isnan(plain.data()[i]));
    }
    for (Index i = 0; i < dx.size(); ++i) CHECK(std::isfinite(dx.data()[i]) == std::isfinite(plain_dx.data()[i]));
    const Var<double> tangent = jvp(fused, w, tape.full(w.shape(), 1.0));
    for (Index n = 0; n < layer.N; ++n) {
      bool finite = true;
      for (Index c = 0; c < layer.O; ++c) {
        for (Index p = 0; p < 36; ++p) finite = finite && std::isfinite(tangent.value()(n, c, p / 6, p % 6));
      }
      CHECK(finite == (n != 1));
    }
  }
}

TEST_CASE("conv2d_max_pool_relu: the layout of x, and nothing moved where channels are innermost") {
  Tape<double> tape;
  const auto tensors = operands<double>(layers[1], random_tensor<double>);
  const Var<double> w = tape.leaf(tensors[1]), b = tape.leaf(tensors[2]);
  const auto expected = to_row_major(conv2d_max_pool_relu(tape.leaf(tensors[0]), w, b).value());
  for (const Layout layout : {Layout::row_major, Layout::samples_innermost, Layout::channels_innermost}) {
    const Var<double> x = tape.leaf(relayout(tensors[0], layout));
    const std::size_t before = tape.size();
    const Var<double> y = conv2d_max_pool_relu(x, w, b);
    CHECK(y.shape().layout() == layout);
    CHECK(to_row_major(y.value()) == expected);
    CHECK(tape.size() - before == (layout == Layout::channels_innermost ? 1 : 3));
  }
}

TEST_CASE("conv2d_max_pool_relu: the same bits on any number of threads") {
  const Layer layer{16, 3, 24, 24, 32, 5, {.padding = 2}};
  const auto tensors = operands<float>(layer, random_tensor<float>);
  const auto all = [&](int threads) {
    std::vector<Tensor<float>> results;
    WorkerTeam(threads).session([&] {
      Tape<float> tape;
      const Var<float> x = tape.leaf(tensors[0]), w = tape.leaf(tensors[1]), b = tape.leaf(tensors[2]);
      const Var<float> y = conv2d_max_pool_relu(x, w, b, layer.conv);
      for (const Var<float>& g : gradient(sum(y * y), {x, w, b})) results.push_back(g.value());
      results.push_back(y.value());
      results.push_back(jvp(y, w, tape.leaf(random_tensor<float>(w.shape(), 7))).value());
    });
    return results;
  };
  const auto one = all(1), three = all(3);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(equal(one[i], three[i]));
}

TEST_CASE("conv2d_max_pool_relu: images too large for 16-bit routes take the three operations") {
  Tape<float> tape;
  const Var<float> x = tape.leaf(random_tensor<float>(Shape::batch(1, 1, 260, 256), 1));
  const Var<float> w = tape.leaf(random_tensor<float>(Shape{2, 1, 3, 3}, 2)), b = tape.full({2}, 0.5F);
  const Var<float> y = conv2d_max_pool_relu(x, w, b);
  CHECK(equal(y.value(), relu(max_pool2d(conv2d(x, w, b))).value()));
}

TEST_CASE("conv2d_max_pool_relu: strides and padding of any size") {
  Tape<double> tape;
  const Var<double> x = tape.full({1, 1, 1, 1}, 3), w = tape.full({1, 1, 1, 1}, 2), b = tape.full({1}, 1);
  for (const Index huge : {Index{1} << 15, Index{1} << 16, Index{1} << 32, std::numeric_limits<Index>::max() / 4}) {
    CAPTURE(huge);
    const Var<double> y = conv2d_max_pool_relu(x, w, b, {.stride = huge, .padding = huge}, {.size = 3});
    CHECK(y.item() == 7);
    CHECK(gradient(y, x).item() == 2);
  }
}

TEST_CASE("conv2d_max_pool_relu: what does not fit is named") {
  Tape<double> tape;
  const Var<double> x = tape.full(Shape::batch(2, 3, 8, 8), 1), w = tape.full({4, 3, 3, 3}, 1), b = tape.full({4}, 1);
  CHECK_THROWS_WITH_AS(conv2d_max_pool_relu(x, w, tape.full({5}, 1)),
                       "conv2d: weight (4, 3, 3, 3) needs a bias (4), got (5)", ShapeError);
  CHECK_THROWS_AS(conv2d_max_pool_relu(x, tape.full({4, 2, 3, 3}, 1), b), ShapeError);
  CHECK_THROWS_AS(conv2d_max_pool_relu(x, w, b, {}, {.size = 7}), ShapeError);
  CHECK_THROWS_AS(conv2d_max_pool_relu(x, w, b, {.stride = 0}), ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
