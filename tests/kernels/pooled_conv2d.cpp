#include "hypertape/kernels/pooled_conv2d.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/check_kernel.hpp"

using namespace hypertape;
using namespace hypertape::testing;
using kernels::OutputMode;
using kernels::OutputOrder;
using kernels::PooledConv2d;

namespace {

std::size_t to_size(Index i) { return static_cast<std::size_t>(i); }

/// Weights, an image and the forward pass by the obvious loops. Whole numbers: every sum here is exact, whatever its
/// order, and many windows have ties.
template <class T, class Layer>
struct Example {
  static constexpr int C = Layer::C, H = Layer::H, O = Layer::O, K = Layer::K;
  Tensor<T> weight = whole_numbers<T>(Shape{O, C, K, K}, 1), bias = whole_numbers<T>(Shape{O}, 2);
  std::vector<T> image, planes, packed;
  typename Layer::Routes routes;
  std::vector<T> out;

  explicit Example(std::uint64_t seed)
      : image(to_size(Layer::image)), packed(to_size(Layer::packed)), out(to_size(Layer::outputs)) {
    const Tensor<T> values = whole_numbers<T>(Shape{H, H, C}, seed);
    std::copy_n(values.data(), values.size(), image.data());
    planes.resize(to_size(H * H * C + kernels::native_lanes<T>));
    for (int c = 0; c < C; ++c) {
      for (int at = 0; at < H * H; ++at) planes[to_size(c * H * H + at)] = values[at * C + c];
    }
    Layer::pack(weight.data(), packed.data());
    std::vector<T> taps(to_size(Layer::taps));
    if constexpr (O == 6) {
      Layer::pack_for_columns(weight.data(), taps.data());
      Layer::forward_over_columns(planes.data(), taps.data(), bias.data(), out.data(), routes);
    } else {
      Layer::pack_for_channels(weight.data(), taps.data());
      Layer::forward_over_channels(image.data(), taps.data(), bias.data(), out.data(), routes);
    }
  }

  /// <w[o], patch of an image that starts at `at`>, for weights (O, C, K, K).
  static T product(const T* w, const T* values, int o, int at) {
    T sum = 0;
    for (int c = 0; c < C; ++c) {
      for (int ky = 0; ky < K; ++ky) {
        for (int kx = 0; kx < K; ++kx)
          sum += *(w + ((o * C + c) * K + ky) * K + kx) * values[at + (ky * H + kx) * C + c];
      }
    }
    return sum;
  }

  /// visit(channel, patch, target, value) for each output, by the obvious loops.
  template <class Visit>
  void for_each_output(const Visit& visit) const {
    for (int o = 0; o < O; ++o) {
      for (int window = 0; window < Layer::windows; ++window) {
        int best = 0;
        T most = -std::numeric_limits<T>::infinity();
        for (int position = 0; position < 4; ++position) {
          const int y = 2 * (window / Layer::pooled) + position / 2, x = 2 * (window % Layer::pooled) + position % 2;
          const int at = (y * H + x) * C;
          const T value = bias[o] + product(weight.data(), image.data(), o, at);
          if (value > most) {
            most = value;
            best = at;
          }
        }
        visit(o, best, Layer::target(o, window), std::max(most, T(0)));
      }
    }
  }
};

template <class T, class Layer>
void check_forward() {
  const Example<T, Layer> example(3);
  std::vector<int> entries(to_size(Layer::O));
  int positive = 0;
  example.for_each_output([&](int o, int patch, int target, T value) {
    CHECK(example.out[to_size(target)] == value);
    if (!(value > 0)) return;
    const int entry = o * Layer::windows + entries[to_size(o)]++;
    CHECK(example.routes.patch[entry] == patch);
    CHECK(example.routes.target[entry] == target);
    ++positive;
  });
  for (int o = 0; o < Layer::O; ++o) CHECK(example.routes.count[o] == entries[to_size(o)]);
  CHECK(positive > 0);
  CHECK(positive < Layer::outputs);
}

template <class T, class Layer>
void check_derivatives() {
  using E = Example<T, Layer>;
  const E example(3);
  const Tensor<T> image2 = whole_numbers<T>(Shape{Layer::image}, 4);
  const Tensor<T> g = whole_numbers<T>(Shape{Layer::outputs}, 5), g2 = whole_numbers<T>(Shape{Layer::outputs}, 6);
  const Tensor<T> weight2 = whole_numbers<T>(example.weight.shape(), 7), bias2 = whole_numbers<T>(Shape{Layer::O}, 8);
  std::vector<T> packed2(to_size(Layer::packed));
  Layer::pack(weight2.data(), packed2.data());

  Tensor<T> dweight(example.weight.shape()), dimage(Shape{Layer::H * Layer::H * Layer::C}), dbias(Shape{Layer::O});
  Tensor<T> tangent(Shape{Layer::outputs}), tangent1 = tangent;
  Tensor<T> dweight1 = dweight, dimage1 = dimage;
  example.for_each_output([&](int o, int patch, int target, T value) {
    if (!(value > 0)) return;
    dbias[o] += g[target];
    tangent1[target] = bias2[o] + E::product(weight2.data(), example.image.data(), o, patch);
    tangent[target] = tangent1[target] + E::product(example.weight.data(), image2.data(), o, patch);
    for (int c = 0; c < Layer::C; ++c) {
      for (int ky = 0; ky < Layer::K; ++ky) {
        for (int kx = 0; kx < Layer::K; ++kx) {
          const int at = patch + (ky * Layer::H + kx) * Layer::C + c;
          const Index w = ((o * Layer::C + c) * Layer::K + ky) * Layer::K + kx;
          dweight1[w] += g[target] * example.image[to_size(at)];
          dweight[w] += g[target] * example.image[to_size(at)] + g2[target] * image2[at];
          dimage1[at] += g[target] * example.weight[w];
          dimage[at] += g[target] * example.weight[w] + g2[target] * weight2[w];
        }
      }
    }
  });

  const T *image = example.image.data(), *packed = example.packed.data();
  Tensor<T> got_bias(Shape{Layer::O});
  Layer::add_bias_gradient(example.routes, g.data(), got_bias.data());
  CHECK(equal(got_bias, dbias));

  std::vector<T> sums(to_size(Layer::packed));
  Tensor<T> got_weight(example.weight.shape());
  Layer::template add_weight_gradient<1>(example.routes, {{g.data(), image}}, sums.data());
  Layer::unpack(sums.data(), OutputMode::write, got_weight.data());
  CHECK(equal(got_weight, dweight1));
  std::fill(sums.begin(), sums.end(), T(0));
  Layer::template add_weight_gradient<2>(example.routes, {{g.data(), image}, {g2.data(), image2.data()}}, sums.data());
  Layer::unpack(sums.data(), OutputMode::write, got_weight.data());
  CHECK(equal(got_weight, dweight));
  Layer::unpack(sums.data(), OutputMode::accumulate, got_weight.data());
  for (T& value : dweight.values()) value *= 2;
  CHECK(equal(got_weight, dweight));

  std::vector<T> copies = scratch_of<T>(Layer::image_copies * Layer::image);
  Tensor<T> got_image(dimage.shape());
  Layer::template input_gradient<1>(example.routes, {{g.data(), packed}}, got_image.data(), copies.data());
  CHECK(equal(got_image, dimage1));
  Layer::template input_gradient<2>(example.routes, {{g.data(), packed}, {g2.data(), packed2.data()}}, got_image.data(),
                                    copies.data());
  CHECK(equal(got_image, dimage));

  Tensor<T> got_tangent(Shape{Layer::outputs});
  Layer::template tangent<1>(example.routes, {{packed2.data(), image}}, bias2.data(), got_tangent.data());
  CHECK(equal(got_tangent, tangent1));
  Layer::template tangent<2>(example.routes, {{packed2.data(), image}, {packed, image2.data()}}, bias2.data(),
                             got_tangent.data());
  CHECK(equal(got_tangent, tangent));
}

template <class T, int Channels>
using First = PooledConv2d<T, Channels, 32, 6, OutputOrder::row_column_channel>;
template <class T>
using Second = PooledConv2d<T, 6, 14, 16, OutputOrder::channel_row_column>;

}  // namespace

TEST_CASE_TEMPLATE("pooled_conv2d: values and routes, ties going to the first", T, float, double) {
  check_forward<T, First<T, 1>>();
  check_forward<T, First<T, 3>>();
  check_forward<T, Second<T>>();
}

TEST_CASE_TEMPLATE("pooled_conv2d: derivatives along the routes", T, float, double) {
  check_derivatives<T, First<T, 1>>();
  check_derivatives<T, First<T, 3>>();
  check_derivatives<T, Second<T>>();
}

TEST_CASE_TEMPLATE("pooled_conv2d: a NaN wins its window", T, float, double) {
  // A NaN pixel reaches the windows whose patches hold it, and nothing else.
  using Layer = Second<T>;
  Example<T, Layer> example(3);
  example.image[to_size((2 * Layer::H + 3) * Layer::C)] = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> taps(to_size(Layer::taps)), out(to_size(Layer::outputs));
  Layer::pack_for_channels(example.weight.data(), taps.data());
  Layer::forward_over_channels(example.image.data(), taps.data(), example.bias.data(), out.data(), example.routes);
  for (int window = 0; window < Layer::windows; ++window) {
    const bool reached = window / Layer::pooled <= 1 && window % Layer::pooled <= 1;
    CHECK(std::isnan(out[to_size(Layer::target(0, window))]) == reached);
  }
}
