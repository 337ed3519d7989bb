// error: apply_unary
// An elementwise function that lacks its derivative.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

Var<double> cube(Var<double> x) {
  const auto value = [](double v) { return v * v * v; };
#ifdef MISTAKE
  return apply_unary("cube", x, value);
#else
  return apply_unary("cube", x, value, [](Var<double> at, Var<double>, Var<double> v) { return 3 * square(at) * v; });
#endif
}
