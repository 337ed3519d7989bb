#include "hypertape/kernels/routed_conv2d_derivatives.hpp"

#include <doctest/doctest.h>

#include "support/routed_layer.hpp"

namespace hypertape::testing {
namespace {

using kernels::OutputMode;

/// Calls run(pairs, range, mode, output) with one pair and with two, fresh and added up, whole and in pieces of which
/// the bits must be the same; `expected` are the sums of the first pair alone, and of both.
template <class T, class Run>
void check_sums(const Tensor<T> (&first)[2], const Tensor<T> (&second)[2], Index items, const Tensor<T> (&expected)[2],
                const Run& run) {
  const kernels::RoutedPair<T> one[1] = {{first[0].data(), second[0].data()}};
  const kernels::RoutedPair<T> two[2] = {one[0], {first[1].data(), second[1].data()}};
  const auto check = [&](const auto& pairs, const Tensor<T>& sum) {
    Tensor<T> out(sum.shape(), std::numeric_limits<T>::quiet_NaN());
    run(pairs, Range{0, items}, OutputMode::write, out);
    CHECK(equal(out, sum));
    Tensor<T> more = whole_numbers<T>(sum.shape(), 11), doubled = more;
    for (Index i = 0; i < sum.size(); ++i) doubled[i] += sum[i];
    run(pairs, Range{0, items}, OutputMode::accumulate, more);
    CHECK(equal(more, doubled));
    for (Index item = 0; item < items; ++item) run(pairs, Range{item, item + 1}, OutputMode::write, more);
    CHECK(equal(more, sum));
  };
  check(one, expected[0]);
  check(two, expected[1]);
}

TEST_CASE_TEMPLATE("routed_conv2d_derivatives: sums along the routes of one pair and of two", T, float, double) {
  for_each_routed_layer<T>([](RoutedLayer<T> layer) {
    const auto& g = layer.g;
    CAPTURE(g.conv.O);
    CAPTURE(g.conv.K);
    const auto routes = layer.routes();
    const auto twice = [](const Shape& shape, std::uint64_t seed) {
      return std::array{whole_numbers<T>(shape, seed), whole_numbers<T>(shape, seed + 1)};
    };
    const auto xs = twice(g.input(), 20), weights = twice(g.conv.weight(), 30), gradients = twice(g.output(), 40);
    const Tensor<T> x[2] = {xs[0], xs[1]}, w[2] = {weights[0], weights[1]}, dy[2] = {gradients[0], gradients[1]};

    Tensor<T> product[2] = {Tensor<T>(g.output()), Tensor<T>(g.output())}, biased = product[0];
    Tensor<T> dx[2] = {Tensor<T>(g.input()), Tensor<T>(g.input())};
    Tensor<T> dw[2] = {Tensor<T>(g.conv.weight()), Tensor<T>(g.conv.weight())}, dbias(Shape{g.conv.O}), spread = biased;
    layer.for_each_route([&](Index n, Index o, Index out, Index pixel) {
      for (std::size_t m = 0; m < 2; ++m) {
        const T value = layer.product(x[m], w[m], n, o, pixel);
        for (std::size_t sum = m; sum < 2; ++sum) {
          product[sum][out] += value;
          layer.for_each_product(n, o, pixel, [&](Index in, Index at) {
            dx[sum][in] += dy[m][out] * w[m][at];
            dw[sum][at] += dy[m][out] * x[m][in];
          });
        }
      }
      biased[out] = layer.bias[o] + product[1][out];
      spread[out] = layer.bias[o];
      dbias[o] += dy[0][out];
    });

    check_sums(x, w, g.conv.N, product, [&](const auto& pairs, Range range, OutputMode mode, Tensor<T>& out) {
      auto scratch = scratch_of<T>(kernels::routed_conv2d_product_scratch<T>(g, std::ssize(pairs)));
      kernels::routed_conv2d_product(g, range, routes, pairs, static_cast<const T*>(nullptr), mode, out.data(),
                                     scratch.data());
    });
    check_sums(w, dy, g.conv.N, dx, [&](const auto& pairs, Range range, OutputMode mode, Tensor<T>& out) {
      auto scratch = scratch_of<T>(kernels::routed_conv2d_input_gradient_scratch<T>(g, std::ssize(pairs)));
      kernels::routed_conv2d_input_gradient(g, range, routes, pairs, mode, out.data(), scratch.data());
    });
    check_sums(x, dy, g.conv.O, dw, [&](const auto& pairs, Range range, OutputMode mode, Tensor<T>& out) {
      auto scratch = scratch_of<T>(kernels::routed_conv2d_weight_gradient_scratch<T>(g, std::ssize(pairs)));
      kernels::routed_conv2d_weight_gradient(g, range, routes, pairs, mode, out.data(), scratch.data());
    });

    const kernels::RoutedPair<T> both[2] = {{x[0].data(), w[0].data()}, {x[1].data(), w[1].data()}};
    Tensor<T> out(g.output(), std::numeric_limits<T>::quiet_NaN());
    auto scratch = scratch_of<T>(kernels::routed_conv2d_product_scratch<T>(g, 2));
    kernels::routed_conv2d_product(g, {0, g.conv.N}, routes, both, layer.bias.data(), OutputMode::write, out.data(),
                                   scratch.data());
    CHECK(equal(out, biased));
    kernels::routed_bias(g, routes, layer.bias.data(), out.data());
    CHECK(equal(out, spread));
    Tensor<T> sum(Shape{g.conv.O}, std::numeric_limits<T>::quiet_NaN());
    kernels::routed_bias_gradient(g, routes, dy[0].data(), sum.data());
    CHECK(equal(sum, dbias));
  });
}

}  // namespace
}  // namespace hypertape::testing
