#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/network_pool.hpp"

namespace hypertape::cli {

/// Options of the initial weights (section 3.5 of the paper).
struct InitializationOptions {
  std::string init = "fixed";
  std::string initializer = "xavier-normal";
  double gain = 1;
  std::optional<std::filesystem::path> pool;
  std::optional<std::filesystem::path> weights;
  bool new_head = false;
  std::optional<std::string> source_dataset;
  std::optional<Index> test_networks;

  void add(Options& options);
  /// Adds only the options of how new weights are drawn.
  void add_distribution(Options& options);

  /// @throws ArgumentError naming an option that --init would ignore.
  void check(const Options& options) const;

  bool fixed() const { return init == "fixed" || init == "fixed-pretrained"; }
  bool pretrained() const { return init == "fixed-pretrained" || init == "random-pretrained"; }

  /// Whether the weights come from a pool rather than one file.
  bool pooled() const { return pretrained() && !weights; }

  /// @throws ArgumentError without --pool; DataError unless `hypertape pretrain` made it.
  const std::filesystem::path& pool_folder() const;
  Json pool_config() const;

  /// How new weights are drawn: all without a pool, the last layer with --new-head.
  distill::Initialization of_new_weights() const;

  /// Networks to test with: one for a fixed initialization, else --test-networks or its default.
  Index networks_to_test() const;
};

/// The initial weights for distillation, for choosing the best state and for testing. A fixed initialization is the
/// same in all three. Random ones come from three streams. A pool is cut into three parts: the last for testing, the
/// one before it for choosing.
class InitialWeightFamilies {
 public:
  /// `theta0` replaces new weights of --init fixed if the network has as many. @throws ArgumentError if the options
  /// contradict each other; DataError if the pool or file cannot be read, or was trained with another network, image
  /// size or dataset.
  InitialWeightFamilies(const InitializationOptions& options, const nn::Network<float>& network,
                        const data::LabeledImages& images, std::uint64_t seed,
                        const std::optional<Tensor<float>>& theta0 = std::nullopt);

  /// The weights for distillation and for choosing, given the number of the latter. @throws ArgumentError if a pool is
  /// too small.
  distill::InitialWeights training(Index validation_networks) const;
  distill::InitialWeights validation(Index validation_networks) const;
  distill::InitialWeights testing() const;

 private:
  distill::InitialWeights part(distill::RandomPurpose purpose, Index begin, Index end, Index wanted) const;

  InitializationOptions options_;
  nn::Network<float> network_;
  std::uint64_t seed_;
  std::vector<Tensor<float>> pool_;  // or the fixed weights that were given
};

}  // namespace hypertape::cli
