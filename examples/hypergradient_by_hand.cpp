// The hypergradient without any tape: softmax regression, trained by T steps of gradient descent on N samples, and the
// derivatives of its loss on other data with respect to these samples, their labels, the learning rates and the initial
// weights. Loops alone, in the order of docs/hypergradient.md, beside the library's.

#include <cmath>
#include <hypertape/hypertape.hpp>
#include <iostream>
#include <vector>

using namespace hypertape;

constexpr Index N = 4, F = 3, K = 2, T = 5;  // samples, features, classes, steps

/// Numbers, row by row: theta (F, K), x (N, F), y (N, K).
struct Matrix {
  Index rows, columns;
  std::vector<double> values;

  Matrix(Index r, Index c) : rows(r), columns(c), values(static_cast<std::size_t>(r * c)) {}
  double& operator()(Index r, Index c) { return values[static_cast<std::size_t>(r * columns + c)]; }
  double operator()(Index r, Index c) const { return values[static_cast<std::size_t>(r * columns + c)]; }
};

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.columns; ++j)
      for (Index k = 0; k < a.columns; ++k) c(i, j) += a(i, k) * b(k, j);
  return c;
}

/// The softmax of each row.
Matrix softmax_of(Matrix z) {
  for (Index n = 0; n < z.rows; ++n) {
    double sum = 0;
    for (Index k = 0; k < K; ++k) sum += z(n, k) = std::exp(z(n, k));
    for (Index k = 0; k < K; ++k) z(n, k) /= sum;
  }
  return z;
}

/// The gradient of the loss l = -1/N sum_nk y_nk log p_nk, p the softmax of z = x theta, with respect to theta, where
/// rows of y add up to 1: g = 1/N x^T (p - y).
Matrix gradient_of(const Matrix& theta, const Matrix& x, const Matrix& y) {
  const Matrix p = softmax_of(product(x, theta));
  Matrix g(F, K);
  for (Index n = 0; n < N; ++n)
    for (Index f = 0; f < F; ++f)
      for (Index k = 0; k < K; ++k) g(f, k) += x(n, f) * (p(n, k) - y(n, k)) / N;
  return g;
}

int main() {
  Random random(1);
  const auto draw = [&](Index rows, Index columns) {
    Matrix drawn(rows, columns);
    for (double& value : drawn.values) value = random.normal();
    return drawn;
  };
  const Matrix x = draw(N, F), x_test = draw(N, F), theta0 = draw(F, K);
  const Matrix y = softmax_of(draw(N, K)), y_test = softmax_of(draw(N, K));
  Matrix eta(T, 1);
  for (Index t = 0; t < T; ++t) eta(t, 0) = 0.5 / static_cast<double>(1 + t);

  // Forward: theta_{t+1} = theta_t - eta_t g(theta_t). Every theta_t is kept.
  std::vector<Matrix> theta{theta0};
  for (Index t = 0; t < T; ++t) {
    Matrix next = theta.back();
    const Matrix g = gradient_of(next, x, y);
    for (Index f = 0; f < F; ++f)
      for (Index k = 0; k < K; ++k) next(f, k) -= eta(t, 0) * g(f, k);
    theta.push_back(next);
  }

  // Backward, with u = dL/d theta_{t+1}: step t depends on what it was given through -eta_t g alone, so the derivatives
  // of <g, u> = 1/N sum_n <s_n p_n - y_n, v_n> are what is needed, where v = x u, and s_n = 1 is the sum of y_n.
  Matrix u = gradient_of(theta.back(), x_test, y_test), dx(N, F), dy(N, K), deta(T, 1);
  for (Index t = T; t-- > 0;) {
    const Matrix& w = theta[static_cast<std::size_t>(t)];
    const Matrix p = softmax_of(product(x, w)), v = product(x, u), g = gradient_of(w, x, y);
    Matrix Hu(F, K);  // d<g, u>/d theta_t, the Hessian times u
    for (Index n = 0; n < N; ++n) {
      double pv = 0;
      for (Index k = 0; k < K; ++k) pv += p(n, k) * v(n, k);
      for (Index k = 0; k < K; ++k) {
        const double q = p(n, k) * (v(n, k) - pv);  // d<p_n, v_n>/dz_nk
        for (Index f = 0; f < F; ++f) {
          Hu(f, k) += x(n, f) * q / N;
          dx(n, f) -= eta(t, 0) * (u(f, k) * (p(n, k) - y(n, k)) + w(f, k) * q) / N;
        }
        dy(n, k) -= eta(t, 0) * (pv - v(n, k)) / N;
      }
    }
    for (Index f = 0; f < F; ++f)
      for (Index k = 0; k < K; ++k) {
        deta(t, 0) -= g(f, k) * u(f, k);
        u(f, k) -= eta(t, 0) * Hu(f, k);
      }
  }

  // The library's.
  const auto batch = [](const Matrix& m) { return from_row_major(Shape::batch(m.rows, m.columns), m.values); };
  const auto loss = [](Var<double> w, Var<double> samples, Var<double> labels) {
    const Var<double> logits = matmul(relayout(samples, Layout::row_major), w.slice(0, Shape{F, K}));
    return softmax_cross_entropy(relayout(logits, Layout::samples_innermost), labels);
  };
  const auto outer = [&](Var<double> w) { return loss(w, w.tape().leaf(batch(x_test)), w.tape().leaf(batch(y_test))); };
  const InnerLoop<double> loop{
      Tensor<double>({F * K}, theta0.values), {batch(x)}, {batch(y)}, Tensor<double>({T, 1}, eta.values)};
  const auto h = hypergradient(loop, loss, outer, {.differentiate = {.y = true}});
  bool same = true;
  const auto compare = [&](const char* what, const Matrix& by_hand, const Tensor<double>& expected) {
    const std::vector<double> values = to_row_major(expected);
    double off = 0;
    for (std::size_t i = 0; i < values.size(); ++i) off = std::max(off, std::abs(by_hand.values[i] - values[i]));
    same = same && off <= 1e-14;
    std::cout << what << by_hand.values[0] << ", " << by_hand.values[1]
              << ", ...: " << (off <= 1e-14 ? "the library's to 1e-14\n" : "not the library's\n");
  };
  compare("d/dx      ", dx, h.x[0]);
  compare("d/dy      ", dy, h.y[0]);
  compare("d/deta    ", deta, h.learning_rates);
  compare("d/dtheta0 ", u, h.theta0);
  return same ? 0 : 1;
}
