#pragma once

#include <array>

#include "hypertape/autodiff/combine.hpp"
#include "hypertape/autodiff/linear_map.hpp"
#include "hypertape/autodiff/sweep.hpp"
#include "hypertape/kernels/output_mode.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Two operands of a trilinear form, in ascending order of their roles.
template <class T>
struct OperandPair {
  const T* first;   ///< with the lower role
  const T* second;  ///< with the higher role
};

/// The operand of a trilinear form t(a, b, c) that an operation computes: a, b, or their product c.
enum class Role { first, second, product };

// Declared first, so that a Form may live in a user's own namespace.
template <Role role, class T, class Form>
Var<T> contract(const Form& form, std::span<const Var<T>> operands, T* memory = nullptr);
/// The same for operands given one by one.
template <Role role, class T, class Form>
Var<T> contract(const Form& form, std::initializer_list<Var<T>> operands);

namespace detail {

/// The family of bilinear operations: convolution, the linear layer, the elementwise product, scaling.
///
/// Each is one *trilinear form* t(a, b, c), linear in a, b and c. Leaving one of the three open gives three operations:
///
///     product:  c = f(a, b)     the product                          <c', f(a, b)>  = t(a, b, c')
///     second:   b = h(a, c)     its adjoint with respect to b        <b', h(a, c)>  = t(a, b', c)
///     first:    a = g(b, c)     its adjoint with respect to a        <a', g(b, c)>  = t(a', b, c)
///
/// The derivatives of each of the three are the other two, so the set is closed. A Form needs no derivatives, only
///
///     static constexpr const char* names[3];          // of the operations, by the role that they produce
///     Shape shape(Role role) const;
///     template <Role role> Index scratch() const;
///     template <Role role, class T>                    // arguments: the two other roles, in ascending order
///     void contract(const T* first, const T* second, kernels::OutputMode mode, T* out, T* scratch) const;
///
/// One node holds a *sum* of contractions, out = sum over j of contract(first_j, second_j), so that a product rule (a'
/// b + a b') is one operation that accumulates in place. If the Form has `bias()`, a linear map whose adjoint spreads a
/// bias over the output, a product may start from a bias, its last input. A Form that can add two pairs, or the bias,
/// in registers defines, instead of `contract`,
///
///     template <Role role, std::size_t Pairs, class T>   // Pairs is 1 or 2; bias may be null
///     void contract_sum(const std::array<OperandPair<T>, Pairs>& pairs, const T* bias, kernels::OutputMode mode,
///                       T* out, T* scratch) const;
///
/// It also defines `static constexpr bool cheap = true` if all three operations are cheap (Operation::is_cheap).
template <class T, class Form, Role role>
struct Contraction : Operation<T> {
  static constexpr Role first_role =
      role == Role::first ? Role::second : Role::first;  ///< role of each pair's first operand
  static constexpr Role second_role =
      role == Role::product ? Role::second : Role::product;  ///< role of each pair's second operand

  Form form;  ///< copied with the operation

  /// The operation of this form.
  explicit Contraction(const Form& form_) : form(form_) {}

  const char* name() const override { return Form::names[static_cast<std::size_t>(role)]; }
  bool is_cheap() const override {
    if constexpr (requires { Form::cheap; }) return Form::cheap;
    return false;
  }

  void evaluate(const Evaluation<T>& call) const override {
    T* scratch = call.scratch(form.template scratch<role>());
    auto mode = kernels::OutputMode::write;
    const T* bias = may_have_bias && has_bias(call) ? call.input(call.inputs() - 1) : nullptr;
    const auto pair = [&](int j) { return OperandPair<T>{call.input(j), call.input(j + 1)}; };
    if constexpr (sums) {
      int j = 0;
      const auto add = [&](const auto& pairs) {
        form.template contract_sum<role>(pairs, bias, mode, call.output(), scratch);
        bias = nullptr;
        mode = kernels::OutputMode::accumulate;
      };
      for (; j + 3 < call.inputs(); j += 4) add(std::array{pair(j), pair(j + 2)});
      if (j + 1 < call.inputs()) add(std::array{pair(j)});
    } else {
      if constexpr (may_have_bias) {
        if (bias != nullptr) {
          form.bias().apply_adjoint(bias, call.output());
          mode = kernels::OutputMode::accumulate;
        }
      }
      for (int j = 0; j + 1 < call.inputs(); j += 2) {
        form.template contract<role>(call.input(j), call.input(j + 1), mode, call.output(), scratch);
        mode = kernels::OutputMode::accumulate;
      }
    }
  }

  Var<T> tangent(const TangentSweep<T>& call) const override {
    auto* operands = call.tape().template allocate<Var<T>>(2 * call.inputs());
    std::size_t count = 0;
    const auto add_pair = [&](Var<T> first, Var<T> second) {
      operands[count++] = first;
      operands[count++] = second;
    };
    for (int j = 0; j + 1 < call.inputs(); j += 2) {
      if (call.tangent(j)) add_pair(call.tangent(j), call.input(j + 1));
      if (call.tangent(j + 1)) add_pair(call.input(j), call.tangent(j + 1));
    }
    if constexpr (may_have_bias) {
      const Var<T> bias = has_bias(call) ? call.tangent(call.inputs() - 1) : Var<T>();
      if (bias && count == 0) return apply_map<true>(form.bias(), bias);
      if (bias) operands[count++] = bias;
    }
    return contract<role, T>(form, std::span<const Var<T>>(operands, count), call.place());
  }

  void pullback(PullbackSweep<T>& call) const override {
    if constexpr (may_have_bias) {
      const int last = call.inputs() - 1;
      if (has_bias(call) && call.needs(last)) call.add(last, apply_map(form.bias(), call.adjoint()));
    }
    for (int j = 0; j + 1 < call.inputs(); j += 2) {
      if (call.needs(j)) call.add(j, other<first_role, second_role>(call, call.input(j + 1), call.place(j)));
      if (call.needs(j + 1)) call.add(j + 1, other<second_role, first_role>(call, call.input(j), call.place(j + 1)));
    }
  }

 private:
  static constexpr bool may_have_bias = role == Role::product && requires(const Form& f) { f.bias(); };

  /// Whether the Form sums pairs itself.
  static constexpr bool sums = requires(const Form& f, const std::array<OperandPair<T>, 1>& pairs, T* out) {
    f.template contract_sum<role>(pairs, out, kernels::OutputMode::write, out, out);
  };

  static bool has_bias(const auto& call) { return call.inputs() % 2 == 1; }

  /// Computes the operand of role `wanted` from this output's adjoint and the given operand.
  template <Role wanted, Role given_role>
  Var<T> other(const PullbackSweep<T>& call, Var<T> given, T* memory) const {
    const Var<T> first = role < given_role ? call.adjoint() : given,
                 second = role < given_role ? given : call.adjoint();
    const Var<T> operands[2] = {first, second};
    return contract<wanted, T>(form, std::span<const Var<T>>(operands), memory);
  }
};

}  // namespace detail

/// Records a sum of contractions of operand pairs, plus a bias after them if the number of operands is odd. The
/// operands' shapes must already be known to fit the form. `memory` is as in Tape::apply.
template <Role role, class T, class Form>
Var<T> contract(const Form& form, std::span<const Var<T>> operands, T* memory) {
  return operands.front().tape().apply(detail::Contraction<T, Form, role>(form), form.shape(role), operands, memory);
}
template <Role role, class T, class Form>
Var<T> contract(const Form& form, std::initializer_list<Var<T>> operands) {
  return contract<role, T>(form, std::span<const Var<T>>(operands.begin(), operands.size()));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
