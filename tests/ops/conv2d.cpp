#include "hypertape/ops/conv2d.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"
#include "support/obvious_conv2d.hpp"
#include "support/same_on_one_thread.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const std::vector<Conv2dOptions> conv_options = {{1, 0}, {1, 1}, {1, 3}, {2, 0}, {2, 1}, {3, 2}};

}  // namespace

TEST_CASE_TEMPLATE("conv2d: values for every stride and padding, with and without bias", T, float, double) {
  const Tensor<T> x = whole_numbers<T>(Shape::batch(3, 2, 7, 6), 1), w = whole_numbers<T>({4, 2, 3, 3}, 2),
                  b = whole_numbers<T>({4}, 3);
  for (const Conv2dOptions& options : conv_options) {
    const auto g = kernels::conv2d_geometry(x.shape(), w.shape(), options.stride, options.padding);
    Tensor<T> expected(g.output());
    for_each_product(g, [&](Index in, Index weight, Index out) { expected[out] += x[in] * w[weight]; });
    CHECK(equal(evaluate([&](auto v) { return conv2d(v[0], v[1], options); }, std::vector{x, w}), expected));
    for (Index i = 0; i < expected.size(); ++i) expected[i] += b[i / (3 * g.OH() * g.OW())];
    CHECK(equal(evaluate([&](auto v) { return conv2d(v[0], v[1], v[2], options); }, std::vector{x, w, b}), expected));
  }
}

TEST_CASE("conv2d: derivatives for every stride and padding, with and without bias") {
  const Tensor<double> x = random_tensor<double>(Shape::batch(2, 2, 5, 4), 1),
                       w = random_tensor<double>({2, 2, 3, 3}, 2), b = random_tensor<double>({2}, 3);
  for (const Conv2dOptions& options : conv_options) {
    CAPTURE(options.stride);
    CAPTURE(options.padding);
    check_operation([&](auto v) { return conv2d(v[0], v[1], options); }, {x, w});
    check_operation([&](auto v) { return conv2d(v[0], v[1], v[2], options); }, {x, w, b});
  }
}

TEST_CASE("conv2d: derivatives where one operand alone moves") {
  const Tensor<double> x = random_tensor<double>(Shape::batch(2, 1, 4, 4), 1),
                       w = random_tensor<double>({2, 1, 3, 3}, 2), b = random_tensor<double>({2}, 3);
  check_operation([&](auto v) { return conv2d(v[0], v[0].tape().leaf(w), v[0].tape().leaf(b)); }, {x});
  check_operation([&](auto v) { return conv2d(v[0].tape().leaf(x), v[0], v[0].tape().leaf(b)); }, {w});
  check_operation([&](auto v) { return conv2d(v[0].tape().leaf(x), v[0].tape().leaf(w), v[0]); }, {b});
}

TEST_CASE("conv2d: large enough for a team, the three passes have the bits of one thread") {
  const Tensor<float> x = random_tensor<float>(Shape::batch(16, 6, 14, 14), 1),
                      w = random_tensor<float>({16, 6, 5, 5}, 2);
  const auto passes = [&] {
    Tape<float> tape;
    const Var<float> a = tape.leaf(x), b = tape.leaf(w), y = conv2d(a, b);
    const auto g = gradient(dot(y, y), {a, b});
    return std::vector{y.value(), g[0].value(), g[1].value()};
  };
  same_on_one_thread(passes);
}

TEST_CASE("conv2d: shapes that do not fit") {
  Tape<double> tape;
  const Var<double> x = tape.full(Shape::batch(10, 3, 28, 28), 0), w = tape.full({6, 3, 5, 5}, 0);
  CHECK_THROWS_WITH_AS(
      conv2d(x, tape.full({6, 1, 5, 5}, 0)),
      "conv2d: input batch (10, 3, 28, 28) and weight (6, 1, 5, 5) do not fit: the input has 3 channels, "
      "the weight reads 1",
      ShapeError);
  CHECK_THROWS_WITH_AS(conv2d(x, w, tape.full({5}, 0)), "conv2d: weight (6, 3, 5, 5) needs a bias (6), got (5)",
                       ShapeError);
  CHECK_THROWS_AS(conv2d(x, w, {0, 0}), ShapeError);
}

TEST_CASE("conv2d: strides and padding of any size give the right value or an error") {
  constexpr Index largest = std::numeric_limits<Index>::max();
  Tape<double> tape;
  const Var<double> x = tape.full({1, 1, 1, 1}, 3), w = tape.full({1, 1, 1, 1}, 2);
  CHECK(conv2d(x, w, {.stride = largest}).item() == 6);
  for (const Index huge : {Index{1} << 32, largest / 4, (largest - 1) / 2}) {
    CAPTURE(huge);
    const Var<double> y = conv2d(x, w, {.stride = huge, .padding = huge});  // the pixel, and the padding around it
    CHECK(equal(y.value(), Tensor<double>({1, 1, 3, 3}, {0, 0, 0, 0, 6, 0, 0, 0, 0})));
    CHECK(gradient(sum(y), x).item() == 2);
    CHECK(gradient(sum(y), w).item() == 3);
    CHECK_THROWS_AS(conv2d(x, w, {.stride = 1, .padding = huge}), ShapeError);  // more elements than can be counted
  }
  CHECK_THROWS_WITH_AS(conv2d(x, w, {.stride = 1, .padding = largest / 2 + 1}),
                       doctest::Contains("the extents of the image padded by"), ShapeError);
  CHECK_THROWS_AS(conv2d(x, w, {.stride = 1, .padding = largest}), ShapeError);
  CHECK_THROWS_AS(conv2d(x, w, {.stride = -largest}), ShapeError);
}

TEST_CASE_TEMPLATE("conv2d: an infinity stays one in the weight gradient, wherever vectors overlap", T, float, double) {
  const T infinity = std::numeric_limits<T>::infinity();
  for (const Index N : {1, 3, 5, 7}) {
    for (const Index width : {5, 6, 9, 13}) {
      for (Index at = 0; at < N * width; ++at) {
        CAPTURE(N);
        CAPTURE(width);
        CAPTURE(at);
        Tape<T> tape;
        Tensor<T> image(Shape::batch(N, 1, 1, width), 1);
        image[at] = infinity;
        const Var<T> x = tape.leaf(image), w = tape.full({1, 1, 1, 1}, 1);
        CHECK(gradient(sum(conv2d(x, w)), w).item() == infinity);  // the sum of all pixels
        CHECK(vjp(conv2d(tape.full(image.shape(), 1), w), x, w).item() == infinity);
      }
    }
  }
}

TEST_CASE("conv2d: groups of channels are convolutions of their own") {
  const Tensor<double> x = random_tensor<double>(Shape::batch(2, 4, 5, 5), 1),
                       w = random_tensor<double>({6, 2, 3, 3}, 2), b = random_tensor<double>({6}, 3);
  const auto f = [](auto v) { return conv2d(v[0], v[1], v[2], {.stride = 2, .padding = 1, .groups = 2}); };
  const auto half = [](auto v, Index g) {
    return conv2d(narrow(v[0], 1, 2 * g, 2), narrow(v[1], 0, 3 * g, 3), narrow(v[2], 0, 3 * g, 3),
                  {.stride = 2, .padding = 1});
  };
  CHECK(relative_error(evaluate(f, std::vector{x, w, b}), evaluate(
                                                              [&](auto v) {
                                                                return concatenate({half(v, 0), half(v, 1)}, 1);
                                                              },
                                                              std::vector{x, w, b})) <= 1e-15);
  check_operation(f, {x, w, b});
  Tape<double> tape;
  CHECK_THROWS_AS(conv2d(tape.leaf(x), tape.leaf(w), {.groups = 3}), ShapeError);
}

TEST_CASE("conv2d_transpose: the adjoint of a convolution") {
  for (const Index more : {0, 1}) {
    const Conv2dOptions options{.stride = 2, .padding = 1};
    const Tensor<double> y = random_tensor<double>(Shape::batch(2, 3, 3, 3), 1),
                         w = random_tensor<double>({3, 2, 3, 3}, 2);
    const auto f = [=](auto v) { return conv2d_transpose(v[0], v[1], options, more); };
    const Tensor<double> image = evaluate(f, std::vector{y, w});
    CHECK(image.shape() == Shape::batch(2, 2, 5 + more, 5 + more));
    const Tensor<double> x = random_tensor<double>(image.shape(), 3);
    const Tensor<double> forward = evaluate([=](auto v) { return conv2d(v[0], v[1], options); }, std::vector{x, w});
    double left = 0, right = 0;
    for (Index i = 0; i < x.size(); ++i) left += x[i] * image[i];
    for (Index i = 0; i < y.size(); ++i) right += y[i] * forward[i];
    CHECK(std::abs(left - right) <= 1e-12 * std::abs(left));
    check_operation(f, {y, w});
  }
  Tape<double> tape;
  const Var<double> y = tape.full(Shape::batch(1, 3, 3, 3), 1), w = tape.full({2, 2, 3, 3}, 1);
  CHECK_THROWS_AS(conv2d_transpose(y, w), ShapeError);
  CHECK_THROWS_AS(conv2d_transpose(y, tape.full({3, 2, 3, 3}, 1), {.stride = 2}, 2), ShapeError);
}
