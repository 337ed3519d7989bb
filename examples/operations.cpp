// Operations on tensors with the shapes of their inputs and outputs. layers.cpp has network layers and losses.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

namespace {

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
  const auto s = tape.scalar(2), theta = leaf(tape, {24});
  const auto x = leaf(tape, {5, 4}), y = leaf(tape, {5, 4}), v = leaf(tape, {4}), a = leaf(tape, {5, 6, 8});
  const auto matrix = leaf(tape, {4, 4}), table = leaf(tape, {6, 4});

  // Elementwise; operands are broadcast to a common shape.
  show("x + y, x - y, x * y, x / y, -x", (x + y) * (x - y) / -x);
  show("s * x, 2 * x, x / 2, 1 - x", s * (1 - 2 * x / 2));
  show("a * v (6, 1)", a * leaf(tape, {6, 1}));
  show("exp, log, sqrt, square, sin, cos, abs, pow(x, 3)", exp(log(sqrt(square(sin(cos(abs(pow(x, 3)))))))));
  show("expm1, log1p, tan, atan, erf, sign, atan2(x, y), pow(x, y)",
       atan2(pow(x, y), expm1(log1p(tan(atan(erf(sign(x))))))));
  show("maximum(x, y), minimum(x, y), clamp(x, 0.2, 0.8)", maximum(x, minimum(x, clamp(y, 0.2, 0.8))));
  show("where(is_greater(x, y), x, y), is_less, is_equal", where(is_greater(x, y), is_less(x, y), is_equal(x, y)));
  // Reductions over all elements or chosen axes, which are dropped or kept with extent 1.
  show("sum(x), mean(x)", sum(x) + mean(x));
  show("dot(x, y)", dot(x, y));
  show("norm(x)", norm(x));
  show("sum(a, 1), mean(a, -2), amax(a, 1), amin(a, 1), logsumexp(a, 1)",
       sum(a, 1) + mean(a, -2) + amax(a, 1) + amin(a, 1) + logsumexp(a, 1));
  show("sum(a, {0, 2}, true)", sum(a, {0, 2}, true));
  show("softmax(a, 1), log_softmax(a, 1), normalize(a, {1, 2})",
       softmax(a, 1) + log_softmax(a, 1) + normalize(a, {1, 2}));
  // Rearranging elements.
  show("broadcast_to(v, {5, 4})", broadcast_to(v, {5, 4}));
  show("transpose(a), permute(a, {0, 2, 1})", transpose(a) + permute(a, {0, 2, 1}));
  show("narrow(a, 1, 2, 3)", narrow(a, 1, 2, 3));
  show("flip(a, 1)", flip(a, 1));
  show("pad(a, 2, 1, 1)", pad(a, 2, 1, 1));
  show("concatenate({a, a}, 1)", concatenate({a, a}, 1));
  show("stack_along({a, a})", stack_along({a, a}));
  show("split(a, 2, {3, 5})[1]", split(a, 2, {3, 5})[1]);
  show("index_select(table, 0, rows)", index_select(table, 0, {5, 0, 5}));
  show("gather(table, 0, numbers, {1, 4}), scatter_add", gather(table, 0, std::vector<Index>{0, 1, 2, 3}, {1, 4}));
  show("diagonal(matrix), diagonal_matrix(v)", diagonal(diagonal_matrix(diagonal(matrix))));
  // Matrices.
  show("matmul(a, b, {.transpose_b = true})", matmul(a, a, {.transpose_b = true}));
  show("solve(matrix, b), inverse(matrix)", solve(matrix + diagonal_matrix(diagonal(matrix)), matrix));
  show("cholesky(matrix), solve_triangular(l, b)",
       solve_triangular(cholesky(matmul(matrix, matrix, {.transpose_b = true}) + matmul(matrix, inverse(matrix))),
                        matrix));
  show("log_determinant(matrix)", log_determinant(matrix));
  show("lower_triangle(matrix), upper_triangle(matrix)", lower_triangle(matrix) + upper_triangle(matrix));
  // Views of the same memory.
  show("theta.slice(offset, {6, 4})", theta.slice(0, {6, 4}));
  show("reshape(a, {5, 48})", reshape(a, {5, 48}));
  // The same values, cut off from differentiation.
  show("stop_gradient(x)", stop_gradient(x));
}
