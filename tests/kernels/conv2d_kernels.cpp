#include "hypertape/kernels/conv2d_kernels.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <limits>

#include "support/check_kernel.hpp"
#include "support/obvious_conv2d.hpp"

// Tests conv2d_kernels.hpp, and by way of it conv2d_panel.hpp, conv2d_correlate.hpp and conv2d_weight_gradient.hpp.

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

template <class T>
void check_all(const Conv2dGeometry& g, std::uint64_t seed) {
  CAPTURE(hypertape::detail::concat("input ", g.input(), ", weight ", g.weight(), ", stride ", g.stride, ", padding ",
                                    g.padding));
  check_forward<T>(g, seed);
  check_bias<T>(g);
  check_input_gradient<T>(g, seed);
  check_weight_gradient<T>(g, seed);
}

/// An image at least as large as the kernel without its padding, up to 9 larger, and not square as a rule.
Conv2dGeometry random_geometry(Random& random) {
  Conv2dGeometry g;
  g.N = any_of<8>(random, {1, 2, 3, 5, 8, 13, 16, 17});
  g.C = any_of<8>(random, {1, 2, 3, 4, 5, 6, 7, 16});
  g.O = any_of<8>(random, {1, 2, 3, 4, 6, 7, 16, 18});
  g.K = any_of<6>(random, {1, 2, 3, 5, 7, 11});
  g.stride = any_of<6>(random, {1, 1, 1, 2, 3, 5});
  g.padding = random.below(g.K + 2);
  const Index smallest = std::max<Index>(1, g.K - 2 * g.padding);
  g.H = smallest + random.below(10);
  g.W = smallest + random.below(10);
  return g;
}

/// Checks that run(tensor) is the same, outside of what belongs to one sample or channel, if that is not finite.
template <class T, class Run, class Same>
void check_unspoiled(const Tensor<T>& clean, const Run& run, const Same& belongs) {
  const Tensor<T> expected = run(clean);
  for (const T value : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    Tensor<T> spoiled = clean;
    for (Index i = 0; i < spoiled.size(); ++i) {
      if (belongs(clean.shape(), i)) spoiled[i] = value;
    }
    const Tensor<T> got = run(spoiled);
    Index wrong = 0;
    for (Index i = 0; i < got.size(); ++i) wrong += !belongs(got.shape(), i) && !(got[i] == expected[i]);
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("conv2d: the three passes agree with the obvious loops on 200 random geometries", T, float, double) {
  Random random(1);
  for (std::uint64_t i = 0; i < 200; ++i) check_all<T>(random_geometry(random), i);
}

TEST_CASE_TEMPLATE("conv2d: every kernel by every stride, with no padding, half and more than the kernel", T, float,
                   double) {
  std::uint64_t seed = 0;
  for (const Index kernel : {1, 2, 3, 5, 7, 11}) {
    for (const Index stride : {1, 2, 3, 4}) {
      for (const Index padding : {Index{0}, kernel / 2, kernel + 1}) {
        const Index samples = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 5 : 16;
        check_all<T>({samples, 3, kernel + 3, kernel + 4, 5, kernel, stride, padding}, ++seed);
      }
    }
  }
}

TEST_CASE_TEMPLATE("conv2d: layers of networks, whole and cut down", T, float, double) {
  check_all<T>({5, 1, 28, 28, 6, 5, 1, 2}, 1);      // LeNet
  check_all<T>({5, 6, 14, 14, 16, 5, 1, 0}, 2);     // LeNet
  check_all<T>({16, 3, 12, 12, 64, 5, 1, 2}, 3);    // AlexCifarNet
  check_all<T>({16, 3, 10, 12, 64, 3, 1, 1}, 4);    // ConvNet
  check_all<T>({2, 3, 35, 31, 20, 11, 4, 2}, 5);    // AlexNet
  check_all<T>({16, 40, 8, 8, 24, 3, 1, 1}, 6);     // a vector is a column
  check_all<T>({32, 20, 5, 6, 16, 3, 1, 1}, 7);     // half a column
  check_all<T>({1, 40, 8, 8, 33, 3, 1, 1}, 8);      // a run of several rows
  check_all<T>({3, 20, 8, 7, 70, 1, 1, 0}, 9);      // as many output channels as two blocks of vectors
  check_all<T>({16, 150, 6, 6, 20, 3, 1, 1}, 10);   // more than one panel of channels
  check_all<T>({16, 5, 13, 13, 16, 13, 1, 6}, 11);  // more taps than a list has
  check_all<T>({5, 1, 3, 2, 2, 5, 1, 3}, 12);       // a kernel larger than the image
  check_all<T>({3, 4, 9, 9, 12, 2, 5, 0}, 13);      // positions that no kernel reaches
  check_all<T>({1, 1, 40, 300, 1, 3, 1, 1}, 14);    // one channel
  check_all<T>({16, 128, 4, 4, 96, 3, 2, 1}, 15);   // a stride over many channels
}

TEST_CASE_TEMPLATE("conv2d: what is not finite stays in its sample, and in its output channel", T, float, double) {
  for (const Conv2dGeometry& g : {Conv2dGeometry{5, 3, 7, 9, 5, 3, 1, 1}, Conv2dGeometry{3, 2, 5, 5, 20, 3, 2, 2},
                                  Conv2dGeometry{1, 8, 5, 6, 17, 5, 1, 2}, Conv2dGeometry{17, 4, 6, 5, 20, 5, 1, 0}}) {
    const Index spoiled_sample = g.N - 1, spoiled_channel = g.O / 2;
    const auto of_sample = [&](const Shape& shape, Index i) {
      return shape[0] == g.N && i % g.N == spoiled_sample && g.N > 1;
    };
    const Tensor<T> input = random_tensor<T>(g.input(), 1), weight = random_tensor<T>(g.weight(), 2);
    const Tensor<T> doutput = random_tensor<T>(g.output(), 3);
    check_unspoiled<T>(
        input,
        [&](const Tensor<T>& x) {
          Tensor<T> y(g.output());
          auto scratch = scratch_of<T>(kernels::conv2d_scratch(g));
          kernels::conv2d(g, {0, g.O}, x.data(), weight.data(), none<T>, OutputMode::write, y.data(), scratch.data());
          return y;
        },
        of_sample);
    check_unspoiled<T>(
        doutput,
        [&](const Tensor<T>& dy) {
          Tensor<T> dx(g.input());
          auto scratch = scratch_of<T>(kernels::conv2d_input_gradient_scratch(g));
          kernels::conv2d_input_gradient(g, {0, g.C}, dy.data(), weight.data(), OutputMode::write, dx.data(),
                                         scratch.data());
          return dx;
        },
        of_sample);
    check_unspoiled<T>(
        doutput,
        [&](const Tensor<T>& dy) {
          Tensor<T> dw(g.weight());
          auto scratch = scratch_of<T>(kernels::conv2d_weight_gradient_scratch(g));
          kernels::conv2d_weight_gradient(g, {0, g.O}, dy.data(), input.data(), OutputMode::write, dw.data(),
                                          scratch.data());
          return dw;
        },
        [&](const Shape& shape, Index i) { return i / (shape.size() / g.O) == spoiled_channel; });
  }
}
