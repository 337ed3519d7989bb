// error: derivative
// An elementwise function that lacks its derivative.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

struct Cube {
  static constexpr const char* name = "cube";
  template <class T>
  static T value(T x) {
    return x * x * x;
  }
#ifndef MISTAKE
  template <class T>
  static Var<T> derivative(Var<T> x, Var<T>) {
    return T(3) * square(x);
  }
#endif
};

Var<double> cube(Var<double> x) { return apply_unary<Cube>(x); }
