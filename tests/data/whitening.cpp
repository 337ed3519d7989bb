#include "hypertape/data/whitening.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/data/dataset.hpp"
#include "support/check_error.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

constexpr Index dimension = 24;  // of images (2, 3, 4)

/// Symmetric and positive definite: diagonally dominant.
Tensor<float> symmetric_matrix() {
  Tensor<float> matrix = random_tensor<float>(Shape{dimension, dimension});
  for (Index i = 0; i < dimension; ++i) {
    for (Index j = 0; j < i; ++j) matrix[j * dimension + i] = matrix[i * dimension + j];
    matrix[i * dimension + i] = 2 * dimension;
  }
  return matrix;
}

const Tensor<float> mean = random_tensor<float>(Shape{dimension}, 2);

TEST_CASE_TEMPLATE("whitening: y = W (x - mean), for any number of images", T, float, double) {
  const Tensor<float> matrix = symmetric_matrix();
  const data::Whitening whitening(matrix, mean);
  for (const Index samples : {1, 5, 16, 70}) {
    const Tensor<T> images = random_tensor<T>(Shape::batch(samples, 2, 3, 4), 3);
    Tensor<T> whitened = images;
    whitening.apply(whitened);
    double error = 0;
    for (Index n = 0; n < samples; ++n) {
      for (Index i = 0; i < dimension; ++i) {
        double expected = 0;
        for (Index j = 0; j < dimension; ++j) {
          expected +=
              double{matrix[i * dimension + j]} * (static_cast<double>(images[j * samples + n]) - double{mean[j]});
        }
        error = std::max(error, std::abs(static_cast<double>(whitened[i * samples + n]) - expected));
      }
    }
    CHECK(error <= 1e-4);  // of values up to about 200, in float
  }
}

TEST_CASE("whitening: undone, images are what they were") {
  const data::Whitening whitening(symmetric_matrix(), mean);
  const Tensor<float> images = random_tensor<float>(Shape::batch(7, 2, 3, 4), 3);
  Tensor<float> around = images;
  whitening.apply(around);
  whitening.undo(around);
  for (Index i = 0; i < images.size(); ++i) CHECK(std::abs(around[i] - images[i]) <= 1e-5f);
}

TEST_CASE("whitening: what is no whitening of the images is refused") {
  Tensor<float> uneven = symmetric_matrix(), infinite = symmetric_matrix(), negative = symmetric_matrix();
  uneven[3 * dimension + 1] += 1;
  infinite[0] = std::numeric_limits<float>::infinity();
  negative[0] = -1;
  using data::Whitening;
  check_error<ArgumentError>([&] { Whitening(uneven, mean); }, {"not symmetric at (3, 1)"});
  check_error<ArgumentError>([&] { Whitening(infinite, mean); }, {"finite"});
  check_error<ShapeError>([&] { Whitening(symmetric_matrix(), Tensor<float>(Shape{3})); },
                          {"matrix (D, D)", "(24, 24)"});
  const Whitening whitening(negative, mean);
  Tensor<float> images(Shape::batch(2, 2, 3, 4)), other(Shape::batch(2, 2, 3, 3));
  check_error<ArgumentError>([&] { whitening.undo(images); }, {"not positive definite"});
  check_error<ShapeError>([&] { whitening.apply(other); }, {"24 values", "(2, 2, 3, 3)"});
}

TEST_CASE("normalization: pixels are normalized, whitened and brought back; a batch is gathered so") {
  const data::LabeledImages images{2, 1, 1, 2, 2, {0, 255, 51, 102}, {0, 1}};
  data::Normalization normalization{{0.5f}, {0.25f}};
  Tensor<float> plain, whitened;
  const Index both[] = {0, 1};
  data::gather(images, both, normalization, plain);
  const Tensor<float> pixels = data::denormalized(plain, normalization);
  CHECK(std::abs(pixels(0, 0, 0, 1) - 1) <= 1e-6f);
  CHECK(std::abs(pixels(1, 0, 0, 0) - 0.2f) <= 1e-6f);
  const data::Normalization without = normalization;
  normalization.whitening = std::make_shared<const data::Whitening>(Tensor<float>(Shape{2, 2}, {2, 1, 1, 3}),
                                                                    Tensor<float>(Shape{2}, {0.5f, -1}));
  CHECK(!(normalization == without));
  data::gather(images, both, normalization, whitened);
  for (Index n = 0; n < 2; ++n) {
    const float x = plain(n, 0, 0, 0) - 0.5f, y = plain(n, 0, 0, 1) + 1;
    CHECK(std::abs(whitened(n, 0, 0, 0) - (2 * x + y)) <= 1e-5f);
    CHECK(std::abs(whitened(n, 0, 0, 1) - (x + 3 * y)) <= 1e-5f);
  }
  const Tensor<float> back = data::denormalized(whitened, normalization), again = data::normalized(back, normalization);
  for (Index i = 0; i < 4; ++i) {
    CHECK(std::abs(back[i] - pixels[i]) <= 1e-5f);
    CHECK(std::abs(again[i] - whitened[i]) <= 1e-4f);
  }
  check_error<ArgumentError>([&] { data::denormalized(Tensor<float>(Shape::batch(1, 3, 1, 2)), without); },
                             {"1 channels, the images 3"});
}

}  // namespace
}  // namespace hypertape::testing
