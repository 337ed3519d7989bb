#pragma once

#include <type_traits>

#include "hypertape/autodiff/combine.hpp"
#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/ops/broadcast.hpp"
#include "hypertape/ops/reduce.hpp"

/// Elementwise arithmetic. Operands of different shapes are broadcast as in NumPy: extents are compared from the last
/// axis on, and an extent that is 1 or missing takes the other's. If only one operand is tied to a layout, the result
/// has that layout; if both are, their layouts must agree.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The result of functions that take a Tensor in place of a Var: a compile-time error that says what to do.
template <class T>
Var<T> tensor_as_operand() {
  static_assert(
      sizeof(T) == 0,
      "an operation takes Vars: make one with tape.leaf(tensor), or inside a loss with theta.tape().leaf(tensor)");
  return {};
}

/// A number of any arithmetic type, converted to the precision of a Var.
template <class T>
struct AnyNumber {
  T value;

  /// Converts like static_cast.
  template <class N>
  requires std::is_arithmetic_v<N> AnyNumber(N number)  // NOLINT(google-explicit-constructor)
      : value(static_cast<T>(number)) {}
};

}  // namespace detail

/// A number that combines with a Var<T>: an int, a double and so on. T is not deduced from it.
template <class T>
using Number = std::type_identity_t<detail::AnyNumber<T>>;

namespace detail {

/// t(a, b, c) = sum over i of a_i b_i c_i: the elementwise product, symmetric in its three roles.
struct MultiplyForm {
  static constexpr const char* names[3] = {"multiply", "multiply", "multiply"};
  static constexpr bool cheap = true;
  const Shape* operand;  ///< in the tape's memory

  Shape shape(Role) const { return *operand; }
  template <Role role>
  Index scratch() const {
    return 0;
  }
  template <Role role, class T>
  void contract(const T* a, const T* b, kernels::OutputMode mode, T* out, T*) const {
    if (mode == kernels::OutputMode::accumulate) {
      for (Index i = 0; i < operand->size(); ++i) out[i] += a[i] * b[i];
    } else {
      kernels::map(operand->size(), a, b, out, [](T x, T y) { return x * y; });
    }
  }
};

/// t(s, x, y) = s <x, y>: scaling a tensor by a scalar (roles 1 and 2) and the inner product (role 0).
struct ScaleForm {
  static constexpr const char* names[3] = {"dot", "scale", "scale"};
  static constexpr bool cheap = true;
  const Shape *scalar, *tensor;  ///< in the tape's memory

  Shape shape(Role role) const { return role == Role::first ? *scalar : *tensor; }
  template <Role role>
  Index scratch() const {
    return 0;
  }
  template <Role role, class T>
  void contract(const T* a, const T* b, kernels::OutputMode mode, T* out, T*) const {
    const bool add = mode == kernels::OutputMode::accumulate;
    if constexpr (role == Role::first) {
      const T inner = kernels::dot(tensor->size(), a, b);
      out[0] = add ? out[0] + inner : inner;
    } else {
      for (Index i = 0; i < tensor->size(); ++i) out[i] = add ? out[i] + a[0] * b[i] : a[0] * b[i];
    }
  }
};

}  // namespace detail

/// s x for a scalar s and a tensor x of any shape. @throws ShapeError if s has more than one element.
template <class T>
Var<T> scale(Var<T> s, Var<T> x) {
  if (s.size() != 1)
    throw ShapeError("scale: the factor of ", x.shape(), " must be a scalar, its shape is ", s.shape());
  return contract<Role::product>(detail::ScaleForm{detail::stored_shape(s), detail::stored_shape(x)}, {s, x});
}

/// <a, b>, the sum of the products of corresponding elements. @throws ShapeError if the shapes differ.
template <class T>
Var<T> dot(Var<T> a, Var<T> b) {
  if (a.shape() != b.shape()) {
    throw ShapeError("dot: operands must have the same shape, got ", a.shape(), " and ", b.shape());
  }
  return contract<Role::first>(detail::ScaleForm{&detail::scalar_shape, detail::stored_shape(a)}, {a, b});
}

namespace detail {

/// The elementwise quotient of two tensors of the same shape.
template <class T>
struct Divide final : Operation<T> {
  const char* name() const override { return "divide"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.input(1), call.output(),
                 [](T a, T b) { return a / b; });
  }
  /// (a' - y b') / b
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> a = call.tangent(0), b = call.tangent(1), y = call.output();
    if (!b) return a / call.input(1);
    return (a ? a - y * b : -(y * b)) / call.input(1);
  }
  /// a_bar += y_bar / b,  b_bar -= y y_bar / b
  void pullback(PullbackSweep<T>& call) const override {
    const Var<T> share = call.adjoint() / call.input(1);
    if (call.needs(0)) call.add(0, share);
    if (call.needs(1)) call.add(1, -(call.output() * share));
  }
};

/// A x = x / divisor, elementwise; a product with 1 / divisor would round twice and might overflow.
template <class T>
struct QuotientMap {
  static constexpr const char *name = "divide", *adjoint_name = "divide";
  static constexpr bool cheap = true;
  Shape domain, codomain;
  T divisor;

  void apply(const T* in, T* out) const {
    kernels::map(domain.size(), in, out, [by = divisor](T x) { return x / by; });
  }
  void apply_adjoint(const T* in, T* out) const { apply(in, out); }
};

/// Whether a is a scalar that takes the shape of b, which has at least as many axes.
template <class T>
bool gives_way(Var<T> a, Var<T> b) {
  return a.size() == 1 && a.shape() != b.shape() && a.shape().rank() <= b.shape().rank();
}

/// Broadcasts the operands to a common shape. @throws what `broadcast_shape` throws.
template <class T>
void match(const char* name, Var<T>& a, Var<T>& b) {
  if (a.shape() == b.shape()) return;
  if (gives_way(a, b)) {
    a = fill(a, b.shape());
  } else if (gives_way(b, a)) {
    b = fill(b, a.shape());
  } else {
    const Shape shape = broadcast_shape(name, a.shape(), b.shape());
    a = broadcast_to(a, shape);
    b = broadcast_to(b, shape);
  }
}

}  // namespace detail

/// a + b, elementwise. @throws ShapeError if the shapes do not fit.
template <class T>
Var<T> operator+(Var<T> a, Var<T> b) {
  detail::match("add", a, b);
  return detail::combine(T(1), a, T(1), b);
}
/// a - b, elementwise. @throws ShapeError if the shapes do not fit.
template <class T>
Var<T> operator-(Var<T> a, Var<T> b) {
  detail::match("subtract", a, b);
  return detail::combine(T(1), a, T(-1), b);
}
/// a b, elementwise. @throws ShapeError if the shapes do not fit.
template <class T>
Var<T> operator*(Var<T> a, Var<T> b) {
  if (detail::gives_way(a, b)) return scale(a, b);
  if (detail::gives_way(b, a)) return scale(b, a);
  detail::match("multiply", a, b);
  return contract<Role::product>(detail::MultiplyForm{detail::stored_shape(a)}, {a, b});
}
/// a / b, elementwise. @throws ShapeError if the shapes do not fit.
template <class T>
Var<T> operator/(Var<T> a, Var<T> b) {
  detail::match("divide", a, b);
  return a.tape().apply(detail::Divide<T>(), a.shape(), {a, b});
}

/// -a, elementwise.
template <class T>
Var<T> operator-(Var<T> a) {
  return detail::combine(T(-1), a);
}
/// @{
/// The same with a number, which stands for a tensor filled with it.
template <class T>
Var<T> operator+(Var<T> a, Number<T> b) {
  return detail::combine(T(1), a, b.value);
}
template <class T>
Var<T> operator+(Number<T> a, Var<T> b) {
  return detail::combine(T(1), b, a.value);
}
template <class T>
Var<T> operator-(Var<T> a, Number<T> b) {
  return detail::combine(T(1), a, -b.value);
}
template <class T>
Var<T> operator-(Number<T> a, Var<T> b) {
  return detail::combine(T(-1), b, a.value);
}
template <class T>
Var<T> operator*(Var<T> a, Number<T> b) {
  return detail::combine(b.value, a);
}
template <class T>
Var<T> operator*(Number<T> a, Var<T> b) {
  return detail::combine(a.value, b);
}
template <class T>
Var<T> operator/(Var<T> a, Number<T> b) {
  return apply_map(detail::QuotientMap<T>{a.shape(), a.shape(), b.value}, a);
}
template <class T>
Var<T> operator/(Number<T> a, Var<T> b) {
  return b.tape().full(b.shape(), a.value) / b;
}
/// @}

/// @{
/// A Tensor is not an operand: this does not compile.
template <class T>
Var<T> operator+(Var<T>, const Tensor<T>&) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> operator+(const Tensor<T>&, Var<T>) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> operator-(Var<T>, const Tensor<T>&) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> operator-(const Tensor<T>&, Var<T>) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> operator*(Var<T>, const Tensor<T>&) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> operator*(const Tensor<T>&, Var<T>) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> operator/(Var<T>, const Tensor<T>&) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> operator/(const Tensor<T>&, Var<T>) {
  return detail::tensor_as_operand<T>();
}
/// @}

/// @{
/// Replaces a with the result, which is a new node; what was recorded from the old a stays.
template <class T, class B>
Var<T>& operator+=(Var<T>& a, const B& b) {
  return a = a + b;
}
template <class T, class B>
Var<T>& operator-=(Var<T>& a, const B& b) {
  return a = a - b;
}
template <class T, class B>
Var<T>& operator*=(Var<T>& a, const B& b) {
  return a = a * b;
}
template <class T, class B>
Var<T>& operator/=(Var<T>& a, const B& b) {
  return a = a / b;
}
/// @}

}  // namespace hypertape::inline HYPERTAPE_ABI
