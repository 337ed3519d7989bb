#include "hypertape/kernels/conv2d_kernels.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

#include "support/check_kernel.hpp"
#include "support/obvious_conv2d.hpp"

// Tests conv2d.hpp, and by way of it the loops of conv2d_rows.hpp (stride 1) and conv2d_strided.hpp (the rest).

using namespace hypertape;
using namespace hypertape::testing;
using kernels::Conv2dGeometry;
using kernels::OutputMode;

namespace {

template <class T>
constexpr const T* none = nullptr;

/// A bias is where every sum starts, unless it starts from what is there.
template <class T>
void check_bias(const Conv2dGeometry& g) {
  const Tensor<T> input = whole_numbers<T>(g.input(), 1), weight = whole_numbers<T>(g.weight(), 2);
  const Tensor<T> bias = whole_numbers<T>(Shape{g.O}, 3);
  auto scratch = scratch_of<T>(kernels::conv2d_scratch(g));
  Tensor<T> expected(g.output()), got(g.output());
  kernels::conv2d(g, {0, g.O}, input.data(), weight.data(), none<T>, OutputMode::write, expected.data(),
                  scratch.data());
  const Index plane = expected.size() / g.O;
  for (Index i = 0; i < expected.size(); ++i) expected[i] += bias[i / plane];
  kernels::conv2d(g, {0, g.O}, input.data(), weight.data(), bias.data(), OutputMode::write, got.data(), scratch.data());
  CHECK(equal(got, expected));
}

template <class T>
void check_forward(const Conv2dGeometry& g, std::uint64_t seed) {
  check_pass<T>(
      g.input(), g.weight(), g.output(), g.O, seed,
      [&](const Tensor<T>& input, const Tensor<T>& weight, Range outputs, OutputMode mode, Tensor<T>& output) {
        auto scratch = scratch_of<T>(kernels::conv2d_scratch(g));
        kernels::conv2d(g, outputs, input.data(), weight.data(), none<T>, mode, output.data(), scratch.data());
      },
      [&](const Tensor<T>& input, const Tensor<T>& weight, Tensor<T>& output) {
        for_each_product(g, [&](Index i, Index w, Index o) { output[o] += input[i] * weight[w]; });
      });
}

template <class T>
void check_input_gradient(const Conv2dGeometry& g, std::uint64_t seed) {
  check_pass<T>(
      g.output(), g.weight(), g.input(), g.C, seed,
      [&](const Tensor<T>& doutput, const Tensor<T>& weight, Range inputs, OutputMode mode, Tensor<T>& dinput) {
        auto scratch = scratch_of<T>(kernels::conv2d_input_gradient_scratch(g));
        kernels::conv2d_input_gradient(g, inputs, doutput.data(), weight.data(), mode, dinput.data(), scratch.data());
      },
      [&](const Tensor<T>& doutput, const Tensor<T>& weight, Tensor<T>& dinput) {
        for_each_product(g, [&](Index i, Index w, Index o) { dinput[i] += doutput[o] * weight[w]; });
      });
}

template <class T>
void check_weight_gradient(const Conv2dGeometry& g, std::uint64_t seed) {
  check_pass<T>(
      g.output(), g.input(), g.weight(), g.O, seed,
      [&](const Tensor<T>& doutput, const Tensor<T>& input, Range outputs, OutputMode mode, Tensor<T>& dweight) {
        auto scratch = scratch_of<T>(kernels::conv2d_weight_gradient_scratch(g));
        kernels::conv2d_weight_gradient(g, outputs, doutput.data(), input.data(), mode, dweight.data(), scratch.data());
      },
      [&](const Tensor<T>& doutput, const Tensor<T>& input, Tensor<T>& dweight) {
        for_each_product(g, [&](Index i, Index w, Index o) { dweight[w] += doutput[o] * input[i]; });
      });
}

template <std::size_t Count>
Index any_of(Random& random, const std::array<Index, Count>& values) {
  return values[static_cast<std::size_t>(random.below(Count))];
}

/// An image at least as large as the kernel without its padding, up to 9 larger, and not square as a rule.
Conv2dGeometry random_geometry(Random& random) {
  Conv2dGeometry g;
  g.N = any_of<6>(random, {1, 2, 5, 8, 16, 17});
  g.C = 1 + random.below(7);
  g.O = 1 + random.below(7);
  g.K = any_of<5>(random, {1, 2, 3, 5, 7});
  g.stride = any_of<5>(random, {1, 1, 1, 2, 3});
  g.padding = random.below(g.K + 2);
  const Index smallest = std::max<Index>(1, g.K - 2 * g.padding);
  g.H = smallest + random.below(10);
  g.W = smallest + random.below(10);
  return g;
}

}  // namespace

TEST_CASE_TEMPLATE("conv2d: the three passes agree with the obvious loops on 150 random geometries", T, float, double) {
  Random random(1);
  for (std::uint64_t i = 0; i < 150; ++i) {
    const Conv2dGeometry g = random_geometry(random);
    CAPTURE(hypertape::detail::concat("input ", g.input(), ", weight ", g.weight(), ", stride ", g.stride, ", padding ",
                                      g.padding));
    check_forward<T>(g, i);
    check_bias<T>(g);
    check_input_gradient<T>(g, i);
    check_weight_gradient<T>(g, i);
  }
}

TEST_CASE_TEMPLATE("conv2d: LeNet's layers, for five samples", T, float, double) {
  for (const Conv2dGeometry& g :
       {Conv2dGeometry{5, 1, 28, 28, 6, 5, 1, 2}, Conv2dGeometry{5, 6, 14, 14, 16, 5, 1, 0}}) {
    check_forward<T>(g, 1);
    check_input_gradient<T>(g, 1);
    check_weight_gradient<T>(g, 1);
  }
}
