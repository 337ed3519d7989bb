#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/initial_images.hpp"
#include "hypertape/distill/kmeans.hpp"
#include "hypertape/distill/mean_and_std.hpp"
#include "hypertape/nn/network.hpp"

/// What the paper compares distilled images with (section 4): real images, average images and k-means centroids; how to
/// choose among them, and among learning rates for them. Random real images are `draw_real_images`.
namespace hypertape::inline HYPERTAPE_ABI::distill {

/// How to train on a set: a learning rate for each step of each epoch, and the update rule.
struct TrainingSchedule {
  Tensor<float> learning_rates;  ///< (epochs, steps)
  optim::Rule<float> rule{};     ///< of the inner steps
};

/// One learning rate for all steps of all epochs.
inline TrainingSchedule constant_schedule(double learning_rate, Index epochs, Index steps) {
  return {Tensor<float>(Shape{epochs, steps}, static_cast<float>(learning_rate))};
}

/// A set of images for one or more steps, each with `images_per_class` images of each class, class by class, and hard
/// labels.
inline DistilledSet baseline_set(std::vector<Tensor<float>> images, int classes, Index images_per_class,
                                 const data::Normalization& normalization, TrainingSchedule schedule) {
  DistilledSet set;
  set.labels.assign(images.size(), balanced_labels(classes, images_per_class));
  set.images = std::move(images);
  set.learning_rates = std::move(schedule.learning_rates);
  set.rule = schedule.rule;
  set.normalization = normalization;
  return set;
}

/// The same set with another training schedule.
inline DistilledSet with_schedule(DistilledSet set, const TrainingSchedule& schedule) {
  set.learning_rates = schedule.learning_rates;
  set.rule = schedule.rule;
  return set;
}

/// Average real images: for each class, the normalized mean of its images in `which`. As in the paper, every image of a
/// class, in all steps, is this mean. @throws ArgumentError naming a class without images.
inline std::vector<Tensor<float>> average_images(const data::LabeledImages& images, std::span<const Index> which,
                                                 const data::Normalization& normalization, Index steps,
                                                 Index images_per_class) {
  Tensor<float> batch(Shape::batch(images.classes * images_per_class, images.channels, images.height, images.width));
  const Index pixels = images.height * images.width;
  for (int k = 0; k < images.classes; ++k) {
    const std::vector<Index> of_class = data::indices_of_class(images, which, k);
    const auto count = static_cast<std::int64_t>(of_class.size());
    std::vector<std::int64_t> sums(static_cast<std::size_t>(images.bytes_per_image()));
    for (const Index i : of_class) {
      const std::uint8_t* image = images.pixels.data() + i * images.bytes_per_image();
      for (std::size_t f = 0; f < sums.size(); ++f) sums[f] += image[f];
    }
    if (count == 0) throw ArgumentError("average images: class ", k, " has no images");
    for (std::size_t f = 0; f < sums.size(); ++f) {
      const std::size_t c = f / static_cast<std::size_t>(pixels);
      const double mean = static_cast<double>(sums[f]) / (255.0 * static_cast<double>(count));
      const auto value = static_cast<float>((mean - double{normalization.mean[c]}) / double{normalization.std[c]});
      for (Index n = 0; n < images_per_class; ++n)
        batch.matrix()(k * images_per_class + n, static_cast<Index>(f)) = value;
    }
  }
  if (normalization.whitening) normalization.whitening->apply(batch);
  return std::vector(static_cast<std::size_t>(steps), batch);
}

/// The k-means centroids of each class's images in `which`, steps * images_per_class for each class.
/// @throws ArgumentError naming a class with too few images.
inline std::vector<Tensor<float>> kmeans_images(const data::LabeledImages& images, std::span<const Index> which,
                                                const data::Normalization& normalization, Index steps,
                                                Index images_per_class, Index most_iterations, Random random,
                                                const WorkerTeam& team) {
  const Shape shape = Shape::batch(images.classes * images_per_class, images.channels, images.height, images.width);
  std::vector<Tensor<float>> batches(static_cast<std::size_t>(steps), Tensor<float>(shape));
  const auto take = [&](int k, const std::vector<Index>&, const Tensor<float>&, const KMeans& found) {
    for (Index s = 0; s < steps; ++s) {
      set_samples(batches[static_cast<std::size_t>(s)], k * images_per_class,
                  samples(found.centroids, s * images_per_class, images_per_class));
    }
  };
  detail::cluster_classes(images, which, normalization, steps, images_per_class, most_iterations, random, team, take);
  return batches;
}

/// The numbers of the networks to train on set s when networks are spread over sets. Run r trains network r mod
/// `networks` on set r mod `sets`; there are max(sets, networks) runs.
inline std::vector<Index> networks_of_set(Index s, Index sets, Index networks) {
  std::vector<Index> numbers;
  for (Index run = s; run < (std::max)(sets, networks); run += sets) numbers.push_back(run % networks);
  return numbers;
}

/// Chooses among sets, and ways to train on them, by accuracy on training images that are in none of the sets. Test
/// images play no part.
class Selection {
 public:
  /// Trains networks from the weights `theta0` and tests them with the images `which`, which must outlive this object.
  /// @throws ArgumentError if there are no weights.
  Selection(nn::Network<float> network, std::vector<Tensor<float>> theta0, const data::LabeledImages& images,
            std::span<const Index> which)
      : network_(std::move(network)), theta0_(std::move(theta0)), images_(images), which_(which) {
    if (theta0_.empty()) throw ArgumentError("Selection: needs at least one network");
  }

  /// The mean accuracy in percent of networks that are spread over the sets (`networks_of_set`) and trained by the
  /// schedule. A network that diverges counts as 0. Ranks share the networks.
  double score(std::span<const DistilledSet> sets, const TrainingSchedule& schedule, const WorkerTeam& team,
               const Communicator& ranks = Communicator::alone()) const {
    const auto count = static_cast<Index>(sets.size()), networks = static_cast<Index>(theta0_.size());
    const auto accuracies_of = [&](Range own) {
      std::vector<double> percent(static_cast<std::size_t>(own.size()));
      for_each_network(team, own.size(), [&](Index i) {
        const Index run = own.begin + i;
        const DistilledSet set = with_schedule(sets[static_cast<std::size_t>(run % count)], schedule);
        percent[static_cast<std::size_t>(i)] = accuracy(set, theta0_[static_cast<std::size_t>(run % networks)], team);
      });
      return percent;
    };
    return mean_and_std(share_out<double>(ranks, (std::max)(count, networks), accuracies_of)).mean;
  }

 private:
  double accuracy(const DistilledSet& set, const Tensor<float>& weights, const WorkerTeam& team) const {
    const Index number = 0;
    const auto trained =
        train_networks(set_trainer(network_, set, 0), std::span(&weights, 1), std::span(&number, 1), team);
    return test_networks(network_, trained, images_, which_, set.normalization, team).front().confusion.accuracy();
  }

  nn::Network<float> network_;
  std::vector<Tensor<float>> theta0_;
  const data::LabeledImages& images_;
  std::span<const Index> which_;
};

/// The indices of the `wanted` best scores, best first; ties keep their order.
inline std::vector<Index> best_of(std::span<const double> scores, Index wanted) {
  std::vector<Index> order = data::all_indices(static_cast<Index>(scores.size()));
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  order.resize((std::min)(order.size(), static_cast<std::size_t>(wanted)));
  return order;
}

/// How many of several candidates to keep: a fifth, but at least one.
inline Index best_fifth(Index candidates) { return std::max<Index>(1, candidates / 5); }

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
