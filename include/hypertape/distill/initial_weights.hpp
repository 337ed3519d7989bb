#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/distill/option.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/nn/initializers.hpp"
#include "hypertape/nn/network.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// How a network's weights are drawn.
struct WeightDistribution {
  nn::Initializer initializer = nn::Initializer::xavier_normal;  ///< of weights, and of biases if it draws them
  double gain = 1;                                               ///< factor of everything drawn

  /// Draws new weights theta (P) for the network. @throws ArgumentError for a gain out of range.
  Tensor<float> draw(const nn::Network<float>& network, Random random) const {
    CheckOptions{"WeightDistribution"}(gain, {"gain", "Factor of new weights"});
    return network.parameters().initialize<float>(initializer, gain, random);
  }
};

/// Whether networks start from fixed or random weights, and how these are drawn.
struct Initialization {
  bool random = false;                   ///< new weights each time; otherwise always the same
  WeightDistribution distribution = {};  ///< of the weights
};

/// The initial weights that networks start from (section 3.5 of the paper), numbered from 0: one or more given ones, or
/// an endless supply of random ones.
class InitialWeights {
 public:
  /// Given weights, for example of a pool of trained networks. @throws ArgumentError if there are none.
  explicit InitialWeights(std::vector<Tensor<float>> given) : given_(std::move(given)) {
    if (given_.empty()) throw ArgumentError("InitialWeights: needs at least one network");
  }

  /// Random weights; weights number i are a function of seed, purpose and i.
  InitialWeights(nn::Network<float> network, WeightDistribution distribution, std::uint64_t seed, RandomPurpose purpose)
      : random_(RandomWeights{std::move(network), distribution, seed, purpose}) {}

  /// The number of given weights; nothing if they are random and so endless.
  std::optional<Index> count() const {
    return random_ ? std::nullopt : std::optional(static_cast<Index>(given_.size()));
  }

  /// The given weights; empty if they are random.
  const std::vector<Tensor<float>>& given() const { return given_; }

  /// Weights number i, theta (P). @throws ArgumentError if i is out of range.
  Tensor<float> operator[](Index i) const {
    if (i < 0 || (!random_ && i >= static_cast<Index>(given_.size()))) {
      throw ArgumentError("InitialWeights: no number ", i, " among ", given_.size());
    }
    return random_ ? (*random_)(i) : given_[static_cast<std::size_t>(i)];
  }

  /// The first `wanted` weights, or all if there are fewer.
  std::vector<Tensor<float>> first(Index wanted) const {
    std::vector<Tensor<float>> weights;
    const Index last = (std::min)(wanted, count().value_or(wanted));
    for (Index i = 0; i < last; ++i) weights.push_back((*this)[i]);
    return weights;
  }

  /// The numbers of the `wanted` weights for an outer iteration. Random weights are new in every iteration. Of given
  /// ones, a random choice without repetition is taken, or all in order if there are no more than that.
  std::vector<Index> numbers_of_iteration(Index wanted, long iteration, std::uint64_t seed) const {
    std::vector<Index> numbers(static_cast<std::size_t>((std::min)(wanted, count().value_or(wanted))));
    std::iota(numbers.begin(), numbers.end(), random_ ? iteration * wanted : Index{0});
    if (random_ || static_cast<Index>(given_.size()) <= wanted) return numbers;
    const std::vector<Index> order =
        random_stream(seed, RandomPurpose::pool, iteration).permutation(static_cast<Index>(given_.size()));
    std::copy_n(order.begin(), numbers.size(), numbers.begin());
    return numbers;
  }

 private:
  struct RandomWeights {
    nn::Network<float> network;
    WeightDistribution distribution;
    std::uint64_t seed;
    RandomPurpose purpose;

    Tensor<float> operator()(Index i) const { return distribution.draw(network, random_stream(seed, purpose, i)); }
  };

  std::vector<Tensor<float>> given_;
  std::optional<RandomWeights> random_;
};

/// New weights for a purpose. If random, each purpose has its own stream; if fixed, they are the same for all purposes.
inline InitialWeights initial_weights(const nn::Network<float>& network, const Initialization& initialization,
                                      std::uint64_t seed, RandomPurpose purpose) {
  const WeightDistribution& distribution = initialization.distribution;
  if (initialization.random) return InitialWeights(network, distribution, seed, purpose);
  return InitialWeights({distribution.draw(network, random_stream(seed, RandomPurpose::theta))});
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
