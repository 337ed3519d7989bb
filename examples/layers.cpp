// Layers and losses with the shapes of their inputs and outputs, for N samples of I features, or of C channels of H x W
// pixels.

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
  const auto theta = leaf(tape, {I * O + O});
  const auto weight = theta.slice(0, {O, I}), bias = theta.slice(I * O, {O});  // views of theta, both row-major
  const auto x = leaf(tape, Shape::batch(N, I)), y = leaf(tape, Shape::batch(N, I));
  const auto images = leaf(tape, Shape::batch(N, C, H, W));
  const auto kernel = leaf(tape, {O, C, 3, 3}), gamma = leaf(tape, {C}), beta = leaf(tape, {C});
  const auto logits = linear(x, weight, bias), labels = softmax(logits);

  // Activations.
  show("relu, leaky_relu, elu, tanh, sigmoid, softplus, silu, gelu, gelu_tanh",
       relu(leaky_relu(elu(tanh(sigmoid(softplus(silu(gelu(gelu_tanh(x))))))))));
  show("dropout(x, mask, 0.5)", dropout(x, is_greater(x, y), 0.5));
  // Layers.
  show("linear(x, weight, bias)", logits);
  show("conv2d(images, kernel)", conv2d(images, kernel));
  show("conv2d(images, kernel, {.stride = 2, .padding = 1})", conv2d(images, kernel, {.stride = 2, .padding = 1}));
  show("conv2d(images, kernel, {.groups = 2})", conv2d(images, leaf(tape, {4, 1, 3, 3}), {.groups = 2}));
  show("conv2d_transpose(images, kernel)", conv2d_transpose(images, leaf(tape, {C, O, 3, 3})));
  show("conv2d_max_pool_relu(images, kernel, bias)", conv2d_max_pool_relu(images, kernel, bias));
  show("max_pool2d(images), average_pool2d(images)", max_pool2d(images) + average_pool2d(images));
  show("max_pool2d(images, {.size = 3, .stride = 2, .padding = 1})",
       max_pool2d(images, {.size = 3, .stride = 2, .padding = 1}));
  show("global_average_pool2d(images)", global_average_pool2d(images));
  // Normalization.
  show("layer_norm(x, gamma, beta)", layer_norm(x, leaf(tape, {I}), leaf(tape, {I})));
  show("group_norm(images, 2, gamma, beta)", group_norm(images, 2, gamma, beta));
  show("batch_norm(images, channel_statistics(images), gamma, beta)",
       batch_norm(images, channel_statistics(images), gamma, beta));
  show("instance_norm(images, gamma, beta)", instance_norm(images, gamma, beta));
  show("local_response_norm(images)", local_response_norm(images));
  // Losses: means over samples.
  show("softmax(logits), log_softmax(logits)", labels * log_softmax(logits));
  show("softmax_cross_entropy(logits, labels)", softmax_cross_entropy(logits, labels));
  show("mean_squared_error(x, y), mean_absolute_error(x, y), huber_loss(x, y)",
       mean_squared_error(x, y) + mean_absolute_error(x, y) + huber_loss(x, y));
  show("sigmoid_cross_entropy(x, targets)", sigmoid_cross_entropy(x, y));
  // Sums over samples or features, and their adjoints.
  show("sum_per_channel(x)", sum_per_channel(x));
  show("sum_over_features(x)", sum_over_features(x));
  show("repeat_per_channel(bias, {N, O})", repeat_per_channel(bias, {N, O}));
  show("repeat_for_features(v, {N, O})", repeat_for_features(sum_over_features(x), {N, O}));
  // Views of the same memory, and a copy with another memory layout.
  show("theta.slice(offset, {O, I})", weight);
  show("reshape(images, {N, C * H * W})", reshape(images, {N, C * H * W}));
  show("relayout(x, Layout::row_major)", relayout(x, Layout::row_major));
}
