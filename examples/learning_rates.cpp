// The derivative of a validation loss through twenty steps of gradient descent, by the learning rate of each step.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  const nn::Mlp net({2, 8, 1}, nn::Activation::tanh);
  const auto loss = [&](Var<double> theta, Var<double> x, Var<double> y) { return mean_squared_error(net(theta, x), y); };

  Random random(1);
  const auto noise = [&](Shape shape) {
    Tensor<double> tensor(shape);
    for (double& value : tensor.values()) value = random.normal();
    return tensor;
  };
  const Tensor<double> x = noise({16, 2}), y = noise({16, 1}), x_valid = noise({16, 2}), y_valid = noise({16, 1});
  const Tensor<double> theta0 = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);

  const InnerLoop<double> loop{theta0, {x}, {y}, Tensor<double>(Shape{20, 1}, 0.1)};
  const auto h = hypergradient(loop, loss, [&](Var<double> theta) {
    return loss(theta, theta.tape().leaf(x_valid), theta.tape().leaf(y_valid));
  });
  std::cout << "validation loss " << h.outer_loss << ", by the first learning rate " << h.learning_rates[0] << '\n';
}
