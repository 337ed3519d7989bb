// A Gaussian process fitted by Newton's method: gradient and Hessian of the negative log marginal likelihood with
// respect to the logarithms of length scale, amplitude and noise (Rasmussen and Williams 2006, section 5.4).

#include <Eigen/Dense>
#include <hypertape/hypertape.hpp>
#include <iostream>
#include <numbers>

using namespace hypertape;

/// -log p(y | x, h) for x (N), y (N, 1) and h = log (length scale, amplitude, noise).
Var<double> negative_log_likelihood(Var<double> h, const Tensor<double>& x, const Tensor<double>& y) {
  Tape<double>& tape = h.tape();
  const Index N = x.size();
  Tensor<double> squares({N, N}), one({N, N});  // squared distances; the identity
  for (Index i = 0; i < N; ++i) {
    one(i, i) = 1;
    for (Index j = 0; j < N; ++j) squares(i, j) = std::pow(x[i] - x[j], 2);
  }
  const Var<double> length = exp(h.slice(0, {})), amplitude = exp(h.slice(1, {})), noise = exp(h.slice(2, {}));
  const Var<double> kernel = square(amplitude) * exp(tape.leaf(squares) / (-2 * square(length)));
  const Var<double> L = cholesky(kernel + square(noise) * tape.leaf(one));
  const Var<double> whitened = solve_triangular(L, tape.leaf(y));
  return 0.5 * sum(square(whitened)) + sum(log(diagonal(L))) +
         0.5 * static_cast<double>(N) * std::log(2 * std::numbers::pi);
}

int main() {
  constexpr Index N = 60;
  Random random(1);
  Tensor<double> x({N}), y({N, 1});
  for (Index i = 0; i < N; ++i) {
    x[i] = random.uniform(0, 10);
    y[i] = 2 * std::sin(x[i]) + 0.3 * random.normal();
  }

  Eigen::Vector3d h(0.5, 0.5, -1);
  for (int step = 0; step < 20; ++step) {
    Tape<double> tape;
    const Var<double> v = tape.view(h), loss = negative_log_likelihood(v, x, y);
    const Tensor<double> g = gradient(loss, v).value(), H = hessian(loss, v);
    const Eigen::Map<const Eigen::Vector3d> slope(g.data());
    std::cout << "step " << step << ": " << loss.item() << (slope.norm() > 1e-8 ? "" : ", converged") << '\n';
    if (!(slope.norm() > 1e-8)) break;
    h -= H.row_major_matrix().ldlt().solve(slope);
  }
  std::cout << "length scale " << std::exp(h[0]) << ", amplitude " << std::exp(h[1]) << ", noise " << std::exp(h[2])
            << '\n';
}
