// PyTorch's values of operations and their derivatives to third order; tests/golden/operations.py defines them.

#include "support/golden.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <utility>

#include "hypertape/hypertape.hpp"
#include "support/evaluate.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

using Vars = std::vector<Var<double>>;

struct Case {
  std::string name;
  std::vector<Shape> shapes;
  std::function<Var<double>(const Vars&)> operation;
  bool positive = false;
};

const Shape m{3, 4}, v{4};

Case of_one(const char* name, Var<double> (*function)(Var<double>), bool positive = false) {
  return {name, {m}, [=](const Vars& x) { return function(x[0]); }, positive};
}

Var<double> cubed(Var<double> x) { return x * x * x; }

/// a a^T + I.
Var<double> definite(Var<double> a) {
  return matmul(a, a, {.transpose_b = true}) + a.tape().leaf(Tensor<double>({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}));
}

/// An operation of images, between row-major tensors.
template <class F>
std::function<Var<double>(const Vars&)> of_images(const F& f) {
  return [=](Vars x) {
    x[0] = relayout(x[0], Layout::samples_innermost);
    return relayout(f(x), Layout::row_major);
  };
}

const std::vector<Index> numbers = {2, 0, 1, 1, 0, 0, 2, 1};
const std::vector<std::int32_t> labels = {2, 0, 3};
const std::vector<double> class_weights = {1, 2, 0.5, 3};

std::vector<Case> cases() {
  return {
      of_one("abs", abs),
      of_one("exp", exp),
      of_one("expm1", expm1),
      of_one("log", log, true),
      of_one("log1p", log1p, true),
      of_one("sqrt", sqrt, true),
      of_one("sin", sin),
      of_one("cos", cos),
      of_one("tan", tan),
      of_one("atan", atan),
      of_one("erf", erf),
      of_one("tanh", tanh),
      of_one("sigmoid", sigmoid),
      of_one("softplus", softplus),
      {"relu", {m}, [](const Vars& x) { return relu(x[0]) * x[0] * x[0]; }},
      {"leaky_relu", {m}, [](const Vars& x) { return leaky_relu(x[0], 0.2) * x[0] * x[0]; }},
      {"elu", {m}, [](const Vars& x) { return elu(x[0], 1.5); }},
      of_one("silu", silu),
      of_one("gelu", gelu),
      of_one("gelu_tanh", gelu_tanh),
      {"pow", {m, m}, [](const Vars& x) { return pow(x[0], x[1]); }, true},
      {"pow_number", {m}, [](const Vars& x) { return pow(x[0], 2.5); }, true},
      {"atan2", {m, m}, [](const Vars& x) { return atan2(x[0], x[1]); }, true},
      {"max_of_two", {m, m}, [](const Vars& x) { return maximum(x[0], x[1]) * x[0] * x[1]; }},
      {"clamp", {m}, [](const Vars& x) { return clamp(x[0], -0.4, 0.6) * x[0] * x[0]; }},
      {"where", {m, m}, [](const Vars& x) { return where(is_greater(x[0], x[1]), x[0] * x[0] * x[1], cubed(x[1])); }},
      {"broadcast", {{2, 3, 1}, v}, [](const Vars& x) { return x[0] * x[1] / (3 + x[0] + x[1]); }},
      {"sum_axis", {m}, [](const Vars& x) { return sum(cubed(x[0]), 1); }},
      {"mean_axes",
       {{2, 3, 4}},
       [](const Vars& x) {
         return mean(cubed(x[0]), {0, 2});
       }},
      {"max_axis", {m}, [](const Vars& x) { return cubed(amax(x[0], 1)); }},
      {"logsumexp", {m}, [](const Vars& x) { return logsumexp(x[0], 1); }},
      {"softmax", {{2, 3, 4}}, [](const Vars& x) { return softmax(x[0], 1); }},
      {"log_softmax", {{2, 3, 4}}, [](const Vars& x) { return log_softmax(x[0], 2); }},
      {"permute",
       {{2, 3, 4}},
       [](const Vars& x) {
         return cubed(permute(x[0], {2, 0, 1}));
       }},
      {"narrow", {m}, [](const Vars& x) { return cubed(narrow(x[0], 1, 1, 2)); }},
      {"pad", {m}, [](const Vars& x) { return cubed(pad(x[0], 1, 1, 2)); }},
      {"concatenate",
       {m, m},
       [](const Vars& x) {
         return cubed(concatenate({x[0], x[1]}, 0));
       }},
      {"stack",
       {m, m},
       [](const Vars& x) {
         return cubed(stack_along({x[0], x[1]}, 1));
       }},
      {"gather",
       {m},
       [](const Vars& x) {
         return cubed(gather(x[0], 0, numbers, {2, 4}));
       }},
      {"index_select",
       {m},
       [](const Vars& x) {
         return cubed(index_select(x[0], 0, {2, 0, 2}));
       }},
      {"matmul", {m, {4, 2}}, [](const Vars& x) { return square(matmul(x[0], x[1])); }},
      {"matmul_transposed",
       {{2, 3, 2}, {2, 3, 2}},
       [](const Vars& x) { return square(matmul(x[0], x[1], {.transpose_a = true})); }},
      {"layer_norm", {m, v, v}, [](const Vars& x) { return layer_norm(x[0], x[1], x[2]); }},
      {"group_norm", {{2, 4, 2, 2}, v, v}, of_images([](const Vars& x) { return group_norm(x[0], 2, x[1], x[2]); })},
      {"batch_norm", {{3, 4, 2, 2}, v, v}, of_images([](const Vars& x) {
         return batch_norm(x[0], channel_statistics(x[0]), x[1], x[2]);
       })},
      {"conv2d_transpose", {{2, 3, 2, 2}, {3, 2, 3, 3}}, of_images([](const Vars& x) {
         return square(conv2d_transpose(x[0], x[1], {.stride = 2, .padding = 1}));
       })},
      {"conv2d_groups", {{2, 4, 3, 3}, {2, 2, 3, 3}}, of_images([](const Vars& x) {
         return square(conv2d(x[0], x[1], {.padding = 1, .groups = 2}));
       })},
      {"cholesky", {{3, 3}}, [](const Vars& x) { return cholesky(definite(x[0])); }},
      {"solve_triangular", {{3, 3}, {3, 2}}, [](const Vars& x) { return solve_triangular(x[0], x[1]); }, true},
      {"solve", {{3, 3}, {3, 2}}, [](const Vars& x) { return solve(definite(x[0]), x[1]); }},
      {"inverse", {{3, 3}}, [](const Vars& x) { return inverse(definite(x[0])); }},
      {"log_determinant", {{3, 3}}, [](const Vars& x) { return log_determinant(definite(x[0])); }},
      {"huber_loss", {m, m}, [](const Vars& x) { return square(huber_loss(x[0], x[1], 0.7)); }},
      {"mean_absolute_error", {m, m}, [](const Vars& x) { return cubed(mean_absolute_error(x[0], x[1])); }},
      {"sigmoid_cross_entropy", {m, m}, [](const Vars& x) { return sigmoid_cross_entropy(x[0], x[1]); }, true},
      {"weighted_cross_entropy",
       {m},
       [](const Vars& x) {
         return softmax_cross_entropy(relayout(x[0], Layout::samples_innermost), labels,
                                      std::span<const double>(class_weights));
       }},
  };
}

/// Uniform in [-1, 1), or in [0.5, 1.5).
Tensor<double> uniform_tensor(std::uint64_t salt, const Shape& shape, bool positive = false) {
  Tensor<double> out(shape);
  for (Index i = 0; i < out.size(); ++i) {
    const double u = golden_uniform(salt, static_cast<std::uint64_t>(i));
    out[i] = positive ? 0.5 + u : 2 * u - 1;
  }
  return out;
}

}  // namespace

TEST_CASE("operations: PyTorch's values, to the third derivative") {
  const Golden golden = read_golden("operations");
  std::size_t checked = 0;
  for (const Case& entry : cases()) {
    CAPTURE(entry.name);
    Tape<double> tape;
    Vars operands;
    for (std::size_t k = 0; k < entry.shapes.size(); ++k) {
      operands.push_back(tape.leaf(uniform_tensor(k, entry.shapes[k], entry.positive)));
    }
    Vars values = {entry.operation(operands)};
    for (int order = 0; order <= 3; ++order) {
      CAPTURE(order);
      const std::vector<double>& expected = golden.at(entry.name + '/' + std::to_string(order));
      ++checked;
      std::vector<double> got;
      for (const Var<double>& value : values) {
        const Tensor<double> tensor = value.value();
        got.insert(got.end(), tensor.values().begin(), tensor.values().end());
      }
      REQUIRE(got.size() == expected.size());
      double largest = 0;
      for (const double value : expected) largest = std::max(largest, std::abs(value));
      for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(std::abs(got[i] - expected[i]) <= 1e-12 * std::max(1., largest));
      if (order == 3) break;
      const Tensor<double> weights =
          uniform_tensor(50 + static_cast<std::uint64_t>(order), Shape{static_cast<Index>(got.size())});
      Var<double> loss = tape.scalar(0);
      Index begin = 0;
      for (const Var<double>& value : values) {
        const double* from = weights.data() + begin;
        loss += dot(value, tape.leaf(Tensor<double>(value.shape(), std::vector<double>(from, from + value.size()))));
        begin += value.size();
      }
      values.assign(operands.size(), {});
      gradient<double>(loss, operands, values);
    }
  }
  CHECK(checked == golden.size());
}
