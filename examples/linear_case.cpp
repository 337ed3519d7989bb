// The linear case of the paper (section 3.3): in D dimensions, one gradient step on D distilled points reaches the
// least-squares solution from any initial weights; with fewer points it cannot. docs/linear-case.md derives the points.

#include <hypertape/distill.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index D = 5;
  constexpr double eta = 0.1;
  const Tensor<double> solution = distill::least_squares(distill::random_linear_problem(40, D, 0.1, 1));
  for (Index M = 1; M <= D; ++M) {
    const distill::LinearPoints points = distill::best_linear_points(solution, M, eta);
    // One step from random weights theta_0.
    Random random(2);
    InnerLoop<double> loop{Tensor<double>(Shape{D}), {points.x}, {points.y}, Tensor<double>(Shape{1, 1}, eta)};
    Unroll<double> unroll{distill::LinearLoss()};
    double mean = 0;
    constexpr int starts = 2000;
    for (int start = 0; start < starts; ++start) {
      for (double& value : loop.theta0.values()) value = random.normal();
      const Tensor<double>& theta = unroll.train(loop);
      for (Index i = 0; i < D; ++i) mean += (theta[i] - solution[i]) * (theta[i] - solution[i]) / starts;
    }
    std::cout << M << " points: squared distance " << (mean < 1e-20 ? 0 : mean) << ", at least "
              << distill::least_residual(D, M) << " is possible\n";
  }
}
