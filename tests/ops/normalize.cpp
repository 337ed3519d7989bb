#include "hypertape/ops/normalize.hpp"

#include <doctest/doctest.h>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/instance_norm.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const Tensor<double> x = random_tensor<double>(Shape::batch(2, 4, 2, 3), 1), gamma4 = random_tensor<double>({4}, 2),
                     beta4 = random_tensor<double>({4}, 3), rows = random_tensor<double>({3, 4}, 4);

}  // namespace

TEST_CASE("layer_norm: each row has mean beta and deviation gamma") {
  const auto f = [](auto v) { return layer_norm(v[0], v[1], v[2], 1e-3); };
  const Tensor<double> y = evaluate(f, std::vector{rows, gamma4, beta4});
  for (Index n = 0; n < 3; ++n) {
    double mean = 0, variance = 0;
    for (Index i = 0; i < 4; ++i) mean += rows(n, i) / 4;
    for (Index i = 0; i < 4; ++i) variance += std::pow(rows(n, i) - mean, 2) / 4;
    for (Index i = 0; i < 4; ++i) {
      CHECK(std::abs(y(n, i) - ((rows(n, i) - mean) / std::sqrt(variance + 1e-3) * gamma4[i] + beta4[i])) <= 1e-14);
    }
  }
  check_operation(f, {rows, gamma4, beta4});
  const Tensor<double> batch = relayout(rows, Layout::samples_innermost);
  CHECK(relative_error(relayout(evaluate(f, std::vector{batch, gamma4, beta4}), Layout::row_major), y) <= 1e-15);
}

TEST_CASE("group_norm: with a group a channel, it is instance_norm") {
  const auto groups = [](auto v) { return group_norm(v[0], 4, v[1], v[2]); };
  const auto instances = [](auto v) { return instance_norm(v[0], v[1], v[2]); };
  const std::vector inputs{x, gamma4, beta4};
  CHECK(relative_error(evaluate(groups, inputs), evaluate(instances, inputs)) <= 1e-14);
  check_operation([](auto v) { return group_norm(v[0], 2, v[1], v[2]); }, inputs);
}

TEST_CASE("batch_norm: with the batch's statistics each channel has mean beta and deviation gamma") {
  const auto f = [](auto v) { return batch_norm(v[0], channel_statistics(v[0]), v[1], v[2]); };
  const Tensor<double> y = evaluate(f, std::vector{x, gamma4, beta4});
  for (Index c = 0; c < 4; ++c) {
    double mean = 0, squares = 0;
    for (Index n = 0; n < 2; ++n) {
      for (Index p = 0; p < 6; ++p) mean += y(n, c, p / 3, p % 3) / 12;
    }
    for (Index n = 0; n < 2; ++n) {
      for (Index p = 0; p < 6; ++p) squares += std::pow(y(n, c, p / 3, p % 3) - mean, 2) / 12;
    }
    CHECK(std::abs(mean - beta4[c]) <= 1e-14);
    CHECK(std::abs(std::sqrt(squares) - std::abs(gamma4[c])) <= 1e-4);
  }
  check_operation(f, {x, gamma4, beta4});
  const auto fixed = [](auto v) { return batch_norm(v[0], {v[1], v[2] * v[2]}, v[1], v[2]); };
  check_operation(fixed, {x, gamma4, beta4});
}

TEST_CASE("dropout and global pooling") {
  const Tensor<double> mask({3, 4}, {1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1});
  const auto f = [&](auto v) { return dropout(v[0], v[0].tape().leaf(mask), 0.5); };
  check_values(evaluate(f, std::vector{rows}), [&](Index i) { return 2 * mask[i] * rows[i]; });
  check_operation(f, {rows});
  const Tensor<double> pooled = evaluate([](auto v) { return global_average_pool2d(v[0]); }, std::vector{x});
  CHECK(pooled.shape() == Shape::batch(2, 4));
  check_operation([](auto v) { return global_average_pool2d(v[0]); }, {x});
}

TEST_CASE("normalizations: errors") {
  Tape<double> tape;
  const Var<double> images = tape.leaf(x), three = tape.full({3}, 1), four = tape.full({4}, 1);
  CHECK_THROWS_WITH_AS(layer_norm(images, four, four), "layer_norm: batch (2, 4, 2, 3) needs gamma (3), got (4)",
                       ShapeError);
  CHECK_THROWS_AS(group_norm(images, 3, four, four), ShapeError);
  CHECK_THROWS_AS(group_norm(images, 2, three, four), ShapeError);
  CHECK_THROWS_AS(batch_norm(images, {three, four}, four, four), ShapeError);
  CHECK_THROWS_AS(layer_norm(images, three, three, 0), ArgumentError);
  CHECK_THROWS_AS(dropout(images, images, 0), ArgumentError);
  CHECK_THROWS_AS(channel_statistics(three), ShapeError);
}
