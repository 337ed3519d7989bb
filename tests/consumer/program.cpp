// Descent on (theta - y)^2 / 2 ends at theta_T = y + (1 - eta)^T (theta_0 - y), so the derivatives of
// L = (theta_T - 1)^2 / 2 are known: dL/dtheta_0 = (theta_T - 1) (1 - eta)^T, dL/dy = (theta_T - 1) - dL/dtheta_0.

#include <cmath>
#include <cstdio>
#include <hypertape/hypertape.hpp>

using namespace hypertape;

int main() {
  const double theta0 = 3, y = 2, eta = 0.1;
  const int steps = 5;
  const Tensor<double> one({1}, {1});
  const InnerLoop<double> loop{
      Tensor<double>({1}, {theta0}), {one}, {Tensor<double>({1}, {y})}, Tensor<double>(Shape{steps, 1}, eta)};
  UnrollOptions options;
  options.differentiate.y = true;
  const auto h = hypergradient(
      loop, [](Var<double> theta, Var<double> x, Var<double> target) { return 0.5 * square(theta * x - target); },
      [](Var<double> theta) { return 0.5 * square(theta - 1); }, options);

  const double power = std::pow(1 - eta, steps), slope = y + power * (theta0 - y) - 1;
  std::printf("dL/dtheta_0 = %.6f, dL/dy = %.6f\n", h.theta0[0], h.y[0][0]);
  const bool right =
      std::abs(h.theta0[0] - slope * power) <= 1e-12 && std::abs(h.y[0][0] - slope * (1 - power)) <= 1e-12;
  return right ? 0 : 1;
}
