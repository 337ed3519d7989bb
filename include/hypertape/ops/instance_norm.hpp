#pragma once

#include <cmath>

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
  template <Role role, class T>
  void contract(const T* first, const T* second, kernels::OutputMode mode, T* out, T* scratch) const {
    contract<role>(first, second, static_cast<const T*>(nullptr), mode, out, scratch);
  }
  /// The product accepts a bias, which may be null: out = bias + the product.
  template <Role role, class T>
  void contract(const T* first, const T* second, const T* bias, kernels::OutputMode mode, T* out, T*) const {
    if constexpr (role == Role::first) {
      kernels::instance_dot(operand[0], operand[1], pixels(), first, second, mode, out);
    } else {
      kernels::instance_scale(operand[0], operand[1], pixels(), first, second, bias, mode, out);
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
    form.template contract<Role::first, T>(x, x, kernels::OutputMode::write, call.output(), nullptr);
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
  return contract<Role::product>(form, {repeat_per_channel(gamma, instances) / deviation, centered, beta});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
