// Gauss-Newton fit of a physical model: amplitude, decay, frequency and phase of a damped oscillation from noisy
// measurements. Residuals and their Jacobian come from one tape, with one tangent for each of the four parameters.

#include <Eigen/Dense>
#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

/// a exp(-t / tau) cos(omega t + phi) at times t (N), for p = (a, tau, omega, phi).
Var<double> oscillation(Var<double> p, Var<double> t) {
  const Var<double> a = p.slice(0, {}), tau = p.slice(1, {}), omega = p.slice(2, {}), phi = p.slice(3, {});
  return a * exp(-t / tau) * cos(omega * t + phi);
}

int main() {
  constexpr Index N = 200;
  Random random(1);
  Tensor<double> t({N}), measured({N});
  for (Index i = 0; i < N; ++i) {
    t[i] = 0.1 * static_cast<double>(i);
    measured[i] = 3 * std::exp(-t[i] / 5) * std::cos(2 * t[i] + 0.4) + 0.05 * random.normal();
  }

  Eigen::Vector4d p(2, 4, 1.9, 0.6);
  for (int step = 0; step < 20; ++step) {
    Tape<double> tape;
    const Var<double> parameters = tape.view(p);
    const Var<double> residuals = oscillation(parameters, tape.leaf(t)) - tape.leaf(measured);
    const Tensor<double> J = jacobian(residuals, parameters);
    const auto jacobi = J.row_major_matrix();
    const Eigen::Vector4d slope = jacobi.transpose() * residuals.row_major_matrix();
    const Eigen::Vector4d move = (jacobi.transpose() * jacobi).ldlt().solve(slope);
    p -= move;
    std::cout << "step " << step << ": mean square " << mean(square(residuals)).item() << '\n';
    if (move.norm() < 1e-6) break;
  }
  std::cout << "amplitude " << p[0] << ", decay " << p[1] << ", frequency " << p[2] << ", phase " << p[3] << '\n';
}
