#pragma once

#include <cmath>

#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/unary.hpp"

/// Elementary functions, elementwise.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

struct Exp {
  static constexpr const char* name = "exp";
  template <class T>
  static T value(T x) {
    return std::exp(x);
  }
  template <class T>
  static Var<T> derivative(Var<T>, Var<T> y) {
    return y;
  }
};

struct Log {
  static constexpr const char* name = "log";
  template <class T>
  static T value(T x) {
    return std::log(x);
  }
  template <class T>
  static Var<T> inverse_derivative(Var<T> x, Var<T>) {
    return x;
  }
};

struct Sqrt {
  static constexpr const char* name = "sqrt";
  template <class T>
  static T value(T x) {
    return std::sqrt(x);
  }
  template <class T>
  static Var<T> inverse_derivative(Var<T>, Var<T> y) {
    return T(2) * y;
  }
};

struct Square {
  static constexpr const char* name = "square";
  template <class T>
  static T value(T x) {
    return x * x;
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T>) {
    return T(2) * x;
  }
};

struct Sin {
  static constexpr const char* name = "sin";
  template <class T>
  static T value(T x) {
    return std::sin(x);
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T>) {
    return cos(x);
  }
};

struct Cos {
  static constexpr const char* name = "cos";
  template <class T>
  static T value(T x) {
    return std::cos(x);
  }
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T>) {
    return -sin(x);
  }
};

}  // namespace detail

/// The exponential function, elementwise.
template <class T>
Var<T> exp(Var<T> x) {
  return apply_unary<detail::Exp>(x);
}
/// The natural logarithm, elementwise.
template <class T>
Var<T> log(Var<T> x) {
  return apply_unary<detail::Log>(x);
}
/// The square root, elementwise. Its derivative at 0 is infinite, and that of sqrt(sum(square(x))) there is NaN: use
/// `norm` of ops/norm.hpp for a Euclidean norm.
template <class T>
Var<T> sqrt(Var<T> x) {
  return apply_unary<detail::Sqrt>(x);
}
/// x squared, elementwise.
template <class T>
Var<T> square(Var<T> x) {
  return apply_unary<detail::Square>(x);
}
/// The sine of an angle in radians, elementwise.
template <class T>
Var<T> sin(Var<T> x) {
  return apply_unary<detail::Sin>(x);
}
/// The cosine of an angle in radians, elementwise.
template <class T>
Var<T> cos(Var<T> x) {
  return apply_unary<detail::Cos>(x);
}
/// The absolute value, elementwise, with the derivative 0 at 0.
template <class T>
Var<T> abs(Var<T> x) {
  return relu(x) + relu(-x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
