// error: an operation derives from hypertape::Operation<T>
// An operation of another precision than the tape's.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

#ifdef MISTAKE
using Precision = float;
#else
using Precision = double;
#endif

Var<double> twice(Var<double> x) {
  static const Precision two = 2;
  return x.tape().apply(hypertape::detail::Combination<Precision>(&two, 0), x.shape(), {x});
}
