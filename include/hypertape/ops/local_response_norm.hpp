#pragma once

#include <cmath>

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/kernels/local_response_norm_kernels.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// t(a, b, c) = factor sum over channels c and j of a[j] b[j] c[c], where j runs from c - before to c + after.
struct ChannelWindowForm {
  static constexpr const char* names[3] = {"channel_window_adjoint", "channel_window_adjoint",
                                           "channel_window_product"};
  static constexpr bool cheap = true;
  Shape operand;
  Index before, after;
  double factor;

  Shape shape(Role) const { return operand; }
  template <Role role>
  Index scratch() const {
    return 0;
  }
  /// The first two roles are alike: the other of a and b times the adjoint window sum of c, with the window reversed.
  template <Role role, class T>
  void contract(const T* first, const T* second, kernels::OutputMode mode, T* out, T*) const {
    const Index C = operand[1], each = operand.size() / C;
    const auto f = static_cast<T>(factor);
    if constexpr (role == Role::product) {
      kernels::channel_window_sum<kernels::Weigh::terms>(C, each, before, after, f, first, second, mode, out);
    } else {
      kernels::channel_window_sum<kernels::Weigh::sums>(C, each, after, before, f, first, second, mode, out);
    }
  }
};

/// d[c] = factor sum over the window of c of x[j]^2.
template <class T>
struct WindowSquareSum final : Operation<T> {
  ChannelWindowForm form;  ///< describes the input

  /// The operation on inputs of the form's shape.
  explicit WindowSquareSum(const ChannelWindowForm& form_) : form(form_) {}

  const char* name() const override { return "window_square_sum"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    const T* x = call.input(0);
    form.template contract<Role::product, T>(x, x, kernels::OutputMode::write, call.output(), nullptr);
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return contract<Role::product>(doubled(), {call.input(0), call.tangent(0)});
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, contract<Role::first>(doubled(), {call.input(0), call.adjoint()}));
  }

 private:
  ChannelWindowForm doubled() const { return {form.operand, form.before, form.after, 2 * form.factor}; }
};

/// y = factor (k + d)^-exponent a_1 a_2 ..., elementwise, for inputs d > -k, a_1, a_2, ...; closed under
/// differentiation:
///
///     dy/da_i a_i' = the same with a_i' in place of a_i
///     dy/dd   d'   = -exponent factor (k + d)^-(exponent + 1) a_1 a_2 ... d'
template <class T>
struct PowerProduct final : Operation<T> {
  T factor;    ///< multiplies the product
  T k;         ///< added to d
  T exponent;  ///< of k + d, negated

  /// The operation with these constants.
  PowerProduct(T factor_, T k_, T exponent_) : factor(factor_), k(k_), exponent(exponent_) {}

  const char* name() const override { return "power_product"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::power_product(
        call.output_shape().size(), factor, k, exponent, call.input(0), call.inputs() - 1,
        [&](int i) { return call.input(i + 1); }, call.output());
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    Var<T> sum;
    for (int i = 0; i < call.inputs(); ++i) {
      if (!call.tangent(i)) continue;
      const Var<T> term = derivative(call, i, call.tangent(i));
      sum = sum ? sum + term : term;
    }
    return sum;
  }
  void pullback(PullbackSweep<T>& call) const override {
    for (int i = 0; i < call.inputs(); ++i) {
      if (call.needs(i)) call.add(i, derivative(call, i, call.adjoint()));
    }
  }

 private:
  /// (dy/d input_i) v, elementwise and therefore its own transpose.
  template <class Sweep>
  Var<T> derivative(const Sweep& call, int i, Var<T> v) const {
    const int count = call.inputs() + (i == 0 ? 1 : 0);
    auto* operands = call.tape().template allocate<Var<T>>(count);
    for (int j = 0; j < call.inputs(); ++j) operands[j] = call.input(j);
    operands[i == 0 ? call.inputs() : i] = v;
    return call.tape().apply(i == 0 ? PowerProduct(-exponent * factor, k, exponent + 1) : *this, v.shape(),
                             std::span<const Var<T>>(operands, static_cast<std::size_t>(count)));
  }
};

}  // namespace detail

/// Options of `local_response_norm`; the defaults are PyTorch's.
struct LocalResponseNormOptions {
  Index size = 5;       ///< channels in a window
  double alpha = 1e-4;  ///< factor of the window's mean square
  double beta = 0.75;   ///< exponent
  double k = 1;         ///< added to the mean square
};

/// Normalizes each value of x (N, C, ...) by the values of neighboring channels at its position (Krizhevsky et al.
/// 2012), as PyTorch defines it:
///
///     y[c] = x[c] / (k + alpha / size * sum over j of x[j]^2)^beta,   j = c - floor(size / 2) .. + size - 1
///
/// where channels that do not exist count as zeros. @throws ShapeError if x is not a batch; ArgumentError if size is
/// below 1, or unless alpha >= 0 and k > 0, so that the base of the power is positive, and alpha, beta and k are
/// finite.
template <class T>
Var<T> local_response_norm(Var<T> x, LocalResponseNormOptions options = {}) {
  const Index size = options.size;
  if (x.shape().rank() < 2) {
    throw ShapeError("local_response_norm: needs a batch (N, C, ...), got ", x.shape());
  }
  detail::require_batch("local_response_norm", "x", x.shape());
  if (size < 1) throw ArgumentError("local_response_norm: the size must be at least 1, got ", size);
  const auto alpha = static_cast<T>(options.alpha), beta = static_cast<T>(options.beta), k = static_cast<T>(options.k);
  if (!(alpha >= 0 && k > 0 && std::isfinite(alpha) && std::isfinite(k) && std::isfinite(beta))) {
    throw ArgumentError("local_response_norm: needs alpha >= 0, k > 0 and any beta, all finite in the ",
                        "precision of x, got alpha ", options.alpha, ", k ", options.k, ", beta ", options.beta);
  }
  const detail::ChannelWindowForm form{x.shape(), size / 2, (size - 1) / 2, options.alpha / static_cast<double>(size)};
  const Var<T> d = x.tape().apply(detail::WindowSquareSum<T>(form), x.shape(), {x});
  const detail::PowerProduct<T> quotient(T(1), k, beta);
  return x.tape().apply(quotient, x.shape(), {d, x});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
