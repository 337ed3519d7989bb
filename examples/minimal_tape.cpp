// Reverse-mode differentiation in 100 lines: a tape of scalars. Gradients are recorded on it as well, so they can be
// differentiated again. It computes the hypergradient of three steps of gradient descent, which is compared with the
// library's.

#include <cmath>
#include <hypertape/hypertape.hpp>
#include <iostream>
#include <vector>

namespace minimal {

enum class Operation { leaf, add, multiply, negate, tanh };

/// An operation's arguments and its value. Arguments are indices of earlier nodes.
struct Node {
  Operation operation;
  int a, b;
  double value;
};

/// Every operation so far, in order.
std::vector<Node> tape;

/// A number on the tape.
struct Var {
  int node;

  double value() const { return tape[static_cast<std::size_t>(node)].value; }
};

Var record(Operation operation, int a, int b, double value) {
  tape.push_back({operation, a, b, value});
  return {static_cast<int>(tape.size()) - 1};
}

// Each operation computes its value at once and records a node.
Var leaf(double value) { return record(Operation::leaf, 0, 0, value); }
Var operator+(Var a, Var b) { return record(Operation::add, a.node, b.node, a.value() + b.value()); }
Var operator*(Var a, Var b) { return record(Operation::multiply, a.node, b.node, a.value() * b.value()); }
Var operator-(Var a) { return record(Operation::negate, a.node, 0, -a.value()); }
Var operator-(Var a, Var b) { return a + -b; }
Var tanh(Var a) { return record(Operation::tanh, a.node, 0, std::tanh(a.value())); }

/// d loss / d input for each input. One sweep goes backward over the tape. When it reaches a node, every node that uses
/// its value has been visited, so the node's adjoint is complete. The chain rule passes it on to the arguments, times
/// the operation's derivative with respect to each. The sweep uses the operations above, so its results are on the tape
/// too and can be differentiated.
std::vector<Var> gradient(Var loss, const std::vector<Var>& inputs) {
  std::vector<Var> adjoint(static_cast<std::size_t>(loss.node) + 1, Var{-1});  // -1: zero
  const auto add = [&](int node, Var term) {
    Var& sum = adjoint[static_cast<std::size_t>(node)];
    sum = sum.node < 0 ? term : sum + term;
  };
  add(loss.node, leaf(1));
  for (int i = loss.node; i >= 0; --i) {
    const Var own = adjoint[static_cast<std::size_t>(i)];
    if (own.node < 0) continue;
    const Node node = tape[static_cast<std::size_t>(i)];  // a copy, as the tape grows
    switch (node.operation) {
      case Operation::leaf:
        break;
      case Operation::add:
        add(node.a, own);
        add(node.b, own);
        break;
      case Operation::multiply:
        add(node.a, own * Var{node.b});
        add(node.b, own * Var{node.a});
        break;
      case Operation::negate:
        add(node.a, -own);
        break;
      case Operation::tanh:
        add(node.a, own * (leaf(1) - Var{i} * Var{i}));
        break;
    }
  }
  std::vector<Var> result;
  for (const Var input : inputs) {
    const Var found = input.node <= loss.node ? adjoint[static_cast<std::size_t>(input.node)] : Var{-1};
    result.push_back(found.node < 0 ? leaf(0) : found);
  }
  return result;
}

}  // namespace minimal

/// The loss of a one-weight model on one sample.
constexpr auto squared_error = [](auto theta, auto x, auto y) {
  const auto error = tanh(theta * x) - y;
  return error * error;
};

int main() {
  const double theta0 = 0.3, eta = 0.4, x = 1.5, y = 0.8, x_test = 0.7, y_test = 0.6;
  const int steps = 3;

  // Three steps of gradient descent, then the loss on other data, all on the tape.
  const minimal::Var x_var = minimal::leaf(x), y_var = minimal::leaf(y), eta_var = minimal::leaf(eta);
  minimal::Var theta = minimal::leaf(theta0);
  for (int t = 0; t < steps; ++t)
    theta = theta - eta_var * minimal::gradient(squared_error(theta, x_var, y_var), {theta})[0];
  const minimal::Var outer = squared_error(theta, minimal::leaf(x_test), minimal::leaf(y_test));
  const std::vector<minimal::Var> h = minimal::gradient(outer, {x_var, y_var, eta_var});

  using namespace hypertape;
  const InnerLoop<double> loop{Tensor<double>({1}, {theta0}),
                               {Tensor<double>({1}, {x})},
                               {Tensor<double>({1}, {y})},
                               Tensor<double>(Shape{steps, 1}, eta)};
  const auto outer_loss = [&](Var<double> trained) { return square(tanh(trained * x_test) - y_test); };
  const auto inner_loss = [](Var<double> w, Var<double> data, Var<double> label) {
    return square(tanh(w * data) - label);
  };
  const auto expected = hypergradient(loop, inner_loss, outer_loss, {.differentiate = {.y = true}});
  double d_eta = 0;
  for (const double derivative : expected.learning_rates.values()) d_eta += derivative;
  std::cout << "loss after " << steps << " steps " << outer.value() << ", " << minimal::tape.size() << " nodes\n"
            << "d/dx   " << h[0].value() << ", the library's " << expected.x[0][0] << '\n'
            << "d/dy   " << h[1].value() << ", the library's " << expected.y[0][0] << '\n'
            << "d/deta " << h[2].value() << ", the library's " << d_eta << '\n';
  const auto off = [](double a, double b) { return !(std::abs(a - b) <= 1e-12 * std::abs(b)); };
  return off(h[0].value(), expected.x[0][0]) || off(h[1].value(), expected.y[0][0]) || off(h[2].value(), d_eta) ? 1 : 0;
}
