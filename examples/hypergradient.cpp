// Four steps of gradient descent on one data point, and the derivatives of a loss after them with respect to their
// inputs.

#include <hypertape/hypertape.hpp>
#include <iostream>
using namespace hypertape;

int main() {
  const auto loss = [](Var<double> theta, Var<double> x, Var<double> y) { return sum(square(theta * x - y)); };
  const auto outer_loss = [](Var<double> theta) { return sum(square(theta - 1)); };
  const Tensor<double> theta0({1}, {0.5}), x({1}, {1.5}), y({1}, {3}), rates({4, 1}, 0.1);
  const auto h = hypergradient(InnerLoop<double>{theta0, {x}, {y}, rates}, loss, outer_loss);
  std::cout << "L = " << h.outer_loss << ", dL/dx = " << h.x[0][0] << ", dL/dtheta_0 = " << h.theta0[0] << '\n'
            << "dL/d eta_0 = " << h.learning_rates[0] << ", dL/d eta_3 = " << h.learning_rates[3] << '\n';
}
