#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/distill/adam_group.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/nn/network.hpp"
#include "hypertape/nn/squared_loss.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/unroll/batch_gradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Networks that are trained on the distilled images while these are learned, so that at any time the pool has networks
/// of all ages (Zhou, Nezhadarya and Ba 2022). They take Adam steps on the squared loss of all images, and a network
/// that has had its number of steps is replaced by a new one. To spread the replacements, the initial network i of K
/// gets only (i + 1)/K of the steps.
class TrainedPool {
 public:
  /// The network and the initial weights must outlive the pool. @throws ArgumentError unless the weights are random, as
  /// new ones are needed without end.
  TrainedPool(const nn::Network<float>& network, const InitialWeights& weights, const RidgeOptions& options,
              Index samples_per_block, const WorkerTeam& team)
      : weights_(weights), options_(options), loss_(nn::SquaredLoss{&network}, team, samples_per_block) {
    if (weights.count()) {
      throw ArgumentError("TrainedPool: needs random initial weights without end, got ", *weights.count());
    }
    for (Index i = 0; i < options.pool_networks; ++i) {
      networks_.push_back({AdamGroup<float>(optim::Adam{}), 0});
      replace(i);
    }
  }

  /// The number of networks.
  Index size() const { return static_cast<Index>(networks_.size()); }

  /// The present weights theta (P) of network i.
  Tensor<float> operator[](Index i) const {
    const std::vector<float>& values = networks_[static_cast<std::size_t>(i)].theta.values;
    return Tensor<float>(Shape{static_cast<Index>(values.size())}, std::span(values));
  }

  /// The number of steps that network i has taken.
  Index age(Index i) const { return networks_[static_cast<std::size_t>(i)].theta.steps(); }

  /// Trains network i by one step on these images (N, C, H, W) and labels (N, classes), and replaces it if that was its
  /// last step. @throws DivergenceError naming the network if the loss or gradient is not finite; it has then been
  /// replaced.
  void train(Index i, const Tensor<float>& images, const Tensor<float>& labels) {
    Member& member = networks_[static_cast<std::size_t>(i)];
    try {
      loss_((*this)[i], images, labels, gradient_);
    } catch (const DivergenceError& error) {
      replace(i);
      throw DivergenceError("pool network ", i, ": ", error.what());
    }
    member.theta.gradient.assign(gradient_.values().begin(), gradient_.values().end());
    member.theta.step(1, options_.pool_learning_rate);
    if (age(i) >= life(member.number)) replace(i);
  }

  /// Replaces network i by a new one.
  void replace(Index i) {
    Member& member = networks_[static_cast<std::size_t>(i)];
    const Tensor<float> theta = weights_[made_];
    member = {AdamGroup<float>(optim::Adam{}), made_++};
    member.theta.values.assign(theta.values().begin(), theta.values().end());
  }

  /// Adds the arrays pool.made (1), pool.numbers (K) and, for each network i, pool.i and pool.i.adam_*.
  void save(io::Npz& npz) const {
    std::vector<std::int64_t> numbers;
    for (Index i = 0; i < size(); ++i) {
      const Member& member = networks_[static_cast<std::size_t>(i)];
      numbers.push_back(member.number);
      member.theta.save(npz, array(i));
    }
    npz["pool.made"] = {{1}, std::vector<std::int64_t>{made_}};
    npz["pool.numbers"] = {{size()}, std::move(numbers)};
  }

  /// Restores what `save` wrote. @throws DataError naming an array that is missing, has another shape, or holds what no
  /// run can; the present state is then lost.
  void restore(const io::Npz& npz, const std::filesystem::path& path) {
    using hypertape::detail::concat;
    constexpr std::int64_t most = std::int64_t{1} << 40;
    made_ = io::require_values<std::int64_t>(npz, path, "pool.made", {1})[0];
    if (made_ < size() || made_ > most) {
      throw io::bad_content(path, "array 'pool.made'", concat("a count in ", size(), " .. ", most), concat(made_));
    }
    const std::vector<std::int64_t>& numbers = io::require_values<std::int64_t>(npz, path, "pool.numbers", {size()});
    for (Index i = 0; i < size(); ++i) {
      Member& member = networks_[static_cast<std::size_t>(i)];
      member.number = numbers[static_cast<std::size_t>(i)];
      if (member.number < 0 || member.number >= made_) {
        throw io::bad_content(path, "array 'pool.numbers'", concat("numbers below ", made_), concat(member.number));
      }
      member.theta.restore(npz, path, array(i));
      if (age(i) >= life(member.number)) {
        throw io::bad_content(path, concat("array '", array(i), ".adam_steps'"),
                              concat("less than ", life(member.number)), concat(age(i)));
      }
    }
  }

 private:
  struct Member {
    AdamGroup<float> theta;
    Index number;  // of its initial weights, in the order they were drawn
  };

  static std::string array(Index i) { return hypertape::detail::concat("pool.", i); }

  /// The number of steps of the network with initial weights `number`.
  Index life(Index number) const {
    const Index K = size(), share = (std::min)(number + 1, K);
    return (options_.pool_steps * share + K - 1) / K;
  }

  const InitialWeights& weights_;
  RidgeOptions options_;
  BatchGradient<float> loss_;
  Tensor<float> gradient_;
  std::vector<Member> networks_;
  Index made_ = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
