#include "hypertape/distill/initial_images.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "hypertape/data/glyphs.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("initial images: labels are class by class") {
  const Tensor<float> labels = distill::balanced_labels(3, 2);
  REQUIRE(labels.shape() == Shape::batch(6, 3));
  for (Index n = 0; n < 6; ++n) {
    for (Index k = 0; k < 3; ++k) CHECK(labels(n, k) == (n / 2 == k ? 1.0f : 0.0f));
  }
}

TEST_CASE("initial images: noise of the deviation that is asked for") {
  const auto images = distill::noise_images(glyphs<300, 20>().train, 2, 3, 0.5, Random(1));
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
  const auto drawn = distill::draw_real_images(glyphs<300, 20>().train, half, 2, 3, Random(1));
  std::set<Index> all;
  for (const auto& step : drawn) {
    REQUIRE(step.size() == 30);
    for (std::size_t n = 0; n < step.size(); ++n) {
      CHECK(step[n] < 150);
      CHECK(glyphs<300, 20>().train.labels[static_cast<std::size_t>(step[n])] == static_cast<std::int32_t>(n / 3));
    }
    all.insert(step.begin(), step.end());
  }
  CHECK(all.size() == 60);
  const auto images = distill::real_images(glyphs<300, 20>().train, drawn, glyphs<300, 20>().normalization);
  Tensor<float> expected;
  data::gather(glyphs<300, 20>().train, drawn[1], glyphs<300, 20>().normalization, expected);
  CHECK(equal(images[1], expected));
  check_error<ArgumentError>([&] { distill::draw_real_images(glyphs<300, 20>().train, half, 10, 3, Random(1)); },
                             {"class 0 has", "10 steps need 30"});
}

/// The squared distance of two images, normalized.
double distance(const Tensor<float>& a, const Tensor<float>& b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
  return sum;
}

TEST_CASE("initial images: central ones are the real images nearest to their clusters' centroids, dealt out to steps") {
  const data::LabeledImages& images = glyphs<300, 20>().train;
  std::vector<Index> half(150);
  std::iota(half.begin(), half.end(), Index{0});
  const Index steps = 3, per_class = 2;
  const auto drawn = distill::draw_central_images(images, half, glyphs<300, 20>().normalization, steps, per_class,
                                                  Random(5), WorkerTeam(1));
  REQUIRE(drawn.size() == 3);
  Random random(5);
  std::set<Index> all;
  for (int k = 0; k < images.classes; ++k) {
    const std::vector<Index> of_class = data::indices_of_class(images, half, k);
    Tensor<float> points;
    data::gather(images, of_class, glyphs<300, 20>().normalization, points);
    const distill::KMeans found = distill::kmeans(points, steps * per_class, 100, Random(random.bits()), WorkerTeam(1));
    for (Index j = 0; j < steps * per_class; ++j) {
      const Index taken =
          drawn[static_cast<std::size_t>(j / per_class)][static_cast<std::size_t>(k * per_class + j % per_class)];
      double least = std::numeric_limits<double>::infinity(), reached = least;
      for (std::size_t n = 0; n < of_class.size(); ++n) {
        if (found.clusters[n] != j) continue;
        const double d = distance(samples(points, static_cast<Index>(n), 1), samples(found.centroids, j, 1));
        least = std::min(least, d);
        if (of_class[n] == taken) reached = d;
      }
      CHECK(reached <= (1 + 1e-5) * least);  // two images of a cluster are equally near, but for rounding
      all.insert(taken);
    }
  }
  CHECK(all.size() == 60);  // none is taken twice
  for (const int threads : {2, 5}) {
    CHECK(distill::draw_central_images(images, half, glyphs<300, 20>().normalization, steps, per_class, Random(5),
                                       WorkerTeam(threads)) == drawn);
  }
  CHECK(distill::draw_central_images(images, half, glyphs<300, 20>().normalization, steps, per_class, Random(6),
                                     WorkerTeam(2)) != drawn);
  check_error<ArgumentError>(
      [&] {
        distill::draw_central_images(images, half, glyphs<300, 20>().normalization, 10, 3, Random(1), WorkerTeam(1));
      },
      {"k-means: class 0 has", "10 steps need 30"});
}

TEST_CASE("initial images: central ones lie nearer to the images of their class than random ones do") {
  const data::LabeledImages& images = glyphs<300, 20>().train;
  const std::vector<Index> all = data::all_indices(images.count);
  const auto cost = [&](const std::vector<std::vector<Index>>& drawn) {
    double sum = 0;
    for (Index n = 0; n < images.count; ++n) {
      Tensor<float> image, center;
      data::gather(images, std::span<const Index>(&n, 1), glyphs<300, 20>().normalization, image);
      double least = std::numeric_limits<double>::infinity();
      for (const Index i : drawn.front()) {
        if (images.labels[static_cast<std::size_t>(i)] != images.labels[static_cast<std::size_t>(n)]) continue;
        data::gather(images, std::span<const Index>(&i, 1), glyphs<300, 20>().normalization, center);
        least = std::min(least, distance(image, center));
      }
      sum += least;
    }
    return sum;
  };
  const double random = cost(distill::draw_real_images(images, all, 1, 3, Random(1)));
  CHECK(cost(distill::draw_central_images(images, all, glyphs<300, 20>().normalization, 1, 3, Random(1),
                                          WorkerTeam(1))) < 0.95 * random);
}

TEST_CASE("initial images: central ones of images that are all the same are still other images, each once") {
  data::LabeledImages same{8, 1, 2, 2, 2, std::vector<std::uint8_t>(32, 9), {0, 1, 0, 1, 0, 1, 0, 1}};
  const auto drawn =
      distill::draw_central_images(same, data::all_indices(8), {{0.5f}, {0.25f}}, 2, 2, Random(1), WorkerTeam(2));
  std::set<Index> all;
  for (const auto& step : drawn) all.insert(step.begin(), step.end());
  CHECK(all.size() == 8);
}

}  // namespace
}  // namespace hypertape::testing
