#include "hypertape/ops/instance_norm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/core/row_major.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

constexpr auto normalized = [](auto v) { return instance_norm(v[0], v[1], v[2]); };

std::vector<Tensor<double>> inputs(const Shape& x) {
  return {random_tensor<double>(x, 1), random_tensor<double>({x[1]}, 2), random_tensor<double>({x[1]}, 3)};
}

/// The definition, composed of elementwise functions, one instance of x (N, C, 1, pixels) at a time.
Var<double> reference(Var<double> x, Var<double> gamma, Var<double> beta) {
  const Index N = x.shape()[0], C = x.shape()[1], pixels = x.shape()[3];
  Var<double> total;
  for (Index c = 0; c < C; ++c) {
    for (Index n = 0; n < N; ++n) {
      for (Index p = 0; p < pixels; ++p) {
        const auto pixel = [&](Index at) { return x.slice(n + N * (at + pixels * c), {1}); };
        Var<double> mean = pixel(0);
        for (Index i = 1; i < pixels; ++i) mean = mean + pixel(i);
        mean = mean / static_cast<double>(pixels);
        Var<double> variance = x.tape().full({1}, 1e-5);
        for (Index i = 0; i < pixels; ++i) {
          variance = variance + square(pixel(i) - mean) / static_cast<double>(pixels);
        }
        const Var<double> y = gamma.slice(c, {1}) * (pixel(p) - mean) / sqrt(variance) + beta.slice(c, {1});
        // y belongs at its pixel of the output: the adjoint of reading it there.
        const Var<double> placed = vjp(pixel(p), y, x);
        total = total ? total + placed : placed;
      }
    }
  }
  return total;
}

}  // namespace

// PyTorch's values, in double precision:
// python3 -c 'import torch; x = ((torch.arange(16.).double() * 7 % 11 - 5) / 2).view(2, 2, 2, 2); print(
//   torch.nn.functional.instance_norm(x, weight=torch.tensor([1.5, -.5]).double(),
//   bias=torch.tensor([.25, 2.]).double()).flatten().tolist())'
TEST_CASE_TEMPLATE("instance_norm: PyTorch's values", T, float, double) {
  const std::vector<double> y = {-1.719593776216641,  1.0378375104866564, -0.5378375104866564, 2.219593776216641,
                                 1.9000003199984639,  2.699997760010752,  1.3000022399892481,  2.099999680001536,
                                 -0.8343438553753053, 2.539170361347867,  0.6114479517917686,  -1.31627445776433,
                                 1.9000003199984639,  2.699997760010752,  1.300002239989248,   2.099999680001536};
  std::vector<T> image;
  for (int i = 0; i < 16; ++i) image.push_back(static_cast<T>(i * 7 % 11 - 5) / 2);
  Tape<T> tape;
  const auto x = tape.leaf(from_row_major(Shape::batch(2, 2, 2, 2), std::span<const T>(image)));
  const auto gamma = tape.leaf(Tensor<T>(Shape{2}, {T(1.5), T(-0.5)}));
  const auto beta = tape.leaf(Tensor<T>(Shape{2}, {T(0.25), T(2)}));
  const Tensor<double> expected = from_row_major(Shape::batch(2, 2, 2, 2), std::span<const double>(y));
  check_values(instance_norm(x, gamma, beta).value(), [&](Index i) { return expected[i]; });
}

TEST_CASE("instance_norm: derivatives") {
  for (const Shape& x :
       {Shape::batch(3, 2, 2, 3), Shape{1, 3, 3, 1}, Shape::batch(17, 1, 1, 4), Shape::batch(2, 2, 4, 4)}) {
    check_operation(normalized, inputs(x));
  }
}

TEST_CASE("instance_norm: values, gradients and third derivatives are those of the definition") {
  Tape<double> tape;
  const Shape shape = Shape::batch(2, 2, 1, 4);
  const auto tensors = inputs(shape);
  const auto x = tape.leaf(tensors[0]), gamma = tape.leaf(tensors[1]), beta = tape.leaf(tensors[2]);
  const auto u = tape.leaf(random_tensor<double>(shape, 4)), v = tape.leaf(random_tensor<double>(shape, 5));
  const auto w = tape.leaf(random_tensor<double>(shape, 6));
  const auto all = [&](Var<double> y) {
    const Var<double> first = vjp(y, u, x), second = jvp(first, x, v);
    return std::vector{y.value(),
                       first.value(),
                       vjp(y, u, gamma).value(),
                       vjp(y, u, beta).value(),
                       second.value(),
                       jvp(second, x, w).value(),
                       gradient(dot(second, w), gamma).value()};
  };
  const auto got = all(instance_norm(x, gamma, beta)), expected = all(reference(x, gamma, beta));
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(relative_error(got[i], expected[i]) <= rounding_tolerance);
  }
}

TEST_CASE("instance_norm: mean beta and deviation gamma, whatever the scale") {
  Tape<float> tape;
  Tensor<float> images = random_tensor<float>(Shape::batch(20, 3, 8, 8));
  for (float& value : images.values()) value = 100 * value + 1000;
  const auto gamma = tape.leaf(Tensor<float>(Shape{3}, {1, 2, 3})),
             beta = tape.leaf(Tensor<float>(Shape{3}, {4, 5, 6}));
  const auto y = instance_norm(tape.leaf(images), gamma, beta).value();
  for (Index n = 0; n < 20; ++n) {
    for (Index c = 0; c < 3; ++c) {
      double sum = 0, squares = 0;
      for (Index p = 0; p < 64; ++p) {
        const auto value = static_cast<double>(y(n, c, p / 8, p % 8));
        sum += value / 64;
        squares += value * value / 64;
      }
      CHECK(std::abs(sum - static_cast<double>(4 + c)) <= 1e-4);
      CHECK(std::abs(std::sqrt(squares - sum * sum) - static_cast<double>(1 + c)) <= 1e-3);
    }
  }
}

TEST_CASE("instance_norm: a constant instance is all beta, and its gradient is finite") {
  Tape<double> tape;
  const auto x = tape.full(Shape::batch(2, 1, 2, 2), 3), gamma = tape.full({1}, 2), beta = tape.full({1}, 0.5);
  const auto y = instance_norm(x, gamma, beta);
  CHECK(equal(y.value(), Tensor<double>(Shape::batch(2, 1, 2, 2), 0.5)));
  CHECK(vjp(y, tape.leaf(random_tensor<double>(Shape::batch(2, 1, 2, 2))), x).value().all_finite());
}

TEST_CASE("instance_norm: errors name the operation") {
  Tape<double> tape;
  const auto x = tape.full(Shape::batch(2, 3, 4, 4), 1), three = tape.full({3}, 1), two = tape.full({2}, 1);
  CHECK_THROWS_WITH_AS(instance_norm(three, three, three), "instance_norm: needs a batch (N, C, H, W), got (3)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(instance_norm(x, three, two),
                       "instance_norm: batch (2, 3, 4, 4) needs gamma and beta (3), got (3) and (2)", ShapeError);
  CHECK_THROWS_AS(instance_norm(x, two, three), ShapeError);
  CHECK_THROWS_WITH_AS(instance_norm(x, three, three, 0),
                       "instance_norm: epsilon must be positive and finite in the precision of x, got 0",
                       ArgumentError);
  for (const double epsilon :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(instance_norm(x, three, three, epsilon), ArgumentError);
  }
  Tape<float> single;  // in which 1e-50 is 0
  CHECK_THROWS_AS(
      instance_norm(single.full(Shape::batch(2, 3, 4, 4), 1), single.full({3}, 1), single.full({3}, 1), 1e-50),
      ArgumentError);
}
