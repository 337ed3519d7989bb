// Every operation, with the shapes that it takes and gives: N samples of I features, or of C channels of H x W pixels.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

namespace {

constexpr Index N = 5, I = 4, O = 3, C = 2, H = 6, W = 8;

/// A leaf of random values.
Var<double> leaf(Tape<double>& tape, const Shape& shape) {
  Random random(1);
  Tensor<double> tensor(shape);
  for (double& value : tensor.values()) value = random.uniform(0.1, 1);
  return tape.leaf(tensor);
}

void show(const char* call, const Var<double>& result) { std::cout << call << ": " << result.shape() << '\n'; }

}  // namespace

int main() {
  Tape<double> tape;
  const auto s = tape.scalar(2), theta = leaf(tape, {I * O + O});
  const auto x = leaf(tape, Shape::batch(N, I)), y = leaf(tape, Shape::batch(N, I));
  const auto images = leaf(tape, Shape::batch(N, C, H, W));
  const auto weight = theta.slice(0, {O, I}), bias = theta.slice(I * O, {O});  // views of theta, each row-major
  const auto kernel = leaf(tape, {O, C, 3, 3}), gamma = leaf(tape, {C}), beta = leaf(tape, {C});
  const auto logits = linear(x, weight, bias), labels = softmax(logits);

  // Elementwise: operands of one shape, or one of them a scalar or a number.
  show("x + y, x - y, x * y, x / y, -x", (x + y) * (x - y) / -x);
  show("s * x, 2 * x, x / 2, 1 - x", s * (1 - 2 * x / 2));
  show("exp, log, sqrt, square, sin, cos, abs", exp(log(sqrt(square(sin(cos(abs(x))))))));
  show("relu, tanh, sigmoid, softplus", relu(tanh(sigmoid(softplus(x)))));
  // To scalars, and between samples and features.
  show("sum(x), mean(x)", sum(x) + mean(x));
  show("dot(x, y)", dot(x, y));
  show("norm(x)", norm(x));
  show("sum_per_channel(x)", sum_per_channel(x));
  show("sum_over_features(x)", sum_over_features(x));
  show("repeat_per_channel(bias, {N, O})", repeat_per_channel(bias, {N, O}));
  show("repeat_for_features(v, {N, O})", repeat_for_features(sum_over_features(x), {N, O}));
  // Views of the same memory.
  show("theta.slice(offset, {O, I})", weight);
  show("reshape(images, {N, C * H * W})", reshape(images, {N, C * H * W}));
  // The same elements in another order in memory.
  show("relayout(x, Layout::row_major)", relayout(x, Layout::row_major));
  // The same values, on which nothing depends.
  show("stop_gradient(x)", stop_gradient(x));
  // Layers.
  show("linear(x, weight, bias)", logits);
  show("conv2d(images, kernel)", conv2d(images, kernel));
  show("conv2d(images, kernel, {.stride = 2, .padding = 1})", conv2d(images, kernel, {.stride = 2, .padding = 1}));
  show("max_pool2d(images), average_pool2d(images)", max_pool2d(images) + average_pool2d(images));
  show("max_pool2d(images, {.size = 3, .stride = 2, .padding = 1})",
       max_pool2d(images, {.size = 3, .stride = 2, .padding = 1}));
  show("instance_norm(images, gamma, beta)", instance_norm(images, gamma, beta));
  show("local_response_norm(images)", local_response_norm(images));
  show("softmax(logits), log_softmax(logits)", labels * log_softmax(logits));
  // Losses, means over samples.
  show("softmax_cross_entropy(logits, labels)", softmax_cross_entropy(logits, labels));
  show("mean_squared_error(x, y)", mean_squared_error(x, y));
}
