#include "hypertape/data/zca.hpp"

#include <doctest/doctest.h>

#include <Eigen/Eigenvalues>
#include <cmath>

#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

constexpr Index channels = 2, side = 4, values_per_image = channels * side * side;

/// Images whose neighboring pixels are alike: covariances that are far from equal.
data::LabeledImages smooth_images(Index count) {
  data::LabeledImages images{count, channels, side, side, 2, {}, {}};
  Random random(3);
  for (Index n = 0; n < count; ++n) {
    double value = random.uniform(0, 255);
    for (Index i = 0; i < values_per_image; ++i) {
      value = std::clamp(value + random.uniform(-40, 40), 0.0, 255.0);
      images.pixels.push_back(static_cast<std::uint8_t>(value));
    }
    images.labels.push_back(static_cast<std::int32_t>(n % 2));
  }
  return images;
}

/// Covariance of the images as networks see them, in double.
Eigen::MatrixXd covariance_of(const data::LabeledImages& images, const data::Normalization& normalization) {
  Tensor<double> batch;
  data::gather(images, data::all_indices(images.count), normalization, batch);
  Eigen::MatrixXd values = Eigen::Map<const Eigen::MatrixXd>(batch.data(), images.count, values_per_image);
  values.rowwise() -= values.colwise().mean().eval();
  return values.transpose() * values / static_cast<double>(images.count);
}

TEST_CASE("zca: the matrix is the inverse root of the covariance and a share of its mean eigenvalue") {
  const data::LabeledImages images = smooth_images(1500);  // more than are taken at a time
  const data::Normalization normalization = data::compute_normalization(images);
  const Eigen::MatrixXd covariance = covariance_of(images, normalization);
  for (const double regularizer : {0.001, 0.1, 10.0}) {
    const auto whitening = data::zca_whitening(images, normalization, regularizer);
    const Eigen::MatrixXd W =
        Eigen::Map<const Eigen::MatrixXf>(whitening->matrix().data(), values_per_image, values_per_image)
            .cast<double>();
    const Eigen::MatrixXd one = W *
                                (covariance + regularizer * covariance.trace() / values_per_image *
                                                  Eigen::MatrixXd::Identity(values_per_image, values_per_image)) *
                                W;
    CHECK((one - Eigen::MatrixXd::Identity(values_per_image, values_per_image)).cwiseAbs().maxCoeff() <= 1e-3);
    CHECK(Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(W).eigenvalues().minCoeff() > 0);
  }
}

TEST_CASE("zca: whitened images have mean 0, and with a small regularizer about the same variance in each direction") {
  const data::LabeledImages images = smooth_images(1500);
  data::Normalization normalization = data::compute_normalization(images);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> before(covariance_of(images, normalization));
  CHECK(before.eigenvalues().minCoeff() < 0.01 * before.eigenvalues().maxCoeff());
  normalization.whitening = data::zca_whitening(images, normalization, 0.001);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> after(covariance_of(images, normalization));
  CHECK(after.eigenvalues().minCoeff() > 0.8);
  CHECK(after.eigenvalues().maxCoeff() <= 1.001);
  Tensor<float> batch;
  data::gather(images, data::all_indices(images.count), normalization, batch);
  for (Index i = 0; i < values_per_image; ++i) {
    double sum = 0;
    for (Index n = 0; n < images.count; ++n) sum += double{batch[i * images.count + n]};
    CHECK(std::abs(sum / static_cast<double>(images.count)) <= 1e-3);
  }
}

TEST_CASE("zca: a regularizer out of range and images that are all the same are refused") {
  data::LabeledImages images = smooth_images(4);
  const data::Normalization normalization{{0.5f, 0.5f}, {0.25f, 0.25f}};
  for (const double wrong : {0.0, -1.0, 1e4, std::nan("")}) {
    check_error<ArgumentError>([&] { data::zca_whitening(images, normalization, wrong); }, {"zca", "[0.001, 1000]"});
  }
  std::ranges::fill(images.pixels, std::uint8_t{7});
  check_error<ArgumentError>([&] { data::zca_whitening(images, normalization, 0.1); }, {"all images are the same"});
}

}  // namespace
}  // namespace hypertape::testing
