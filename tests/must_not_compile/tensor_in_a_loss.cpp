// error: inside a loss with theta.tape().leaf(tensor)
// A loss that takes a tensor of its own for an operand.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

Var<double> loss(Var<double> theta, const Tensor<double>& x) {
#ifdef MISTAKE
  return sum(theta * x);
#else
  return sum(theta * theta.tape().leaf(x));
#endif
}
