#include <algorithm>
#include <memory>
#include <vector>

#include "check.hpp"
#include "hypertape/core/row_major.hpp"
#include "hypertape/kernels/routed_conv2d.hpp"
#include "hypertape/kernels/routed_conv2d_derivatives.hpp"
#include "kernel_cases.hpp"
#include "random_data.hpp"
#include "support/obvious_conv2d.hpp"

namespace hypertape::bench {
namespace {

using kernels::OutputMode;
using kernels::RoutedPair;

struct RoutedLayer {
  const char* name;
  kernels::Conv2dGeometry conv;  // for one sample
  Index size, stride, padding;   // of the pooling
};

const RoutedLayer layers[] = {
    {"lenet-conv1", {.C = 1, .H = 28, .W = 28, .O = 6, .K = 5, .padding = 2}, 2, 2, 0},
    {"lenet-conv1-of-4-channels", {.C = 4, .H = 28, .W = 28, .O = 6, .K = 5, .padding = 2}, 2, 2, 0},
    {"lenet-conv1-7x7", {.C = 1, .H = 28, .W = 28, .O = 6, .K = 7, .padding = 3}, 2, 2, 0},
    {"lenet-conv2", {.C = 6, .H = 14, .W = 14, .O = 16, .K = 5}, 2, 2, 0},
    {"alexcifarnet-conv1", {.C = 3, .H = 32, .W = 32, .O = 64, .K = 5, .padding = 2}, 3, 2, 1},
};

/// Operands, results and routes for N samples. Derivatives with respect to x and W are sums of two products, as in a
/// tangent.
struct Data {
  kernels::RoutedConv2dGeometry g;
  Tensor<float> x, dx, w, dw, b, dy, dy2, y, product, input_gradient, weight_gradient, scratch;
  std::vector<std::int32_t> count;
  std::vector<kernels::Route> entry;

  Data(const RoutedLayer& layer, Index N)
      : g{layer.conv, {N, layer.conv.O, layer.conv.OH(), layer.conv.OW(), layer.size, layer.stride, layer.padding}} {
    g.conv.N = N;
    Random random(1);
    for (Tensor<float>* part : {&x, &dx}) *part = noise<float>(g.input(), random);
    for (Tensor<float>* part : {&w, &dw}) *part = noise<float>(g.conv.weight(), random);
    for (Tensor<float>* part : {&dy, &dy2}) *part = noise<float>(g.output(), random);
    b = noise<float>({g.conv.O}, random);
    for (Tensor<float>* part : {&y, &product}) *part = unwritten(g.output());
    input_gradient = unwritten(g.input());
    weight_gradient = unwritten(g.conv.weight());
    scratch = unwritten(
        Shape{std::max({kernels::routed_conv2d_scratch<float>(g), kernels::routed_conv2d_product_scratch<float>(g, 2),
                        kernels::routed_conv2d_input_gradient_scratch<float>(g, 2),
                        kernels::routed_conv2d_weight_gradient_scratch<float>(g, 2)})});
    count.resize(static_cast<std::size_t>(N * g.conv.O));
    entry.resize(static_cast<std::size_t>(N * g.outputs()));
    run_forward();
  }

  kernels::Routes routes() { return {count.data(), entry.data()}; }
  void run_forward() {
    kernels::routed_conv2d(g, {0, g.conv.N}, x.data(), w.data(), b.data(), y.data(), routes(), scratch.data());
  }
  void run_product() {
    const RoutedPair<float> pairs[] = {{dx.data(), w.data()}, {x.data(), dw.data()}};
    kernels::routed_conv2d_product(g, {0, g.conv.N}, routes(), pairs, b.data(), OutputMode::write, product.data(),
                                   scratch.data());
  }
  void run_input_gradient() {
    const RoutedPair<float> pairs[] = {{dw.data(), dy.data()}, {w.data(), dy2.data()}};
    kernels::routed_conv2d_input_gradient(g, {0, g.conv.N}, routes(), pairs, OutputMode::write, input_gradient.data(),
                                          scratch.data());
  }
  void run_weight_gradient() {
    const RoutedPair<float> pairs[] = {{dx.data(), dy.data()}, {x.data(), dy2.data()}};
    kernels::routed_conv2d_weight_gradient(g, {0, g.conv.O}, routes(), pairs, OutputMode::write, weight_gradient.data(),
                                           scratch.data());
  }

  /// Calls visit(input offset, weight offset, output offset) for each product of all routes.
  template <class Visit>
  void for_each_product(const Visit& visit) const {
    const Index K = g.conv.K, columns = g.padded_columns();
    for (Index n = 0; n < g.conv.N; ++n) {
      for (Index o = 0; o < g.conv.O; ++o) {
        for (Index i = 0; i < count[static_cast<std::size_t>(n * g.conv.O + o)]; ++i) {
          const kernels::Route route = entry[static_cast<std::size_t>((n * g.conv.O + o) * g.windows() + i)];
          const Index out = n * g.outputs() + route.window * g.conv.O + o;
          for (Index tap = 0; tap < K * K; ++tap) {
            const Index row = route.patch / columns + tap / K - g.conv.padding;
            const Index column = route.patch % columns + tap % K - g.conv.padding;
            if (row < 0 || row >= g.conv.H || column < 0 || column >= g.conv.W) continue;
            for (Index c = 0; c < g.conv.C; ++c) {
              visit(n * g.inputs() + (row * g.conv.W + column) * g.conv.C + c, (o * g.conv.C + c) * K * K + tap, out);
            }
          }
        }
      }
    }
  }

  /// Compares outputs with each window's maximum of the obvious convolution, and recomputes every output from its route
  /// alone.
  double forward_error() const {
    const Tensor<double> images = relayout(cast<double>(x), Layout::samples_innermost);
    Tensor<double> convolved(g.conv.output()), exact(g.output()), routed(g.output());
    for (Index n = 0; n < g.conv.N; ++n) {
      for (Index o = 0; o < g.conv.O; ++o) {
        for (Index p = 0; p < g.pool.H * g.pool.W; ++p) convolved(n, o, p / g.pool.W, p % g.pool.W) = b[o];
      }
    }
    testing::for_each_product(g.conv,
                              [&](Index in, Index at, Index out) { convolved[out] += images[in] * double{w[at]}; });
    kernels::detail::for_each_window({1, 1, g.pool.H, g.pool.W, g.pool.K, g.pool.stride, g.pool.padding},
                                     [&](Index window, Index, Index y0, Index y1, Index x0, Index x1) {
                                       for (Index n = 0; n < g.conv.N; ++n) {
                                         for (Index o = 0; o < g.conv.O; ++o) {
                                           double& largest = exact(n, o, window / g.pool.OW(), window % g.pool.OW());
                                           for (Index row = y0; row < y1; ++row) {
                                             for (Index column = x0; column < x1; ++column)
                                               largest = std::max(largest, convolved(n, o, row, column));
                                           }
                                         }
                                       }
                                     });
    for (Index i = 0; i < exact.size(); ++i) routed[i] = y[i] > 0 ? double{b[i % g.conv.O]} : 0;
    for_each_product([&](Index in, Index at, Index out) { routed[out] += double{x[in]} * double{w[at]}; });
    return largest_error({relative_error(y, exact), relative_error(routed, exact)});
  }
  double product_error() const {
    Tensor<double> exact(g.output());
    for (Index i = 0; i < exact.size(); ++i) exact[i] = y[i] > 0 ? double{b[i % g.conv.O]} : 0;
    for_each_product([&](Index in, Index at, Index out) {
      exact[out] += double{dx[in]} * double{w[at]} + double{x[in]} * double{dw[at]};
    });
    return relative_error(product, exact);
  }
  double input_gradient_error() const {
    Tensor<double> exact(g.input());
    for_each_product([&](Index in, Index at, Index out) {
      exact[in] += double{dw[at]} * double{dy[out]} + double{w[at]} * double{dy2[out]};
    });
    return relative_error(input_gradient, exact);
  }
  double weight_gradient_error() const {
    Tensor<double> exact(g.conv.weight());
    for_each_product([&](Index in, Index at, Index out) {
      exact[at] += double{dx[in]} * double{dy[out]} + double{x[in]} * double{dy2[out]};
    });
    return relative_error(weight_gradient, exact);
  }
};

}  // namespace

std::vector<KernelCase> routed_conv2d_cases() {
  std::vector<KernelCase> cases;
  for (const RoutedLayer& layer : layers) {
    // Each product counts as a dense convolution, however much of it the routes need.
    const auto add = [&](const char* kernel, int products, void (Data::*run)(), double (Data::*error)() const,
                         auto bytes) {
      cases.push_back(
          {hypertape::detail::concat("routed_conv2d", kernel, '/', layer.name), [=](Index N) -> PreparedKernel {
             const auto data = std::make_shared<Data>(layer, N);
             return {.flop = 2.0 * products * static_cast<double>(data->g.conv.multiply_adds()),
                     .bytes = bytes(*data),
                     .run = [=] { ((*data).*run)(); },
                     .error = [=] { return ((*data).*error)(); }};
           }});
    };
    add("", 1, &Data::run_forward, &Data::forward_error, [](const Data& d) { return bytes_of(d.x, d.w, d.b, d.y); });
    add("_product", 2, &Data::run_product, &Data::product_error,
        [](const Data& d) { return bytes_of(d.x, d.dx, d.w, d.dw, d.b, d.product); });
    add("_input_gradient", 2, &Data::run_input_gradient, &Data::input_gradient_error,
        [](const Data& d) { return bytes_of(d.dy, d.dy2, d.w, d.dw, d.input_gradient); });
    add("_weight_gradient", 2, &Data::run_weight_gradient, &Data::weight_gradient_error,
        [](const Data& d) { return bytes_of(d.dy, d.dy2, d.x, d.dx, d.weight_gradient); });
  }
  return cases;
}

}  // namespace hypertape::bench
