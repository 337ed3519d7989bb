#pragma once

#include <cmath>
#include <numbers>
#include <type_traits>

#include "hypertape/kernels/exp.hpp"
#include "hypertape/ops/select.hpp"

/// Elementary functions, elementwise.
namespace hypertape::inline HYPERTAPE_ABI {

/// e to the power x.
template <class T>
Var<T> exp(Var<T> x) {
  return apply_unary(
      "exp", x, [](Index count, const T* from, T* to) { kernels::exp(count, from, to); },
      [](Var<T>, Var<T> y, Var<T> v) { return y * v; });
}
/// exp(x) - 1, accurate where x is small.
template <class T>
Var<T> expm1(Var<T> x) {
  return apply_unary(
      "expm1", x, [](Index count, const T* from, T* to) { kernels::expm1(count, from, to); },
      [](Var<T> at, Var<T>, Var<T> v) { return exp(at) * v; });
}
/// The natural logarithm.
template <class T>
Var<T> log(Var<T> x) {
  return apply_unary(
      "log", x, [](T v) { return std::log(v); }, [](Var<T> at, Var<T>, Var<T> v) { return v / at; });
}
/// log(1 + x), accurate where x is small.
template <class T>
Var<T> log1p(Var<T> x) {
  return apply_unary(
      "log1p", x, [](T v) { return std::log1p(v); }, [](Var<T> at, Var<T>, Var<T> v) { return v / (T(1) + at); });
}
/// The square root. Its derivative at 0 is infinite, and the derivative of sqrt(sum(square(x))) at 0 is NaN: for a
/// Euclidean norm use `norm` of ops/norm.hpp.
template <class T>
Var<T> sqrt(Var<T> x) {
  return apply_unary(
      "sqrt", x, [](T v) { return std::sqrt(v); }, [](Var<T>, Var<T> y, Var<T> v) { return v / (T(2) * y); });
}
/// x squared.
template <class T>
Var<T> square(Var<T> x) {
  return apply_unary(
      "square", x, [](T v) { return v * v; }, [](Var<T> at, Var<T>, Var<T> v) { return T(2) * at * v; }, true);
}
/// The sine of an angle in radians.
template <class T>
Var<T> sin(Var<T> x) {
  return apply_unary(
      "sin", x, [](T v) { return std::sin(v); }, [](Var<T> at, Var<T>, Var<T> v) { return cos(at) * v; });
}
/// The cosine of an angle in radians.
template <class T>
Var<T> cos(Var<T> x) {
  return apply_unary(
      "cos", x, [](T v) { return std::cos(v); }, [](Var<T> at, Var<T>, Var<T> v) { return -(sin(at) * v); });
}
/// The tangent of an angle in radians.
template <class T>
Var<T> tan(Var<T> x) {
  return apply_unary(
      "tan", x, [](T v) { return std::tan(v); }, [](Var<T>, Var<T> y, Var<T> v) { return (T(1) + square(y)) * v; });
}
/// The angle in radians, in -pi/2 .. pi/2, whose tangent is x.
template <class T>
Var<T> atan(Var<T> x) {
  return apply_unary(
      "atan", x, [](T v) { return std::atan(v); }, [](Var<T> at, Var<T>, Var<T> v) { return v / (T(1) + square(at)); });
}
/// The angle in radians of the point (x, y), in -pi .. pi. The derivative at the origin is NaN.
template <class T>
Var<T> atan2(Var<T> y, Var<T> x) {
  return apply_binary(
      "atan2", y, x, [](T a, T b) { return std::atan2(a, b); },
      [](Var<T> a, Var<T> b, Var<T>, Var<T> v) { return b * v / (square(a) + square(b)); },
      [](Var<T> a, Var<T> b, Var<T>, Var<T> v) { return -(a * v / (square(a) + square(b))); });
}
/// The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
template <class T>
Var<T> erf(Var<T> x) {
  return apply_unary(
      "erf", x, [](T v) { return std::erf(v); },
      [](Var<T> at, Var<T>, Var<T> v) { return T(2 * std::numbers::inv_sqrtpi) * exp(-square(at)) * v; });
}
/// 1, 0 or -1 if x is positive, 0 or negative. The derivative is 0.
template <class T>
Var<T> sign(Var<T> x) {
  const auto value = [](T v) { return v > 0 ? T(1) : v < 0 ? T(-1) : v; };
  return apply_unary("sign", x, value, detail::zero_derivative, true);
}
/// The absolute value, with derivative 0 at 0.
template <class T>
Var<T> abs(Var<T> x) {
  return apply_unary(
      "abs", x, [](T v) { return std::abs(v); }, [](Var<T> at, Var<T>, Var<T> v) { return sign(at) * v; }, true);
}

/// x to a power. At x = 0, the derivative for power 0 is 0.
template <class T>
Var<T> pow(Var<T> x, Number<T> power) {
  const T exponent = power.value;
  return apply_unary(
      "pow", x, [exponent](T v) { return std::pow(v, exponent); },
      [exponent](Var<T> at, Var<T>, Var<T> v) {
        return exponent >= 0 && exponent <= 0 ? Var<T>() : exponent * pow(at, exponent - T(1)) * v;
      });
}
/// x to the power `exponent`. At x = 0 the derivatives are PyTorch's: with respect to x, 0 if the exponent is 0; with
/// respect to the exponent, 0 if it is not negative. Where x is negative, the derivative with respect to the exponent
/// is NaN. @throws ShapeError if the shapes do not fit.
template <class T>
Var<T> pow(Var<T> x, Var<T> exponent) {
  const auto by_base = [](Var<T> base, Var<T> power, Var<T>, Var<T> v) {
    const Var<T> zero = v.tape().full(v.shape(), T(0));
    return where(is_equal(power, zero), zero, power * pow(base, power - T(1)) * v);
  };
  const auto by_exponent = [](Var<T> base, Var<T> power, Var<T> y, Var<T> v) {
    const Var<T> zero = v.tape().full(v.shape(), T(0)), one = v.tape().full(v.shape(), T(1));
    const Var<T> at_zero = is_equal(base, zero) * (T(1) - is_less(power, zero));
    return where(at_zero, zero, y * log(where(at_zero, one, base)) * v);
  };
  return apply_binary(
      "pow", x, exponent, [](T base, T power) { return std::pow(base, power); }, by_base, by_exponent);
}
/// A number to the power `exponent`.
template <class T>
Var<T> pow(Number<T> x, Var<T> exponent) {
  return pow(exponent.tape().full(exponent.shape(), x.value), exponent);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
