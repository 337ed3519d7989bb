// A gated recurrent unit (Cho et al. 2014) that reads a sequence of signs, one at a time, and predicts whether their
// product is positive. It is trained by Adam with back-propagation through all time steps.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

constexpr Index length = 5, hidden = 8, weights = 3 * hidden * (hidden + 2) + hidden + 1;

/// Logits (N) of sequences (N, length), for weights theta.
Var<double> unit(Var<double> theta, Var<double> sequences) {
  Index next = 0;
  const auto take = [&](const Shape& shape) { return theta.slice(std::exchange(next, next + shape.size()), shape); };
  struct Gate {
    Var<double> of_input, of_state, bias;  // (1, hidden), (hidden, hidden), (hidden)
  };
  const auto gate = [&] { return Gate{take({1, hidden}), take({hidden, hidden}), take({hidden})}; };
  const Gate update = gate(), reset = gate(), candidate = gate();
  const Var<double> readout = take({hidden}), offset = take({});
  const auto preactivation = [](const Gate& g, Var<double> input, Var<double> state) {
    return matmul(input, g.of_input) + matmul(state, g.of_state) + g.bias;
  };
  Var<double> state = theta.tape().full({sequences.shape()[0], hidden}, 0);
  for (Index t = 0; t < length; ++t) {
    const Var<double> input = narrow(sequences, 1, t, 1);
    const Var<double> z = sigmoid(preactivation(update, input, state)), r = sigmoid(preactivation(reset, input, state));
    state = (1 - z) * state + z * tanh(preactivation(candidate, input, r * state));
  }
  return matmul(state, readout) + offset;
}

int main() {
  constexpr Index N = Index{1} << length;  // all sequences that exist
  Random random(1);
  Tensor<double> x({N, length}), y({N}, 1), theta({weights});
  for (Index n = 0; n < N; ++n) {
    for (Index t = 0; t < length; ++t) {
      x(n, t) = (n >> t & 1) != 0 ? 1 : -1;
      y[n] *= x(n, t);
    }
    y[n] = (y[n] + 1) / 2;
  }
  for (double& value : theta.values()) value = 0.5 * random.normal();

  optim::Optimizer<double> adam(optim::Adam{});
  for (int step = 0; step <= 400; ++step) {
    Tape<double> tape;
    const Var<double> w = tape.leaf(theta), z = unit(w, tape.leaf(x)), loss = sigmoid_cross_entropy(z, tape.leaf(y));
    if (step % 200 == 0) {
      const Var<double> right = is_equal(is_greater(z, 0 * z), tape.leaf(y));
      std::cout << "step " << step << ": " << (loss.item() < 0.1 ? "small" : "large") << " loss, "
                << (mean(right).item() < 1 ? "not all" : "all") << " sequences right\n";
    }
    adam.step(theta.values(), gradient(loss, w).value().values(), 0.02);
  }
}
