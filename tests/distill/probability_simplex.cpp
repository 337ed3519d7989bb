#include "hypertape/distill/probability_simplex.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "hypertape/core/random.hpp"

namespace hypertape::testing {
namespace {

using distill::project_to_probabilities;

double square_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

TEST_CASE("probability simplex: the projection has probabilities, and no other ones are nearer") {
  Random random(3);
  for (const std::size_t count : {1U, 2U, 3U, 10U}) {
    for (int trial = 0; trial < 50; ++trial) {
      std::vector<double> from(count);
      for (double& value : from) value = 2 * random.normal();
      std::vector<double> to = from;
      project_to_probabilities(to);
      CHECK(*std::ranges::min_element(to) >= 0);
      CHECK(std::abs(std::accumulate(to.begin(), to.end(), 0.0) - 1) <= 1e-14);
      for (int other = 0; other < 20; ++other) {
        std::vector<double> point(count);
        for (double& value : point) value = -std::log(random.uniform() + 1e-300);
        const double sum = std::accumulate(point.begin(), point.end(), 0.0);
        for (std::size_t k = 0; k < count; ++k) point[k] = (0.9 * to[k]) + (0.1 * point[k] / sum);
        CHECK(square_distance(from, to) <= square_distance(from, point) + 1e-14);
      }
    }
  }
}

TEST_CASE("probability simplex: by hand") {
  std::vector<double> values{0.5, 0.75, -3};
  project_to_probabilities(values);
  CHECK(values == std::vector<double>{0.375, 0.625, 0});
  values = {7, 0, 0};
  project_to_probabilities(values);
  CHECK(values == std::vector<double>{1, 0, 0});
  Tensor<float> labels(Shape::batch(2, 2));
  labels(0, 0) = 1.5F, labels(0, 1) = 0.5F, labels(1, 0) = 0.25F, labels(1, 1) = 0.75F;
  project_to_probabilities(labels);
  CHECK(labels(0, 0) == 1);
  CHECK(labels(0, 1) == 0);
  CHECK(labels(1, 0) == 0.25F);
  CHECK(labels(1, 1) == 0.75F);
}

}  // namespace
}  // namespace hypertape::testing
