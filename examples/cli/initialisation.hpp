#pragma once

#include <optional>

#include "common.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/network_pool.hpp"

namespace hypertape::cli {

/// Which weights networks start from (section 3.5 of the paper).
struct InitialisationOptions {
  std::string init = "fixed";
  std::string initializer = "xavier-normal";
  double gain = 1;
  std::optional<std::filesystem::path> pool;
  std::optional<std::string> source_dataset;
  std::optional<Index> test_networks;

  void add(Options& options);
  /// Only those that say how new weights are drawn.
  void add_distribution(Options& options);

  bool fixed() const { return init == "fixed" || init == "fixed-pretrained"; }
  bool pretrained() const { return init == "fixed-pretrained" || init == "random-pretrained"; }

  /// Of new networks. @throws ArgumentError if the options do not go together.
  distill::WeightDistribution distribution() const;

  /// Networks to test with: of a fixed initialisation one, else --test-networks or its default.
  Index networks_to_test() const;
};

/// The initial weights to distil for, to choose the best state with, and to test with.
struct InitialWeightFamilies {
  distill::InitialWeights training, validation, testing;
};

/// @throws ArgumentError if the options do not go together, or a pool is too small; DataError if the pool cannot be
/// read, or was trained with another network, other sizes of images, or another source.
InitialWeightFamilies make_initial_weights(const InitialisationOptions& options, const nn::Network<float>& network,
                                           const data::LabelledImages& images, std::uint64_t seed);

}  // namespace hypertape::cli
