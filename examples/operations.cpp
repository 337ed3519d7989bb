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

  const auto a = leaf(tape, {N, H, W}), matrix = leaf(tape, {I, I}), table = leaf(tape, {H, I});

  // Elementwise: operands are broadcast to one shape.
  show("x + y, x - y, x * y, x / y, -x", (x + y) * (x - y) / -x);
  show("s * x, 2 * x, x / 2, 1 - x", s * (1 - 2 * x / 2));
  show("images * weight (C, 1, 1)", images * leaf(tape, {C, 1, 1}));
  show("exp, log, sqrt, square, sin, cos, abs, pow(x, 3)", exp(log(sqrt(square(sin(cos(abs(pow(x, 3)))))))));
  show("expm1, log1p, tan, atan, erf, sign, atan2(x, y), pow(x, y)",
       atan2(pow(x, y), expm1(log1p(tan(atan(erf(sign(x))))))));
  show("relu, leaky_relu, elu, tanh, sigmoid, softplus, silu, gelu, gelu_tanh",
       relu(leaky_relu(elu(tanh(sigmoid(softplus(silu(gelu(gelu_tanh(x))))))))));
  show("maximum(x, y), minimum(x, y), clamp(x, 0.2, 0.8)", maximum(x, minimum(x, clamp(y, 0.2, 0.8))));
  show("where(is_greater(x, y), x, y), is_less, is_equal", where(is_greater(x, y), is_less(x, y), is_equal(x, y)));
  show("dropout(x, mask, 0.5)", dropout(x, is_greater(x, y), 0.5));
  // Over chosen axes, which go or stay.
  show("sum(a, 1), mean(a, -2), amax(a, 1), amin(a, 1), logsumexp(a, 1)",
       sum(a, 1) + mean(a, -2) + amax(a, 1) + amin(a, 1) + logsumexp(a, 1));
  show("sum(a, {0, 2}, true)", sum(a, {0, 2}, true));
  show("softmax(a, 1), log_softmax(a, 1), normalize(a, {1, 2})",
       softmax(a, 1) + log_softmax(a, 1) + normalize(a, {1, 2}));
  show("layer_norm(a, gamma, beta)", layer_norm(a, leaf(tape, {W}), leaf(tape, {W})));
  show("group_norm(images, 2, gamma, beta)", group_norm(images, 2, gamma, beta));
  show("batch_norm(images, channel_statistics(images), gamma, beta)",
       batch_norm(images, channel_statistics(images), gamma, beta));
  show("global_average_pool2d(images)", global_average_pool2d(images));
  // Elements elsewhere.
  show("broadcast_to(bias, {N, O})", broadcast_to(bias, {N, O}));
  show("transpose(a), permute(a, {0, 2, 1})", transpose(a) + permute(a, {0, 2, 1}));
  show("narrow(a, 1, 2, 3)", narrow(a, 1, 2, 3));
  show("flip(a, 1)", flip(a, 1));
  show("pad(a, 2, 1, 1)", pad(a, 2, 1, 1));
  show("concatenate({a, a}, 1)", concatenate({a, a}, 1));
  show("stack_along({a, a})", stack_along({a, a}));
  show("split(a, 2, {3, 5})[1]", split(a, 2, {3, 5})[1]);
  show("index_select(table, 0, rows)", index_select(table, 0, {5, 0, 5}));
  show("gather(table, 0, numbers, {1, I}), scatter_add", gather(table, 0, std::vector<Index>{0, 1, 2, 3}, {1, I}));
  show("diagonal(matrix), diagonal_matrix(v)", diagonal(diagonal_matrix(diagonal(matrix))));
  // Matrices.
  show("matmul(a, b, {.transpose_b = true})", matmul(a, a, {.transpose_b = true}));
  show("solve(matrix, b), inverse(matrix)", solve(matrix + diagonal_matrix(diagonal(matrix)), matrix));
  show("cholesky(matrix), solve_triangular(l, b)",
       solve_triangular(cholesky(matmul(matrix, matrix, {.transpose_b = true}) + matmul(matrix, inverse(matrix))),
                        matrix));
  show("log_determinant(matrix)", log_determinant(matrix));
  show("lower_triangle(matrix), upper_triangle(matrix)", lower_triangle(matrix) + upper_triangle(matrix));
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
  show("conv2d(images, kernel, {.groups = 2})", conv2d(images, leaf(tape, {4, 1, 3, 3}), {.groups = 2}));
  show("conv2d_transpose(images, kernel)", conv2d_transpose(images, leaf(tape, {C, O, 3, 3})));
  show("conv2d_max_pool_relu(images, kernel, bias)", conv2d_max_pool_relu(images, kernel, bias));
  show("max_pool2d(images), average_pool2d(images)", max_pool2d(images) + average_pool2d(images));
  show("max_pool2d(images, {.size = 3, .stride = 2, .padding = 1})",
       max_pool2d(images, {.size = 3, .stride = 2, .padding = 1}));
  show("instance_norm(images, gamma, beta)", instance_norm(images, gamma, beta));
  show("local_response_norm(images)", local_response_norm(images));
  show("softmax(logits), log_softmax(logits)", labels * log_softmax(logits));
  // Losses, means over samples.
  show("softmax_cross_entropy(logits, labels)", softmax_cross_entropy(logits, labels));
  show("mean_squared_error(x, y), mean_absolute_error(x, y), huber_loss(x, y)",
       mean_squared_error(x, y) + mean_absolute_error(x, y) + huber_loss(x, y));
  show("sigmoid_cross_entropy(x, targets)", sigmoid_cross_entropy(x, y));
}
