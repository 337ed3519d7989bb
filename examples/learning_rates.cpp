// Learns a learning rate for each of a hundred steps of gradient descent by the hypergradient of a validation loss.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  // A model of your own: a line, theta = (offset, slope).
  const auto loss = [](Var<double> theta, Var<double> x, Var<double> y) {
    return mean_squared_error(linear(x, reshape(theta, {1, 2})), y);
  };
  // Features (1, x) of four samples, written sample by sample.
  const auto x = from_row_major(Shape::batch(4, 2), std::vector{1., -1., 1., 0., 1., 1., 1., 2.});
  const auto x_valid = from_row_major(Shape::batch(2, 2), std::vector{1., -2., 1., 3.});
  const Tensor<double> y({4, 1}, {-3, -1, 1.2, 2.8}), y_valid({2, 1}, {-5, 5});

  InnerLoop<double> loop{Tensor<double>(Shape{2}), {x}, {y}, Tensor<double>(Shape{100, 1}, 0.001)};
  for (int iteration = 0; iteration <= 50; ++iteration) {
    const auto h = hypergradient(loop, loss, [&](Var<double> theta) {
      return loss(theta, theta.tape().leaf(x_valid), theta.tape().leaf(y_valid));
    });
    if (iteration % 25 == 0) {
      std::cout << "validation loss " << h.outer_loss << ", first rate " << loop.learning_rates[0] << '\n';
    }
    for (Index t = 0; t < 100; ++t) loop.learning_rates[t] -= 1e-5 * h.learning_rates[t];
  }
}
