// The hypergradient without a tape: softmax regression on N samples, trained by T steps of gradient descent, and the
// derivatives of its loss on other samples with respect to everything that training was given. Matrices and one loop
// forward, one backward, in the order of docs/hypergradient.md; then the same with the library.

#include <cmath>
#include <hypertape/hypertape.hpp>
#include <iostream>
#include <vector>

using namespace hypertape;
using Eigen::MatrixXd;

constexpr Index N = 4, F = 3, K = 2, T = 5;  // samples, features, classes, steps

/// The softmax of each row.
MatrixXd softmax_of(const MatrixXd& z) {
  const MatrixXd e = z.array().exp();
  return e.array().colwise() / e.rowwise().sum().array();
}

/// The gradient of l = -1/N sum_nk y_nk log p_nk with respect to theta (F, K), where p = softmax(x theta) and each row
/// of y sums to 1.
MatrixXd gradient_of(const MatrixXd& theta, const MatrixXd& x, const MatrixXd& y) {
  return x.transpose() * (softmax_of(x * theta) - y) / N;
}

int main() {
  Random random(1);
  const auto draw = [&](Index rows, Index columns) {
    MatrixXd drawn(rows, columns);
    for (Index i = 0; i < drawn.size(); ++i) drawn(i / columns, i % columns) = random.normal();
    return drawn;
  };
  const MatrixXd x = draw(N, F), x_test = draw(N, F), theta0 = draw(F, K);
  const MatrixXd y = softmax_of(draw(N, K)), y_test = softmax_of(draw(N, K));
  MatrixXd eta(T, 1);
  for (Index t = 0; t < T; ++t) eta(t) = 0.5 / static_cast<double>(1 + t);

  // Forward: theta_{t+1} = theta_t - eta_t g(theta_t). Every theta_t is kept.
  std::vector<MatrixXd> theta{theta0};
  for (Index t = 0; t < T; ++t) theta.push_back(theta.back() - eta(t) * gradient_of(theta.back(), x, y));

  // Backward, with u = dL/d theta_{t+1}. All inputs reach theta_{t+1} through -eta_t g, so that is what is needed: the
  // derivatives of <g, u> = 1/N sum_n <s_n p_n - y_n, v_n>, where v = x u, and s_n = 1 is the sum of y_n.
  MatrixXd u = gradient_of(theta.back(), x_test, y_test);
  MatrixXd dx = MatrixXd::Zero(N, F), dy = MatrixXd::Zero(N, K), deta(T, 1);
  for (Index t = T; t-- > 0;) {
    const MatrixXd& w = theta[static_cast<std::size_t>(t)];
    const MatrixXd p = softmax_of(x * w), v = x * u;
    const MatrixXd pv = p.cwiseProduct(v).rowwise().sum().replicate(1, K);  // <p_n, v_n>, for each class
    const MatrixXd q = p.cwiseProduct(v - pv);                              // its derivative with respect to x w
    deta(t) = -(p - y).cwiseProduct(v).sum() / N;
    dx -= eta(t) / N * ((p - y) * u.transpose() + q * w.transpose());
    dy -= eta(t) / N * (pv - v);
    u -= eta(t) / N * x.transpose() * q;  // the Hessian times u
  }

  // The library. It stores theta as a vector, here column by column, which is a weight (K, F) row by row.
  const auto loss = [](Var<double> weights, Var<double> samples, Var<double> labels) {
    return softmax_cross_entropy(linear(samples, weights.slice(0, Shape{K, F})), labels);
  };
  const auto outer_loss = [&](Var<double> weights) {
    Tape<double>& tape = weights.tape();
    return loss(weights, tape.leaf(Tensor<double>(x_test)), tape.leaf(Tensor<double>(y_test)));
  };
  const InnerLoop<double> loop{
      Tensor<double>(theta0.reshaped()), {Tensor<double>(x)}, {Tensor<double>(y)}, Tensor<double>(eta)};
  const auto h = hypergradient(loop, loss, outer_loss, {.differentiate = {.y = true}});

  bool same = true;
  const auto compare = [&](const char* what, const MatrixXd& by_hand, const auto& expected) {
    const bool close = (by_hand - expected).cwiseAbs().maxCoeff() <= 1e-14;
    std::cout << what << by_hand(0, 0) << ", " << (by_hand.cols() > 1 ? by_hand(0, 1) : by_hand(1, 0))
              << ", ...: " << (close ? "the library's to 1e-14\n" : "not the library's\n");
    same = same && close;
  };
  compare("d/dx      ", dx, h.x[0].matrix());
  compare("d/dy      ", dy, h.y[0].matrix());
  compare("d/deta    ", deta, h.learning_rates.row_major_matrix());
  compare("d/dtheta0 ", u, h.theta0.matrix().reshaped(F, K));
  return same ? 0 : 1;
}
