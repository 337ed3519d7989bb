#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/autodiff/tape.hpp"
#include "hypertape/core/communicator.hpp"
#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/confusion.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/free_training.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/mean_and_std.hpp"
#include "hypertape/distill/set_variants.hpp"
#include "hypertape/distill/trainer.hpp"
#include "hypertape/distill/training_plan.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/network.hpp"
#include "hypertape/unroll/unroll.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The confusion matrix of a network with weights theta on the images `which`. It predicts the class of the largest
/// logit, the first if several are equal. Blocks of images are distributed over the team. @throws ShapeError unless the
/// network has a logit for each class; DivergenceError if an output is not finite; ArgumentError if `which` is empty,
/// or a label is out of range.
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
  const hypertape::detail::MicroBatches blocks(static_cast<Index>(which.size()), block_size);
  team.for_each(blocks.count(), [&](Index block, int w) {
    Worker& worker = workers[static_cast<std::size_t>(w)];
    const Range range = blocks[block];
    const auto part = which.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size()));
    data::gather(images, part, normalization, worker.x);
    worker.tape.reset();
    const Var<float> logits =
        network(worker.tape.view(theta.shape(), theta.data()), worker.tape.view(worker.x.shape(), worker.x.data()));
    if (logits.shape() != Shape::batch(range.size(), images.classes)) {
      throw ShapeError("accuracy: the network gives ", logits.shape(), ", ", images.classes, " classes need ",
                       Shape::batch(range.size(), images.classes));
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

/// Calls body(i) for 0 .. count - 1: as tasks of the team if there are enough for all threads, else one after the
/// other, each with the whole team for itself.
template <class Body>
void for_each_network(const WorkerTeam& team, Index count, const Body& body) {
  if (count >= team.size()) {
    team.for_each(count, [&](Index i, int) { body(i); });
  } else {
    for (Index i = 0; i < count; ++i) body(i);
  }
}

/// The result of training one network: its weights, or why training failed.
struct TrainingResult {
  Tensor<float> theta;                     ///< (P), unless training failed
  std::optional<DivergenceError> failure;  ///< nothing if training succeeded
};

/// A trainer that follows the set: in its order, or on batches drawn with a seed and the network's number. Network and
/// set must outlive the trainer. @throws as `TrainingPlan`; the trainer throws as `Unroll::train`.
inline Trainer set_trainer(const nn::Network<float>& network, const DistilledSet& set, std::uint64_t seed) {
  return [&network, &set, seed](const Tensor<float>& theta0, Index number, const WorkerTeam& team) {
    const TrainingPlan plan(set, random_stream(seed, RandomPurpose::test_batches, number));
    const InnerLoop<float> loop = plan.loop(set, theta0);
    UnrollOptions options;
    options.samples_per_block = inner_samples_per_block(loop.x.front().shape()[0]);
    return Unroll<float>(nn::ClassificationLoss{&network}, options, team).train(loop);
  };
}

/// Trains one network from each of these initial weights; `numbers` are the weights' numbers. @throws as the trainer,
/// except for a DivergenceError, which the result holds.
inline std::vector<TrainingResult> train_networks(const Trainer& trainer, std::span<const Tensor<float>> theta0,
                                                  std::span<const Index> numbers, const WorkerTeam& team) {
  std::vector<TrainingResult> trained(theta0.size());
  for_each_network(team, static_cast<Index>(theta0.size()), [&](Index i) {
    const auto place = static_cast<std::size_t>(i);
    try {
      trained[place].theta = trainer(theta0[place], numbers[place], team);
    } catch (const DivergenceError& error) {
      trained[place].failure = error;
    }
  });
  return trained;
}

/// The result of testing one network. If training it failed or its outputs are not finite, its images have no
/// predictions.
struct TestResult {
  Confusion confusion;                                    ///< of the test images
  std::optional<DivergenceError> failure = std::nullopt;  ///< nothing if it succeeded
};

/// Tests the trained networks on the images `which`. @throws as `confusion`, except for a DivergenceError, which the
/// result holds.
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

/// Throws the error of a failed test. @throws DivergenceError naming the network by its number.
inline void require_success(const TestResult& tested, Index number) {
  if (tested.failure) throw DivergenceError("network ", number, ": ", tested.failure->what());
}

/// The test results of several networks before and after training on a distilled set.
struct Evaluation {
  std::vector<Confusion> before;  ///< of each network with its initial weights
  std::vector<Confusion> after;   ///< of each network after training
  Index diverged = 0;             ///< how many networks diverged and so have no correct predictions
  double train_seconds = 0;       ///< for all networks together

  /// Percentage of correct predictions after training: mean and deviation over networks.
  MeanAndStd accuracy() const { return mean_and_std(after, &Confusion::accuracy); }
  /// The same before training.
  MeanAndStd initial_accuracy() const { return mean_and_std(before, &Confusion::accuracy); }

  /// The mean and deviation of a figure over each network's `before` or `after`.
  template <class Figure>
  static MeanAndStd mean_and_std(const std::vector<Confusion>& confusions, const Figure& figure) {
    std::vector<double> values;
    for (const Confusion& confusion : confusions) values.push_back(std::invoke(figure, confusion));
    return distill::mean_and_std(values);
  }
};

/// A callback with the results so far; stops the evaluation by returning false.
using OnEvaluation = std::function<bool(const Evaluation&)>;

/// Trains a network from weights[number] for each of these numbers, and tests each on all images. As many networks run
/// at once as the teams of all ranks have threads. `on_progress` is called on every rank; if it returns false on any,
/// all stop.
/// @throws DivergenceError naming the number of a network that diverges, unless these are to be skipped; as the
/// trainer; as `confusion`.
template <class Weights>
Evaluation evaluate(const nn::Network<float>& network, const Trainer& trainer, const Weights& weights,
                    std::span<const Index> numbers, const data::LabeledImages& images,
                    const data::Normalization& normalization, bool skip_diverged, const OnEvaluation& on_progress,
                    const WorkerTeam& team, const Communicator& ranks = Communicator::alone()) {
  const std::vector<Index> all = data::all_indices(images.count);
  const Confusion none(images.classes);
  const std::size_t length = none.numbers().size();
  Evaluation result;
  // For each network: whether it failed, and its confusion after and before training.
  const auto test = [&](std::span<const Index> own) {
    std::vector<Tensor<float>> theta0;
    for (const Index number : own) theta0.push_back(weights[number]);
    const auto start = std::chrono::steady_clock::now();
    const std::vector<TrainingResult> trained = train_networks(trainer, theta0, own, team);
    result.train_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::vector<TrainingResult> untrained;
    for (Tensor<float>& theta : theta0) untrained.push_back({std::move(theta), {}});
    const std::vector<TestResult> after = test_networks(network, trained, images, all, normalization, team),
                                  before = test_networks(network, untrained, images, all, normalization, team);
    std::vector<Index> found;
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (!skip_diverged) require_success(after[i], own[i]);
      found.push_back(after[i].failure ? 1 : 0);
      for (const TestResult* one : {&after[i], &before[i]}) {
        const std::vector<Index> counts = one->confusion.numbers();
        found.insert(found.end(), counts.begin(), counts.end());
      }
    }
    return found;
  };
  const auto at_once = static_cast<std::size_t>(team.size()) * static_cast<std::size_t>(ranks.size());
  for (std::size_t first = 0; first < numbers.size(); first += at_once) {
    const std::span<const Index> some = numbers.subspan(first, (std::min)(at_once, numbers.size() - first));
    const std::vector<Index> found = share_out<Index>(ranks, static_cast<Index>(some.size()), [&](Range own) {
      return test(some.subspan(static_cast<std::size_t>(own.begin), static_cast<std::size_t>(own.size())));
    });
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto of_network = std::span(found).subspan(i * (1 + 2 * length), 1 + 2 * length);
      result.diverged += of_network[0];
      result.after.push_back(none);
      result.after.back().set_numbers(of_network.subspan(1, length));
      result.before.push_back(none);
      result.before.back().set_numbers(of_network.subspan(1 + length));
    }
    const bool stop = on_progress && !on_progress(result);
    if (largest(ranks, stop ? 1 : 0) != 0) break;
  }
  return result;
}

/// The initial weights that a set was made for, if its initialization was fixed. @throws ArgumentError if the set has
/// none, or they are not this network's.
inline InitialWeights fixed_weights(const DistilledSet& set, const nn::Network<float>& network) {
  if (!set.theta0) {
    throw ArgumentError("the distilled set has no theta0, so it was not made for one fixed initialization");
  }
  if (const Index weights = network.parameters().size(); set.theta0->size() != weights) {
    throw ArgumentError("theta0 of the distilled set: expected (", weights, ") for ", network.name(), ", found ",
                        set.theta0->shape());
  }
  return InitialWeights({*set.theta0});
}

/// How to evaluate a distilled set.
struct EvaluateOptions {
  Initialization initialization = {};  ///< fixed: the weights that the set was made for
  Index networks = 200;                ///< how many to train, if weights are random
  bool shuffle = false;                ///< take the steps of each epoch in random order
  bool skip_diverged = false;          ///< count a network that diverges as always wrong instead of stopping
  std::uint64_t seed = 1;              ///< of weights, orders and draws
  std::optional<FreeTraining> free{};  ///< train on the images alone in this way; nothing: as the set says
  bool real_images = false;            ///< replace distilled images by random real ones, as a baseline
};

/// A trainer like `trainer_of(set)`, except that each network trains on random real images of its own in place of the
/// set's, under the same labels. Dataset and set must outlive the trainer. @throws as `with_real_images`.
template <class TrainerOf>
Trainer real_images_trainer(const DistilledSet& set, const data::LabeledImages& images, std::uint64_t seed,
                            const TrainerOf& trainer_of) {
  return [&set, &images, seed, trainer_of](const Tensor<float>& theta0, Index number, const WorkerTeam& team) {
    const DistilledSet real = with_real_images(set, images, data::all_indices(images.count), seed, number);
    return trainer_of(real)(theta0, number, team);
  };
}

/// The trainer that these options ask for. Network, set and dataset must outlive it.
inline Trainer trainer_of(const nn::Network<float>& network, const DistilledSet& set, const data::Dataset& dataset,
                          const EvaluateOptions& options) {
  const auto of_set = [&network, options](const DistilledSet& one) {
    return options.free ? free_trainer(network, one, *options.free, options.seed)
                        : set_trainer(network, one, options.seed);
  };
  return options.real_images ? real_images_trainer(set, dataset.train, options.seed, of_set) : of_set(set);
}

/// Trains networks on a distilled set and tests them on the dataset's test images, as `hypertape evaluate` does.
/// @throws ArgumentError if options.networks < 1; as `FreeTraining::validate`, `fixed_weights` and `with_real_images`;
/// DivergenceError naming a network that diverges, unless these are skipped; as `confusion`.
inline Evaluation evaluate(const nn::Network<float>& network, const DistilledSet& set, const data::Dataset& dataset,
                           const EvaluateOptions& options, const OnEvaluation& on_progress = {},
                           const WorkerTeam& team = WorkerTeam(), const Communicator& ranks = Communicator::alone()) {
  if (options.networks < 1) throw ArgumentError("evaluate: needs at least one network, got ", options.networks);
  data::check_dataset(dataset, "evaluate");
  if (options.free) options.free->validate();
  const bool random = options.initialization.random;
  const DistilledSet taken = options.shuffle ? shuffled(set, options.seed) : set;
  return evaluate(network, trainer_of(network, taken, dataset, options),
                  random ? initial_weights(network, options.initialization, options.seed, RandomPurpose::evaluation)
                         : fixed_weights(set, network),
                  data::all_indices(random ? options.networks : 1), dataset.test, set.normalization,
                  options.skip_diverged, on_progress, team, ranks);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
