#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/kernels/instance_norm_kernels.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// t(s, x, y) = sum over samples n, channels c and pixels p of s[n][c] x[n][c][p] y[n][c][p]: scaling each instance
/// (one channel of one sample) by its own factor, and inner products per instance.
struct InstanceForm {
  static constexpr const char* names[3] = {"instance_dot", "instance_scale", "instance_scale"};
  static constexpr bool cheap = true;
  Shape operand;

  Index pixels() const { return operand[2] * operand[3]; }
  Shape shape(Role role) const { return role == Role::first ? Shape::batch(operand[0], operand[1]) : operand; }
  ChannelSumMap bias() const { return {operand, Shape{operand[1]}}; }
  template <Role role>
  Index scratch() const {
    return 0;
  }
  template <Role role, std::size_t Pairs, class T>
  void contract_sum(const std::array<OperandPair<T>, Pairs>& pairs, const T* bias, kernels::OutputMode mode, T* out,
                    T*) const {
    if constexpr (role == Role::first) {
      for (const auto& [first, second] : pairs) {
        kernels::instance_dot(operand[0], operand[1], pixels(), first, second, mode, out);
        mode = kernels::OutputMode::accumulate;
      }
    } else {
      std::array<kernels::ScaledInstances<T>, Pairs> terms;
      for (std::size_t m = 0; m < Pairs; ++m) terms[m] = {pairs[m].first, pairs[m].second};
      kernels::instance_scale(operand[0], operand[1], pixels(), terms, bias, mode, out);
    }
  }
};

/// d (N, C) = the sum over pixels of x^2, for each instance.
template <class T>
struct InstanceSquareSum final : Operation<T> {
  InstanceForm form;  ///< describes the input

  /// The operation on inputs of the form's shape.
  explicit InstanceSquareSum(const InstanceForm& form_) : form(form_) {}

  const char* name() const override { return "instance_square_sum"; }
  void evaluate(const Evaluation<T>& call) const override {
    const T* x = call.input(0);
    kernels::instance_dot(form.operand[0], form.operand[1], form.pixels(), x, x, kernels::OutputMode::write,
                          call.output());
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return T(2) * contract<Role::first>(form, {call.input(0), call.tangent(0)});
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, contract<Role::second>(form, {T(2) * call.adjoint(), call.input(0)}));
  }
};

/// A x = x minus the mean of its instance. It is an orthogonal projection, so its own adjoint.
struct InstanceCenterMap {
  static constexpr const char *name = "instance_center", *adjoint_name = "instance_center";
  static constexpr bool cheap = true;
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    kernels::instance_center(domain[0], domain[1], domain[2] * domain[3], in, out);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    apply(in, out);
  }
};

/// y = gamma / d x + beta, for a centered x (N, C, P), its deviation d = sqrt(|x|^2 / P + epsilon), gamma and d (N, C),
/// and beta (C). The derivative through d goes to x directly, in one pass,
///
///     x_bar = gamma / d y_bar - gamma <y_bar, x> / (P d^3) x
///
/// so the pullback adds nothing to the adjoint of d. The tangent is that of a function of four inputs.
template <class T>
struct ScaleToUnitDeviation final : Operation<T> {
  enum Input { x, gamma, deviation, beta };
  InstanceForm form;  ///< describes x

  /// The operation on inputs of the form's shape.
  explicit ScaleToUnitDeviation(const InstanceForm& form_) : form(form_) {}

  const char* name() const override { return "instance_norm"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    const Index instances = form.shape(Role::first).size();
    T* factors = call.scratch(instances);
    kernels::map(instances, call.input(gamma), call.input(deviation), factors, [](T g, T d) { return g / d; });
    const std::array<kernels::ScaledInstances<T>, 1> terms{{{factors, call.input(x)}}};
    kernels::instance_scale(form.operand[0], form.operand[1], form.pixels(), terms, call.input(beta),
                            kernels::OutputMode::write, call.output());
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> g = call.input(gamma), d = call.input(deviation), factor = g / d;
    const Var<T> g_tangent = call.tangent(gamma), d_tangent = call.tangent(deviation);
    Var<T> factor_tangent;
    if (g_tangent) factor_tangent = g_tangent / d;
    if (d_tangent) {
      const Var<T> part = -(factor * d_tangent / d);
      factor_tangent = factor_tangent ? factor_tangent + part : part;
    }
    std::array<Var<T>, 5> operands;
    std::size_t count = 0;
    const auto add = [&](Var<T> operand) { operands[count++] = operand; };
    if (factor_tangent) add(factor_tangent), add(call.input(x));
    if (call.tangent(x)) add(factor), add(call.tangent(x));
    if (const Var<T> beta_tangent = call.tangent(beta)) {
      if (count == 0) return apply_map<true>(form.bias(), beta_tangent);
      add(beta_tangent);
    }
    return contract<Role::product, T>(form, std::span<const Var<T>>(operands.data(), count));
  }
  void pullback(PullbackSweep<T>& call) const override {
    const Var<T> y_bar = call.adjoint(), g = call.input(gamma), d = call.input(deviation);
    if (call.needs(beta)) call.add(beta, apply_map(form.bias(), y_bar));
    if (!call.needs(x) && !call.needs(gamma)) return;
    const Var<T> product = contract<Role::first>(form, {call.input(x), y_bar}), share = product / d;
    if (call.needs(gamma)) call.add(gamma, share);
    if (!call.needs(x)) return;
    const Var<T> factor = g / d, along_x = -(factor * share / d) / static_cast<T>(form.pixels());
    call.add(x, contract<Role::second>(form, {factor, y_bar, along_x, call.input(x)}));
  }
};

}  // namespace detail

/// Instance normalization (Ulyanov et al. 2016) of x (N, C, H, W) with gamma (C) and beta (C):
///
///     y = gamma (x - mean) / sqrt(var + epsilon) + beta
///
/// The mean and (biased) variance are taken over the H W values of each sample's channel. It equals PyTorch's
/// InstanceNorm2d, and GroupNorm with one group per channel. @throws ShapeError if these do not fit, ArgumentError
/// unless epsilon is positive and finite in x's precision.
template <class T>
Var<T> instance_norm(Var<T> x, Var<T> gamma, Var<T> beta, double epsilon = 1e-5) {
  if (x.shape().rank() != 4) throw ShapeError("instance_norm: needs a batch (N, C, H, W), got ", x.shape());
  detail::require_batch("instance_norm", "x", x.shape());
  const Shape channels{x.shape()[1]};
  if (gamma.shape() != channels || beta.shape() != channels) {
    throw ShapeError("instance_norm: ", x.shape(), " needs gamma and beta ", channels, ", got ", gamma.shape(), " and ",
                     beta.shape());
  }
  if (const auto rounded = static_cast<T>(epsilon); !(rounded > 0 && std::isfinite(rounded))) {
    throw ArgumentError("instance_norm: epsilon must be positive and finite in the precision of x, got ", epsilon);
  }
  const detail::InstanceForm form{x.shape()};
  const Shape instances = form.shape(Role::first);
  const Var<T> centered = apply_map(detail::InstanceCenterMap{x.shape(), x.shape()}, x);
  const Var<T> squares = x.tape().apply(detail::InstanceSquareSum<T>(form), instances, {centered});
  const Var<T> deviation = sqrt(squares / static_cast<T>(form.pixels()) + static_cast<T>(epsilon));
  return x.tape().apply(detail::ScaleToUnitDeviation<T>(form), x.shape(),
                        {centered, repeat_per_channel(gamma, instances), deviation, beta});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
