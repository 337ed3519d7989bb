// Newton's method without forming a Hessian: each step solves H p = -g by conjugate gradients, which need only
// Hessian-vector products. The loss is that of logistic regression with a small penalty.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index N = 200, D = 20;
  Random random(1);
  Tensor<double> x(Shape::batch(N, D)), y(Shape{N, 1}), w(Shape{D});
  for (double& value : x.values()) value = random.normal();
  for (Index n = 0; n < N; ++n) y[n] = x(n, 0) + x(n, 1) + random.normal() > 0 ? 1 : 0;

  const auto inner = [](const Tensor<double>& a, const Tensor<double>& b) {
    return kernels::dot(a.size(), a.data(), b.data());
  };
  for (int step = 0;; ++step) {
    Tape<double> tape;
    const Var<double> theta = tape.leaf(w);
    const Var<double> z = linear(tape.leaf(x), reshape(theta, {1, D}));
    const Var<double> loss = mean(softplus(z) - tape.leaf(y) * z) + 0.5e-3 * dot(theta, theta);
    const Var<double> g = gradient(loss, theta);
    const double norm = std::sqrt(dot(g, g).item());
    std::cout << "step " << step << ": loss " << loss.item() << (norm > 1e-10 ? "" : ", converged") << '\n';
    if (!(norm > 1e-10) || step == 20) break;

    // Conjugate gradients with residual r = -g - H p and directions d. The gradient stays on the tape; each product is
    // a tangent of it, whose nodes are dropped afterwards.
    Tensor<double> p(Shape{D}), r = g.value();
    for (double& value : r.values()) value = -value;
    Tensor<double> d = r;
    const auto recorded = tape.mark();
    for (double rr = inner(r, r), end = 1e-24 * rr; rr > end;) {
      const Tensor<double> Hd = jvp(g, theta, tape.view(d.shape(), d.data())).value();
      tape.rewind(recorded);
      const double alpha = rr / inner(d, Hd);
      for (Index i = 0; i < D; ++i) {
        p[i] += alpha * d[i];
        r[i] -= alpha * Hd[i];
      }
      const double beta = inner(r, r) / rr;
      for (Index i = 0; i < D; ++i) d[i] = r[i] + beta * d[i];
      rr *= beta;
    }
    for (Index i = 0; i < D; ++i) w[i] += p[i];
  }
}
