#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "hypertape/autodiff/tape.hpp"
#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/confusion.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/network.hpp"
#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::distill {

/// What a network with weights theta takes the named images for: the class of its largest logit (the first of equals).
/// Blocks of images are shared out over the team. @throws ShapeError if the network has not a logit for each class;
/// DivergenceError if an output is not finite; ArgumentError if no image is named, or a label is no class.
inline Confusion confusion(const nn::Network<float>& network, const Tensor<float>& theta,
                           const data::LabeledImages& images, std::span<const Index> which,
                           const data::Normalization& normalization, const WorkerTeam& team) {
  constexpr Index block_size = 64;
  struct Worker {
    Tape<float> tape;
    Tensor<float> x;
    Confusion part;
  };
  std::vector<Worker> workers;
  workers.reserve(static_cast<std::size_t>(team.size()));
  for (int w = 0; w < team.size(); ++w) workers.push_back({{}, {}, Confusion(images.classes)});
  const MicroBatches blocks(static_cast<Index>(which.size()), block_size);
  team.for_each(blocks.count(), [&](Index block, int w) {
    Worker& worker = workers[static_cast<std::size_t>(w)];
    const Range range = blocks[block];
    const auto part = which.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size()));
    data::gather(images, part, normalization, worker.x);
    worker.tape.reset();
    const Var<float> logits =
        network(worker.tape.view(theta.shape(), theta.data()), worker.tape.view(worker.x.shape(), worker.x.data()));
    if (logits.shape() != Shape{range.size(), images.classes}) {
      throw ShapeError("accuracy: the network gives ", logits.shape(), ", ", images.classes, " classes need ",
                       Shape{range.size(), images.classes});
    }
    if (!std::isfinite(kernels::sum(logits.size(), logits.data()))) {
      throw DivergenceError("accuracy: the network's outputs are not finite");
    }
    const Index samples = range.size();
    for (Index n = 0; n < samples; ++n) {
      Index best = 0;
      for (Index k = 1; k < images.classes; ++k) {
        if (logits.data()[k * samples + n] > logits.data()[best * samples + n]) best = k;
      }
      worker.part.add(images.labels[static_cast<std::size_t>(part[static_cast<std::size_t>(n)])], best);
    }
  });
  Confusion all(images.classes);
  for (const Worker& worker : workers) all += worker.part;
  return all;
}

/// The same for all images.
inline Confusion confusion(const nn::Network<float>& network, const Tensor<float>& theta,
                           const data::LabeledImages& images, const data::Normalization& normalization,
                           const WorkerTeam& team) {
  return confusion(network, theta, images, data::all_indices(images.count), normalization, team);
}

/// Calls body(i) for 0 .. count - 1: as tasks of the team if there are enough of them for all threads, else one after
/// the other, each with the whole team at its disposal.
template <class Body>
void for_each_network(const WorkerTeam& team, Index count, const Body& body) {
  if (count >= team.size()) {
    team.for_each(count, [&](Index i, int) { body(i); });
  } else {
    for (Index i = 0; i < count; ++i) body(i);
  }
}

/// What became of one network: its weights, or why training it failed.
struct TrainingResult {
  Tensor<float> theta;                     ///< (P), unless it failed
  std::optional<DivergenceError> failure;  ///< nothing if it did not fail
};

/// Trains the network by one inner loop from each of several initial weights, in place of the loop's own.
inline std::vector<TrainingResult> train_networks(const nn::Network<float>& network, const InnerLoop<float>& loop,
                                                  std::span<const Tensor<float>> theta0, const WorkerTeam& team) {
  UnrollOptions options;
  options.samples_per_block = inner_samples_per_block(loop.x.front().shape()[0]);
  std::vector<TrainingResult> trained(theta0.size());
  for_each_network(team, static_cast<Index>(theta0.size()), [&](Index i) {
    const auto number = static_cast<std::size_t>(i);
    Unroll<float, nn::ClassificationLoss<nn::Network<float>>> unroll({&network}, options, team);
    InnerLoop<float> own = loop;
    own.theta0 = theta0[number];
    try {
      trained[number].theta = unroll.train(own);
    } catch (const DivergenceError& error) {
      trained[number].failure = error;
    }
  });
  return trained;
}

/// What a network takes images for; if training it failed, or its outputs are not finite, for nothing, and why.
struct TestResult {
  Confusion confusion;                                    ///< of the images
  std::optional<DivergenceError> failure = std::nullopt;  ///< nothing if it did not fail
};

/// What each of the trained networks takes the named images for. @throws as `confusion`, but for a DivergenceError,
/// which the result holds.
inline std::vector<TestResult> test_networks(const nn::Network<float>& network, std::span<const TrainingResult> trained,
                                             const data::LabeledImages& images, std::span<const Index> which,
                                             const data::Normalization& normalization, const WorkerTeam& team) {
  std::vector<TestResult> tested(trained.size(), TestResult{Confusion(images.classes)});
  for_each_network(team, static_cast<Index>(trained.size()), [&](Index i) {
    const TrainingResult& one = trained[static_cast<std::size_t>(i)];
    TestResult& result = tested[static_cast<std::size_t>(i)];
    try {
      if (one.failure) throw *one.failure;
      result.confusion = confusion(network, one.theta, images, which, normalization, team);
    } catch (const DivergenceError& error) {
      for (const Index image : which) result.confusion.add_none(images.labels[static_cast<std::size_t>(image)]);
      result.failure = error;
    }
  });
  return tested;
}

/// @throws DivergenceError, naming the network by its number, if it failed.
inline void require_success(const TestResult& tested, Index number) {
  if (tested.failure) throw DivergenceError("network ", number, ": ", tested.failure->what());
}

}  // namespace hypertape::distill
