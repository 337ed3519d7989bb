// A user-defined operation, log_sum_exp: a loop computes its values, library operations its derivatives, which
// therefore exist to any order.

#include <algorithm>
#include <cmath>
#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

/// y[n] = log sum over k of exp z[n][k]: (N, K) -> (N). With p = exp(z - y), the softmax of each row,
///     y'[n] = sum over k of p[n][k] z'[n][k]        z_bar[n][k] = p[n][k] y_bar[n]
template <class T>
struct LogSumExp final : Operation<T> {
  const char* name() const override { return "log_sum_exp"; }

  void evaluate(const Evaluation<T>& call) const override {
    const Index N = call.input_shape(0)[0], K = call.input_shape(0)[1];
    const T* z = call.input(0);  // samples innermost: z[n][k] is element k N + n
    for (Index n = 0; n < N; ++n) {
      T largest = z[n], total = 0;  // subtracting the largest avoids overflow
      for (Index k = 1; k < K; ++k) largest = std::max(largest, z[k * N + n]);
      for (Index k = 0; k < K; ++k) total += std::exp(z[k * N + n] - largest);
      call.output()[n] = largest + std::log(total);
    }
  }

  Var<T> tangent(const TangentSweep<T>& call) const override {
    return sum_over_features(probabilities(call) * call.tangent(0));
  }

  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    call.add(0, probabilities(call) * repeat_for_features(call.adjoint(), call.input(0).shape()));
  }

 private:
  static Var<T> probabilities(const auto& call) {
    return exp(call.input(0) - repeat_for_features(call.output(), call.input(0).shape()));
  }
};

/// A batch (N, K) -> (N). @throws ShapeError for another rank or layout.
template <class T>
Var<T> log_sum_exp(Var<T> z) {
  if (z.shape().rank() != 2 || !z.shape().is_batch()) {
    throw ShapeError("log_sum_exp: needs a batch (N, K), got ", z.shape());
  }
  return z.tape().apply(LogSumExp<T>(), Shape{z.shape()[0]}, {z});
}

/// Compares first and second derivatives with central differences and with each other.
bool derivatives_agree(const Tensor<double>& z) {
  const auto f = [](auto x) { return log_sum_exp(x[0]); };
  return check_gradient<double>(f, {z}, {.order = 2}).within(1e-7, 1e-12);
}

int main() {
  const auto z = from_row_major(Shape::batch(2, 3), std::vector{1., 2., 3., 0., 0., 0.});
  Tape<double> tape;
  const Var<double> x = tape.leaf(z), y = log_sum_exp(x);
  const Tensor<double> slope = gradient(sum(y), x).value();
  const Tensor<double> curvature = hvp(sum(y), x, tape.full(x.shape(), 1)).value();
  std::cout << "log_sum_exp(1, 2, 3) = " << y.value()[0] << ", its gradient " << slope(0, 0) << ' ' << slope(0, 1)
            << ' ' << slope(0, 2) << '\n';
  const bool flat =
      std::abs(curvature(0, 0)) <= 1e-15;  // adding 1 to all of z adds 1 to y, which is linear: no curvature
  const bool right = derivatives_agree(z) && flat;
  std::cout << (right ? "first and second derivatives agree with differences\n" : "wrong derivatives\n");
  return right ? 0 : 1;
}
