#include "hypertape/distill/initial_images.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "hypertape/data/glyphs.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"

namespace hypertape::testing {
namespace {

const data::Dataset& glyphs() {
  static const data::Dataset dataset = data::generate_glyphs(300, 20, 1);
  return dataset;
}

TEST_CASE("initial images: labels are class by class") {
  const Tensor<float> labels = distill::balanced_labels(3, 2);
  REQUIRE(labels.shape() == Shape::batch(6, 3));
  for (Index n = 0; n < 6; ++n) {
    for (Index k = 0; k < 3; ++k) CHECK(labels(n, k) == (n / 2 == k ? 1.0f : 0.0f));
  }
}

TEST_CASE("initial images: noise of the deviation that is asked for") {
  const auto images = distill::noise_images(glyphs().train, 2, 3, 0.5, Random(1));
  REQUIRE(images.size() == 2);
  REQUIRE(images[0].shape() == Shape::batch(30, 1, 28, 28));
  double sum = 0, square = 0;
  for (const float value : images[1].values()) sum += double{value}, square += double{value} * double{value};
  const auto count = static_cast<double>(images[1].size());
  CHECK(std::abs(sum / count) <= 0.02);  // four deviations of a mean of 23,520 values
  CHECK(std::abs(std::sqrt(square / count) - 0.5) <= 0.01);
  CHECK(!equal(images[0], images[1]));
}

TEST_CASE("initial images: real ones are of their class, and none is taken twice") {
  std::vector<Index> half(150);
  std::iota(half.begin(), half.end(), Index{0});
  const auto drawn = distill::draw_real_images(glyphs().train, half, 2, 3, Random(1));
  std::set<Index> all;
  for (const auto& step : drawn) {
    REQUIRE(step.size() == 30);
    for (std::size_t n = 0; n < step.size(); ++n) {
      CHECK(step[n] < 150);
      CHECK(glyphs().train.labels[static_cast<std::size_t>(step[n])] == static_cast<std::int32_t>(n / 3));
    }
    all.insert(step.begin(), step.end());
  }
  CHECK(all.size() == 60);
  const auto images = distill::real_images(glyphs().train, drawn, glyphs().normalization);
  Tensor<float> expected;
  data::gather(glyphs().train, drawn[1], glyphs().normalization, expected);
  CHECK(equal(images[1], expected));
  check_error<ArgumentError>([&] { distill::draw_real_images(glyphs().train, half, 10, 3, Random(1)); },
                             {"class 0 has", "10 steps need 30"});
}

}  // namespace
}  // namespace hypertape::testing
