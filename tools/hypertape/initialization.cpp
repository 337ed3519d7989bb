#include "initialization.hpp"

#include <map>

#include "hypertape/distill/named_weights.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

const std::map<std::string, nn::Initializer> initializers = {{"xavier-normal", nn::Initializer::xavier_normal},
                                                             {"xavier-uniform", nn::Initializer::xavier_uniform},
                                                             {"he-normal", nn::Initializer::he_normal},
                                                             {"he-normal-out", nn::Initializer::he_normal_out},
                                                             {"normal", nn::Initializer::normal},
                                                             {"orthogonal", nn::Initializer::orthogonal},
                                                             {"pytorch", nn::Initializer::pytorch}};

constexpr Index default_random_networks = 200;  // as in the paper
constexpr Index default_pool_networks = 20;

/// Checks that a pool's networks can be used for these images.
void check_pool(const Json& config, const InitializationOptions& options, const nn::Network<float>& network,
                const data::LabeledImages& images) {
  const std::string folder = options.pool->string();
  const auto expect = [&](const char* what, const Json& expected) {
    const Json found = config.value(what, Json());
    if (found != expected) {
      throw DataError("--pool ", folder, ": its networks were trained with ", what, " ", found.dump(), ", not ",
                      expected.dump());
    }
  };
  expect("network", network.name());
  expect("image", Json({images.channels, images.height, images.width}));
  expect("classes", images.classes);
  if (options.source_dataset) expect("dataset", *options.source_dataset);
}

/// The networks of the pool; only the first if one is enough.
std::vector<Tensor<float>> load_pool(const InitializationOptions& options, const nn::Network<float>& network,
                                     const data::LabeledImages& images) {
  check_pool(options.pool_config(), options, network, images);
  std::vector<Tensor<float>> weights;
  for (const auto& path : distill::pool_files(*options.pool)) {
    weights.push_back(distill::load_pool_network(path, network));
    if (options.fixed()) break;
  }
  return weights;
}

/// The weights of a file. --new-head draws the last layer, the same for all uses.
Tensor<float> load_weights(const InitializationOptions& options, const nn::Network<float>& network,
                           std::uint64_t seed) {
  if (!options.new_head) return distill::load_named_weights(*options.weights, network);
  const Tensor<float> drawn =
      options.of_new_weights().distribution.draw(network, distill::random_stream(seed, distill::RandomPurpose::theta));
  return distill::load_named_weights(*options.weights, network, drawn);
}

}  // namespace

void InitializationOptions::add_distribution(Options& options) {
  options.group("Initial weights");
  options.add("--initializer", initializer, "Distribution of new weights; pytorch also draws biases")
      ->check(CLI::IsMember(names_of(initializers)));
  options.add("--gain", gain, "Factor for new weights")->check(positive());
}

void InitializationOptions::add(Options& options) {
  options.group("Initial weights");
  options
      .add("--init", init,
           "Initial weights (the same each time, new each time, one network of a pool, or all networks of a pool)")
      ->check(CLI::IsMember({"fixed", "random", "fixed-pretrained", "random-pretrained"}));
  add_distribution(options);
  options.add_folder("--pool", pool, "Folder of networks made by `hypertape pretrain`");
  options.add_file(
      "--weights", weights,
      "With --init fixed-pretrained, instead of a pool: .npz file with one array per tensor, under its PyTorch name");
  options.add_flag("--new-head", new_head,
                   "Draw a new last layer for --weights, for classes that they were not trained on");
  options.add("--source-dataset", source_dataset, "Dataset that the pool must have been trained on")
      ->check(CLI::IsMember(dataset_choices()))
      ->default_str("any");
  options
      .add("--test-networks", test_networks,
           "Networks in the final test: new ones, or the last of a pool, which are used for nothing else")
      ->check(positive())
      ->default_str(concat(default_random_networks, ", with a pool ", default_pool_networks));
}

void InitializationOptions::check(const Options& options) const {
  options.only(pretrained(), "--init fixed-pretrained or random-pretrained", {"--pool", "--source-dataset"});
  options.only(init == "fixed-pretrained", "--init fixed-pretrained", {"--weights"});
  options.only(!weights, "--init fixed-pretrained without --weights", {"--pool", "--source-dataset"});
  options.only(weights.has_value(), "--weights", {"--new-head"});
  options.only(!pretrained() || new_head, "--init fixed or random, or --new-head", {"--initializer", "--gain"});
  options.only(!fixed(), "--init random or random-pretrained", {"--test-networks"});
}

const std::filesystem::path& InitializationOptions::pool_folder() const {
  if (!pool) {
    throw ArgumentError("--init ", init, " needs --pool DIR, made by `hypertape pretrain`",
                        fixed() ? ", or --weights FILE" : "");
  }
  return *pool;
}

Json InitializationOptions::pool_config() const {
  const std::filesystem::path file = pool_folder() / "config.json";
  Json config = OutputFolder::read_config(pool_folder(), "pretrain");
  require_value<std::string>(config, file, "dataset");
  require_value<std::uint64_t>(config, file, "seed");
  if (config.contains("hold_out")) require_value<std::uint32_t>(config, file, "hold_out");  // older pools hold out none
  return config;
}

distill::Initialization InitializationOptions::of_new_weights() const {
  return {!fixed(), {initializers.at(initializer), gain}};
}

Index InitializationOptions::networks_to_test() const {
  if (fixed()) return 1;
  return test_networks.value_or(pretrained() ? default_pool_networks : default_random_networks);
}

InitialWeightFamilies::InitialWeightFamilies(const InitializationOptions& options, const nn::Network<float>& network,
                                             const data::LabeledImages& images, std::uint64_t seed,
                                             const std::optional<Tensor<float>>& theta0)
    : options_(options), network_(network), seed_(seed) {
  if (options.weights) {
    pool_ = {load_weights(options, network, seed)};
  } else if (options.pretrained()) {
    pool_ = load_pool(options, network, images);
  } else if (options.fixed() && theta0 && theta0->size() == network.parameters().size()) {
    pool_ = {*theta0};
  }
}

distill::InitialWeights InitialWeightFamilies::training(Index validation_networks) const {
  const Index others = options_.networks_to_test() + validation_networks;
  return part(distill::RandomPurpose::theta, 0, static_cast<Index>(pool_.size()) - others, others + 1);
}

distill::InitialWeights InitialWeightFamilies::validation(Index validation_networks) const {
  const Index end = static_cast<Index>(pool_.size()) - options_.networks_to_test();
  return part(distill::RandomPurpose::validation, end - validation_networks, end,
              options_.networks_to_test() + validation_networks);
}

distill::InitialWeights InitialWeightFamilies::testing() const {
  const auto total = static_cast<Index>(pool_.size()), wanted = options_.networks_to_test();
  return part(distill::RandomPurpose::evaluation, total - wanted, total, wanted);
}

/// New weights for the purpose; with a pool, which needs `wanted` networks, begin .. end - 1; or the fixed weights.
distill::InitialWeights InitialWeightFamilies::part(distill::RandomPurpose purpose, Index begin, Index end,
                                                    Index wanted) const {
  if (pool_.empty()) {
    return distill::initial_weights(network_, options_.of_new_weights(), seed_, purpose);
  }
  if (options_.fixed()) return distill::InitialWeights(pool_);
  if (static_cast<Index>(pool_.size()) < wanted) {
    throw ArgumentError("--pool ", options_.pool->string(), ": ", pool_.size(), " networks are too few, ", wanted,
                        " are needed, including ", options_.networks_to_test(),
                        " for the test (--test-networks) and those to choose with");
  }
  return distill::InitialWeights(std::vector<Tensor<float>>(pool_.begin() + begin, pool_.begin() + end));
}

}  // namespace hypertape::cli
