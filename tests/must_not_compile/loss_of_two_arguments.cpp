// error: an inner loss takes Vars of the scalar type T and returns one
// An inner loss that forgets the targets.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

#ifdef MISTAKE
const auto loss = [](Var<double> theta, Var<double> x) { return mean(square(theta * x)); };
#else
const auto loss = [](Var<double> theta, Var<double> x, Var<double> y) { return mean_squared_error(theta * x, y); };
#endif

const Tensor<double>& train(const InnerLoop<double>& loop) {
  static Unroll<double> unroll(loss);
  return unroll.train(loop);
}
