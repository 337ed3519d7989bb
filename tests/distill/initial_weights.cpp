#include "hypertape/distill/initial_weights.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"

namespace hypertape::testing {
namespace {

using distill::InitialWeights;
using distill::RandomPurpose;

InitialWeights random_weights(std::uint64_t seed, RandomPurpose purpose = RandomPurpose::theta) {
  return InitialWeights(nn::Network<float>("mlp", nn::Mlp({3, 2})), {}, seed, purpose);
}

/// A pool whose network i has weights (i, i).
InitialWeights pool(Index size) {
  std::vector<Tensor<float>> weights;
  for (Index i = 0; i < size; ++i) weights.emplace_back(Shape{2}, static_cast<float>(i));
  return InitialWeights(std::move(weights));
}

TEST_CASE("initial weights: random ones are a function of seed, purpose and number") {
  const InitialWeights weights = random_weights(1);
  CHECK(!weights.count());
  CHECK(equal(weights[5], random_weights(1)[5]));
  CHECK(!equal(weights[5], weights[6]));
  CHECK(!equal(weights[5], random_weights(2)[5]));
  CHECK(!equal(weights[5], random_weights(1, RandomPurpose::evaluation)[5]));
}

TEST_CASE("initial weights: no iteration sees the random weights of another") {
  const InitialWeights weights = random_weights(1);
  const auto first = weights.of_iteration(3, 0, 9), second = weights.of_iteration(3, 1, 9);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(equal(first[i], weights[static_cast<Index>(i)]));
    CHECK(equal(second[i], weights[static_cast<Index>(3 + i)]));
  }
}

TEST_CASE("initial weights: an iteration takes different networks of a pool, and in time all") {
  const InitialWeights weights = pool(7);
  CHECK(weights.count() == 7);
  std::set<float> seen;
  bool varied = false;
  for (long iteration = 0; iteration < 30; ++iteration) {
    std::set<float> present;
    for (const auto& theta : weights.of_iteration(3, iteration, 4)) present.insert(theta[0]);
    CHECK(present.size() == 3);
    varied = varied || (iteration > 0 && !seen.contains(*present.begin()));
    seen.insert(present.begin(), present.end());
  }
  CHECK(seen.size() == 7);
  CHECK(varied);
  CHECK(equal(weights.of_iteration(3, 5, 4)[1], weights.of_iteration(3, 5, 4)[1]));
  CHECK(weights.of_iteration(9, 0, 4).size() == 7);
}

TEST_CASE("initial weights: the first few, and numbers that are not there") {
  CHECK(pool(3).first(5).size() == 3);
  CHECK(random_weights(1).first(5).size() == 5);
  check_error<ArgumentError>([] { pool(3)[3]; }, {"no number 3 among 3"});
  check_error<ArgumentError>([] { InitialWeights({}); }, {"at least one network"});
}

}  // namespace
}  // namespace hypertape::testing
