#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/network_pool.hpp"

namespace hypertape::cli {

/// Which weights networks start from (section 3.5 of the paper).
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
  /// Only those that say how new weights are drawn.
  void add_distribution(Options& options);

  /// @throws ArgumentError naming an option that the kind of initialization would ignore.
  void check(const Options& options) const;

  bool fixed() const { return init == "fixed" || init == "fixed-pretrained"; }
  bool pretrained() const { return init == "fixed-pretrained" || init == "random-pretrained"; }

  /// Whether the weights are those of a pool, and not of one file.
  bool pooled() const { return pretrained() && !weights; }

  /// Of a pool. @throws ArgumentError if none is named; DataError unless it is one of `hypertape pretrain`.
  const std::filesystem::path& pool_folder() const;
  Json pool_config() const;

  /// How new weights are drawn, where there is no pool, or the last layer of --new-head.
  distill::Initialization of_new_weights() const;

  /// Networks to test with: of a fixed initialization one, else --test-networks or its default.
  Index networks_to_test() const;
};

/// The initial weights to distil for, to choose the best state with, and to test with. A fixed initialization is the
/// same in all; random ones are drawn from three streams; a pool is cut into three parts, the last for tests, those
/// before it to choose with.
class InitialWeightFamilies {
 public:
  /// `theta0` takes the place of new weights of --init fixed, if the network has as many.
  /// @throws ArgumentError if the options do not go together; DataError if the pool or file cannot be read, or was
  /// trained with another network, other sizes of images, or another source.
  InitialWeightFamilies(const InitializationOptions& options, const nn::Network<float>& network,
                        const data::LabeledImages& images, std::uint64_t seed,
                        const std::optional<Tensor<float>>& theta0 = std::nullopt);

  /// Those to distil for, and those to choose with, of which there are `validation_networks`.
  /// @throws ArgumentError if a pool is too small.
  distill::InitialWeights training(Index validation_networks) const;
  distill::InitialWeights validation(Index validation_networks) const;
  distill::InitialWeights testing() const;

 private:
  distill::InitialWeights part(distill::RandomPurpose purpose, Index begin, Index end, Index wanted) const;

  InitializationOptions options_;
  nn::Network<float> network_;
  std::uint64_t seed_;
  std::vector<Tensor<float>> pool_;  // if there is one, or the fixed weights that were given
};

}  // namespace hypertape::cli
