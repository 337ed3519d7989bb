#include "hypertape/distill/initial_weights.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
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
  CHECK(weights.numbers_of_iteration(3, 0, 9) == std::vector<Index>{0, 1, 2});
  CHECK(weights.numbers_of_iteration(3, 1, 9) == std::vector<Index>{3, 4, 5});
}

TEST_CASE("initial weights: an iteration takes different networks of a pool, and in time all") {
  const InitialWeights weights = pool(7);
  CHECK(weights.count() == 7);
  std::set<Index> seen;
  bool varied = false;
  for (long iteration = 0; iteration < 30; ++iteration) {
    const std::vector<Index> numbers = weights.numbers_of_iteration(3, iteration, 4);
    const std::set<Index> present(numbers.begin(), numbers.end());
    CHECK(present.size() == 3);
    varied = varied || (iteration > 0 && !seen.contains(*present.begin()));
    seen.insert(present.begin(), present.end());
  }
  CHECK(seen.size() == 7);
  CHECK(varied);
  CHECK(weights.numbers_of_iteration(3, 5, 4) == weights.numbers_of_iteration(3, 5, 4));
  CHECK(weights.numbers_of_iteration(9, 0, 4) == std::vector<Index>{0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("initial weights: the first few, and numbers that are not there") {
  CHECK(pool(3).first(5).size() == 3);
  CHECK(random_weights(1).first(5).size() == 5);
  check_error<ArgumentError>([] { pool(3)[3]; }, {"no number 3 among 3"});
  check_error<ArgumentError>([] { InitialWeights({}); }, {"at least one network"});
}

TEST_CASE("initial weights: a fixed initialization is the same for every purpose, random ones are not") {
  const nn::Network<float> network("mlp", nn::Mlp({3, 2}));
  const auto first = [&](bool random, std::uint64_t seed, RandomPurpose purpose) {
    return distill::initial_weights(network, {random, {}}, seed, purpose)[0];
  };
  const Tensor<float> fixed = first(false, 1, RandomPurpose::theta), random = first(true, 1, RandomPurpose::theta);
  CHECK(distill::initial_weights(network, {}, 1, RandomPurpose::theta).count() == 1);
  CHECK(equal(first(false, 1, RandomPurpose::evaluation), fixed));
  CHECK(!equal(first(false, 2, RandomPurpose::theta), fixed));
  CHECK(equal(random, random_weights(1)[0]));
  CHECK(!equal(first(true, 1, RandomPurpose::evaluation), random));
}

TEST_CASE("initial weights: a gain that no weights can have") {
  const nn::Network<float> network("mlp", nn::Mlp({3, 2}));
  for (const double gain : {0., -1., std::nan(""), std::numeric_limits<double>::infinity()}) {
    for (const bool random : {false, true}) {
      const distill::Initialization initialization{random, {nn::Initializer::he_normal, gain}};
      check_error<ArgumentError>([&] { distill::initial_weights(network, initialization, 1, RandomPurpose::theta)[0]; },
                                 {"WeightDistribution: gain needs a number above zero"});
    }
  }
}

}  // namespace
}  // namespace hypertape::testing
