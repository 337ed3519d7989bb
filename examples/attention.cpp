// One attention head with layer normalization and a feed-forward network with gelu, as in a Transformer, and a
// hypergradient through its training: how the loss on new sequences after five steps of Adam depends on the weight of
// each training sequence. Half of the training sequences have wrong labels.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

constexpr Index length = 6, width = 8, hidden = 16, classes = 3;

/// Logits (N, classes) of a batch of sequences (N, length, width), for weights theta.
Var<double> transformer(Var<double> theta, Var<double> sequences) {
  const Var<double> x = relayout(sequences, Layout::row_major);
  Index next = 0;
  const auto take = [&](const Shape& shape) { return theta.slice(std::exchange(next, next + shape.size()), shape); };
  const auto norm = [&](Var<double> v) {
    const Var<double> gamma = take({width}), beta = take({width});
    return layer_norm(v, 1 + gamma, beta);
  };
  const Var<double> normed = norm(x);
  const Var<double> query = matmul(normed, take({width, width})), key = matmul(normed, take({width, width})),
                    value = matmul(normed, take({width, width}));
  const Var<double> scores = matmul(query, key, {.transpose_b = true}) / std::sqrt(double{width});
  const Var<double> attended = x + matmul(matmul(softmax(scores, -1), value), take({width, width}));
  const Var<double> inner = gelu(matmul(norm(attended), take({width, hidden})) + take({hidden}));
  const Var<double> y = attended + matmul(inner, take({hidden, width})) + take({width});
  return relayout(matmul(mean(y, 1), take({width, classes})), Layout::samples_innermost);
}
constexpr Index weights = 4 * width + 4 * width * width + 2 * width * hidden + hidden + width + width * classes;

/// Draws sequences. The first feature is large at one random position; that position modulo 3 is the class.
void draw(Random& random, Tensor<double>& x, Tensor<double>& y) {
  for (double& v : x.values()) v = 0.5 * random.normal();
  for (Index n = 0; n < x.shape()[0]; ++n) {
    const Index place = random.below(length);
    x(n, place, 0) += 3;
    for (Index f = 1; f <= classes; ++f) x(n, place, f) += place % classes == f - 1 ? 2 : 0;
    y(n, place % classes) = 1;
  }
}

int main() {
  constexpr Index N = 16;
  Random random(1);
  Tensor<double> x(Shape::batch(N, length, width)), y(Shape::batch(N, classes)), new_x(Shape::batch(64, length, width)),
      new_y(Shape::batch(64, classes)), theta({weights});
  draw(random, x, y);
  draw(random, new_x, new_y);
  for (Index n = 0; n < N / 2; ++n) {  // wrong labels
    const double first = y(n, 0);
    for (Index k = 0; k + 1 < classes; ++k) y(n, k) = y(n, k + 1);
    y(n, classes - 1) = first;
  }
  for (double& value : theta.values()) value = 0.2 * random.normal();

  InnerLoop<double> loop{theta, {x}, {y}, Tensor<double>({5, 1}, 0.05)};
  loop.rule = optim::Adam{};
  loop.hyperparameters = Tensor<double>({N}, 1);
  const auto inner = [](Var<double> w, Var<double> sequences, Var<double> labels, Var<double> counts) {
    const Var<double> each = -sum(labels * log_softmax(transformer(w, sequences)), 1);
    return mean(counts * each);
  };
  const auto outer = [&](Var<double> w) {
    Tape<double>& tape = w.tape();
    return softmax_cross_entropy(transformer(w, tape.leaf(new_x)), tape.leaf(new_y));
  };
  const Hypergradient<double> h = hypergradient(loop, inner, outer, {.differentiate = {.x = false}});
  const auto average = [&](Index begin) {
    double total = 0;
    for (Index n = begin; n < begin + N / 2; ++n) total += h.hyperparameters[n];
    return total / (N / 2);
  };
  std::cout << "loss after five steps " << h.outer_loss << '\n';
  std::cout << "dL / d weight of a sequence with a wrong label " << average(0) << ", with a right one "
            << average(N / 2) << '\n';
}
