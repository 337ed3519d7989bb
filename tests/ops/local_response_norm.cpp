#include "hypertape/ops/local_response_norm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// The definition, composed of elementwise functions, one channel of x (N, C) at a time.
Var<double> reference(Var<double> x, const LocalResponseNormOptions& options) {
  const Index N = x.shape()[0], C = x.shape()[1];
  Var<double> total;
  for (Index c = 0; c < C; ++c) {
    Var<double> d = x.tape().full({N}, options.k);
    for (Index j = c - options.size / 2; j < c - options.size / 2 + options.size; ++j) {
      if (j < 0 || j >= C) continue;
      d = d + options.alpha / static_cast<double>(options.size) * square(x.slice(j * N, {N}));
    }
    const Var<double> y = x.slice(c * N, {N}) * exp(-options.beta * log(d));
    // y belongs at channel c of the output: the adjoint of reading it there.
    const Var<double> placed = vjp(x.slice(c * N, {N}), y, x);
    total = total ? total + placed : placed;
  }
  return total;
}

const std::vector<LocalResponseNormOptions> norm_options = {
    {4, 0.001 / 9, 0.75, 1}, {1, 0.5, 0.75, 2}, {4, 2, 0.75, 1}, {5, 1, 0.6, 1.5}, {9, 3, 1, 1}, {2, 1, -0.5, 2}};

}  // namespace

// PyTorch's values, in double precision:
// python3 -c 'import torch; x = ((torch.arange(12.).double() * 7 % 11 - 5) / 2).view(2, 3, 1, 2); [print(
//   torch.nn.functional.local_response_norm(x, n, 0.5, b, 2).flatten().tolist())
//   for n, b in ((1, .75), (4, .75), (5, .75), (9, .6))]'
TEST_CASE_TEMPLATE("local_response_norm: PyTorch's values for odd and even sizes, and one past the channels", T, float,
                   double) {
  struct Golden {
    Index size;
    double beta;
    std::vector<double> y;
  };
  const std::vector<Golden> golden = {
      {1,
       0.75,
       {-0.7339552923011131, 0.5029733718731741, -0.5029733718731741, 0.7339552923011131, 0.2840866356195786,
        -0.6381955076333986, 0.7071067811865475, 0.0, -0.7071067811865475, 0.6381955076333986, -0.2840866356195786,
        -0.7339552923011131}},
      {4,
       0.75,
       {-1.1231565159511248, 0.44926260638044985, -0.44567327637376775, 1.04797847756227, 0.22283663818688387,
        -0.6287870865373619, 0.8773826753016617, 0.0, -0.8705900087436638, 0.6479390965872466, -0.21764750218591594,
        -1.0798984943120777}},
      {5,
       0.75,
       {-1.1706861713188157, 0.44425619030418373, -0.46827446852752624, 1.1106404757604593, 0.23413723426376312,
        -0.6663842854562756, 0.9178382584942313, 0.0, -0.9178382584942313, 0.6838449026368781, -0.22945956462355782,
        -1.139741504394797}},
      {9,
       0.6,
       {-1.4723462601952244, 0.5732666338970289, -0.5889385040780898, 1.4331665847425723, 0.2944692520390449,
        -0.8598999508455434, 1.1658576686512414, 0.0, -1.1658576686512414, 0.8714425381166983, -0.29146441716281035,
        -1.452404230194497}}};
  std::vector<T> image;
  for (int i = 0; i < 12; ++i) image.push_back(static_cast<T>(i * 7 % 11 - 5) / 2);
  const Tensor<T> x = from_row_major(Shape::batch(2, 3, 1, 2), std::span<const T>(image));
  for (const Golden& entry : golden) {
    CAPTURE(entry.size);
    Tape<T> tape;
    const auto y = local_response_norm(tape.leaf(x), {entry.size, 0.5, entry.beta, 2}).value();
    const Tensor<double> expected = from_row_major(Shape::batch(2, 3, 1, 2), std::span<const double>(entry.y));
    check_values(y, [&](Index i) { return expected[i]; });
  }
}

TEST_CASE("local_response_norm: derivatives for every window and exponent") {
  for (const LocalResponseNormOptions& options : norm_options) {
    CAPTURE(options.size);
    const auto f = [&](auto v) { return local_response_norm(v[0], options); };
    check_operation(f, {random_tensor<double>(Shape::batch(3, 6))});
    check_operation(f, {random_tensor<double>(Shape::batch(2, 3, 2, 2))});
    check_operation(f, {random_tensor<double>({1, 1})});
  }
}

TEST_CASE("local_response_norm: values, gradient and third derivatives are those of the definition") {
  for (const LocalResponseNormOptions& options : norm_options) {
    CAPTURE(options.size);
    Tape<double> tape;
    const auto x = tape.leaf(random_tensor<double>(Shape::batch(3, 6))),
               u = tape.leaf(random_tensor<double>(Shape::batch(3, 6), 2));
    const auto v = tape.leaf(random_tensor<double>(Shape::batch(3, 6), 3)),
               w = tape.leaf(random_tensor<double>(Shape::batch(3, 6), 4));
    const auto all = [&](Var<double> y) {
      const Var<double> first = vjp(y, u, x), second = jvp(first, x, v);
      return std::vector{y.value(), first.value(), second.value(), jvp(second, x, w).value(),
                         gradient(dot(second, w), x).value()};
    };
    const auto got = all(local_response_norm(x, options)), expected = all(reference(x, options));
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      CHECK(relative_error(got[i], expected[i]) <= rounding_tolerance);
    }
  }
}

TEST_CASE("local_response_norm: errors name the operation") {
  Tape<double> tape;
  CHECK_THROWS_WITH_AS(local_response_norm(tape.full({3}, 1)),
                       "local_response_norm: needs a batch (N, C, ...), got (3)", ShapeError);
  CHECK_THROWS_WITH_AS(local_response_norm(tape.full(Shape::batch(3, 2), 1), {.size = 0}),
                       "local_response_norm: the size must be at least 1, got 0", ArgumentError);
}

TEST_CASE("local_response_norm: constants that leave no positive base are an error") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  Tape<double> tape;
  const auto x = tape.full(Shape::batch(2, 3), 1);
  CHECK_THROWS_WITH_AS(local_response_norm(x, {.k = 0}),
                       "local_response_norm: needs alpha >= 0, k > 0 and any beta, all finite in the precision of "
                       "x, got alpha 0.0001, k 0, beta 0.75",
                       ArgumentError);
  for (const double k : {-1.0, nan, infinity}) CHECK_THROWS_AS(local_response_norm(x, {.k = k}), ArgumentError);
  for (const double alpha : {-1e-4, nan, infinity}) {
    CHECK_THROWS_AS(local_response_norm(x, {.alpha = alpha}), ArgumentError);
  }
  for (const double beta : {nan, infinity}) CHECK_THROWS_AS(local_response_norm(x, {.beta = beta}), ArgumentError);
  const auto nine = local_response_norm(x, {.alpha = 0, .beta = -2, .k = 3}).value();
  CHECK(relative_error(nine, Tensor<double>(Shape::batch(2, 3), 9)) <= 1e-15);
  Tape<float> single;
  CHECK_THROWS_AS(local_response_norm(single.full(Shape::batch(2, 3), 1), {.k = 1e-50}), ArgumentError);
}

TEST_CASE("local_response_norm: a window of any size is that of all channels") {
  Tape<double> tape;
  const auto x = tape.leaf(random_tensor<double>(Shape::batch(2, 3)));
  for (const Index size : {Index{1} << 32, std::numeric_limits<Index>::max()}) {
    const auto wide = static_cast<double>(size);
    const auto got = local_response_norm(x, {.size = size, .alpha = wide}).value();
    CHECK(relative_error(got, local_response_norm(x, {.size = 6, .alpha = 6}).value()) <= 1e-15);
  }
}
