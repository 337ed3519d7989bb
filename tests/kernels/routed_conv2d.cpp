#include "hypertape/kernels/routed_conv2d.hpp"

#include <doctest/doctest.h>

#include "support/routed_layer.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE_TEMPLATE("routed_conv2d: values and routes, ties going to the first", T, float, double) {
  for_each_routed_layer<T>([](RoutedLayer<T> layer) {
    CAPTURE(layer.g.conv.O);
    CAPTURE(layer.g.conv.K);
    std::vector<std::int32_t> found(layer.count.size());
    std::size_t positive = 0;
    layer.for_each_output([&](Index n, Index o, Index window, T value, Index pixel) {
      CHECK(layer.y[layer.output_at(n, o, window)] == value);
      if (!(value > 0)) return;
      const auto channel = static_cast<std::size_t>(n * layer.g.conv.O + o);
      const auto at =
          channel * static_cast<std::size_t>(layer.g.windows()) + static_cast<std::size_t>(found[channel]++);
      CHECK(layer.entry[at].patch == pixel);
      CHECK(layer.entry[at].window == window);
      ++positive;
    });
    CHECK(layer.count == found);
    CHECK(positive > 0);
    CHECK(positive < layer.entry.size());
  });
}

TEST_CASE("routed_conv2d: a piece has the bits of the whole, and touches nothing else") {
  for_each_routed_layer<float>([](const RoutedLayer<float>& whole) {
    if (whole.g.conv.N < 2) return;
    RoutedLayer<float> pieces = whole;
    for (auto* layer : {&pieces}) {
      layer->y.fill(-1);
      std::fill(layer->count.begin(), layer->count.end(), -1);
      layer->run({1, 2});
      const Index each = layer->g.outputs();
      for (Index i = 0; i < each; ++i) CHECK(layer->y[i] == -1);
      CHECK(layer->count.front() == -1);
      layer->run({0, 1});
    }
    CHECK(equal(pieces.y, whole.y));
    CHECK(pieces.count == whole.count);
  });
}

TEST_CASE("routed_conv2d: a NaN wins its window, and has a route") {
  RoutedLayer<double> layer({.N = 1, .C = 1, .H = 8, .W = 8, .O = 2, .K = 3}, 2, 2, 0);
  layer.x[9 * 1 + 0] = std::numeric_limits<double>::quiet_NaN();  // row 1, column 1: in reach of window 0 alone
  layer.run({0, 1});
  for (Index o = 0; o < 2; ++o) {
    CHECK(std::isnan(layer.y[layer.output_at(0, o, 0)]));
    CHECK(!std::isnan(layer.y[layer.output_at(0, o, 1)]));
    CHECK(layer.entry[static_cast<std::size_t>(o * layer.g.windows())].window == 0);
  }
}

}  // namespace
}  // namespace hypertape::testing
