#pragma once

#include <cstdint>

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/routed_conv2d.hpp"
#include "hypertape/kernels/routed_conv2d_derivatives.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/conv2d.hpp"
#include "hypertape/ops/pool2d.hpp"
#include "hypertape/ops/relayout.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// (N, O, PH, PW) -> (O): the sum over each channel's routes. A^T puts a bias on every route.
struct RouteSumMap {
  static constexpr const char *name = "sum_over_routes", *adjoint_name = "repeat_on_routes";
  Shape domain, codomain;
  kernels::RoutedConv2dGeometry geometry;
  kernels::Routes routes;

  template <class T>
  void apply(const T* in, T* out) const {
    kernels::routed_bias_gradient(geometry, routes, in, out);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    kernels::routed_bias(geometry, routes, in, out);
  }
};

/// t(x, w, y) = sum over samples, channels o and routes u of  y[o][u] <w[o], patch(x, p_u)>.
template <class T>
struct RoutedConv2dForm {
  static constexpr const char* names[3] = {"routed_conv2d_input_gradient", "routed_conv2d_weight_gradient",
                                           "routed_conv2d_product"};
  kernels::RoutedConv2dGeometry geometry;
  kernels::Routes routes;

  Shape shape(Role role) const {
    return role == Role::first ? geometry.input() : role == Role::second ? geometry.conv.weight() : geometry.output();
  }
  RouteSumMap bias() const { return {geometry.output(), Shape{geometry.conv.O}, geometry, routes}; }

  /// Threads share the weight gradient by channels, everything else by samples.
  template <Role role>
  Index items() const {
    return role == Role::second ? geometry.conv.O : geometry.conv.N;
  }
  template <Role role>
  Index parts() const {
    return parallel_parts(items<role>(), geometry.conv.multiply_adds() / 4);
  }
  /// Enough for two pairs of operands.
  template <Role role>
  Index scratch_of_part() const {
    if constexpr (role == Role::first) return kernels::routed_conv2d_input_gradient_scratch<T>(geometry, 2);
    if constexpr (role == Role::second) return kernels::routed_conv2d_weight_gradient_scratch<T>(geometry, 2);
    return kernels::routed_conv2d_product_scratch<T>(geometry, 2);
  }
  template <Role role>
  Index scratch() const {
    return parts<role>() * scratch_of_part<role>();
  }
  template <Role role, std::size_t Pairs>
  void contract_sum(const std::array<OperandPair<T>, Pairs>& pairs, const T* bias, kernels::OutputMode mode, T* out,
                    T* scratch) const {
    kernels::RoutedPair<T> operands[Pairs];
    for (std::size_t m = 0; m < Pairs; ++m) operands[m] = {pairs[m].first, pairs[m].second};
    parallel_ranges(parts<role>(), items<role>(), [&](Index part, Range range) {
      T* own = scratch + part * scratch_of_part<role>();
      if constexpr (role == Role::first)
        kernels::routed_conv2d_input_gradient(geometry, range, routes, operands, mode, out, own);
      if constexpr (role == Role::second)
        kernels::routed_conv2d_weight_gradient(geometry, range, routes, operands, mode, out, own);
      if constexpr (role == Role::product)
        kernels::routed_conv2d_product(geometry, range, routes, operands, bias, mode, out, own);
    });
  }
};

/// y = relu(max_pool2d(conv2d(x, w) + b)). Evaluating it finds the routes; with these fixed, it is the product of the
/// form and has that product's derivatives.
template <class T>
struct Conv2dMaxPoolRelu final : Contraction<T, RoutedConv2dForm<T>, Role::product> {
  using Contraction<T, RoutedConv2dForm<T>, Role::product>::Contraction;

  const char* name() const override { return "conv2d_max_pool_relu"; }
  void evaluate(const Evaluation<T>& call) const override {
    const kernels::RoutedConv2dGeometry& g = this->form.geometry;
    const Index parts = parallel_parts(g.conv.N, g.conv.multiply_adds());
    const Index each = kernels::routed_conv2d_scratch<T>(g);
    T* const scratch = call.scratch(parts * each);
    parallel_ranges(parts, g.conv.N, [&](Index part, Range samples) {
      kernels::routed_conv2d(g, samples, call.input(0), call.input(1), call.input(2), call.output(), this->form.routes,
                             scratch + part * each);
    });
  }
};

}  // namespace detail

/// y (N, O, PH, PW) = relu(max_pool2d(conv2d(x, weight, bias))) in one pass, for x (N, C, H, W), weight (O, C, K, K)
/// and bias (O). Its derivatives follow the routes through pool and relu, and cost a fraction of those of the three
/// operations (kernels/routed_conv2d_geometry.hpp). x may have any layout, and y has the same. With channels innermost
/// nothing needs to be moved, so relayout once before the first of several such layers. Ties go to the first in
/// row-major order, and relu'(0) = 0, as in PyTorch. Images with more than 65,536 pixels, padding included, use the
/// three separate operations. @throws what `conv2d` and `max_pool2d` throw.
template <class T>
Var<T> conv2d_max_pool_relu(Var<T> x, Var<T> weight, Var<T> bias, Conv2dOptions conv = {}, Pool2dOptions pool = {}) {
  const Layout layout = x.shape().layout();
  const Shape batch = x.shape().with_layout(Layout::samples_innermost);
  const auto c = kernels::conv2d_geometry(batch, weight.shape(), conv.stride, conv.padding);
  detail::require_conv2d_bias(c, bias.shape());
  const Index stride = pool.stride == 0 ? pool.size : pool.stride;
  const kernels::RoutedConv2dGeometry g{
      c, kernels::pool2d_geometry("max_pool2d", c.output(), pool.size, stride, pool.padding)};
  if (!g.has_routes()) {
    x = relayout(x, Layout::samples_innermost);
    return relayout(relu(max_pool2d(conv2d(x, weight, bias, conv), pool)), layout);
  }
  Tape<T>& tape = x.tape();
  x = relayout(x, Layout::channels_innermost);
  const kernels::Routes routes{tape.template allocate<std::int32_t>(c.N * c.O),
                               tape.template allocate<kernels::Route>(c.N * g.outputs())};
  return relayout(tape.apply(detail::Conv2dMaxPoolRelu<T>({g, routes}), g.output(), {x, weight, bias}), layout);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
