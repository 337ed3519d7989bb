#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// A confusion matrix: how many images of each class a network predicts as each class, or gives no prediction for.
/// Shares are in percent; the share of no images is NaN.
class Confusion {
 public:
  /// An empty matrix for this many classes.
  explicit Confusion(Index classes)
      : classes_(classes),
        counts_(static_cast<std::size_t>(classes * classes)),
        none_(static_cast<std::size_t>(classes)) {}

  /// The number of classes.
  Index classes() const { return classes_; }
  /// The number of images of class `truth` that are predicted as `taken_for`.
  Index count(Index truth, Index taken_for) const {
    return counts_[static_cast<std::size_t>(truth * classes_ + taken_for)];
  }
  /// Counts one image. @throws ArgumentError if either class is out of range.
  void add(Index truth, Index taken_for) {
    require_class(truth);
    require_class(taken_for);
    ++counts_[static_cast<std::size_t>(truth * classes_ + taken_for)];
  }
  /// Counts one image without a prediction, as the network's outputs are not finite. @throws ArgumentError if its class
  /// is out of range.
  void add_none(Index truth) {
    require_class(truth);
    ++none_[static_cast<std::size_t>(truth)];
  }

  /// All counts as one list, whose length depends only on the number of classes.
  std::vector<Index> numbers() const {
    std::vector<Index> all = counts_;
    all.insert(all.end(), none_.begin(), none_.end());
    return all;
  }
  /// Replaces the counts by those from `numbers` of a matrix of as many classes.
  void set_numbers(std::span<const Index> numbers) {
    std::copy_n(numbers.begin(), counts_.size(), counts_.begin());
    std::copy_n(numbers.begin() + classes_ * classes_, none_.size(), none_.begin());
  }

  /// Adds the counts of another matrix of as many classes.
  Confusion& operator+=(const Confusion& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    for (std::size_t k = 0; k < none_.size(); ++k) none_[k] += other.none_[k];
    return *this;
  }

  /// The share of all images that are classified correctly.
  double accuracy() const {
    return share([](Index truth, Index taken_for) { return truth == taken_for; }, every_class);
  }

  /// The mean of the classes' accuracies over the classes that have images, so that each class weighs the same whatever
  /// its size.
  double balanced_accuracy() const {
    return mean_over_classes([&](Index k) { return rate(k, k); });
  }

  /// The share of the images of class `truth` that are predicted as `taken_for`.
  double rate(Index truth, Index taken_for) const {
    return share([&](Index, Index k) { return k == taken_for; }, [&](Index k) { return k == truth; });
  }

  /// The accuracy if images of class `from` are supposed to be predicted as `to`.
  double relabeled_accuracy(Index from, Index to) const {
    return share([&](Index truth, Index taken_for) { return taken_for == (truth == from ? to : truth); }, every_class);
  }

  /// The same as a mean over classes, as in `balanced_accuracy`.
  double balanced_relabeled_accuracy(Index from, Index to) const {
    return mean_over_classes([&](Index k) { return rate(k, k == from ? to : k); });
  }

  /// The accuracy on the images of all classes but `left_out`.
  double accuracy_without(Index left_out) const {
    return share([](Index truth, Index taken_for) { return truth == taken_for; },
                 [&](Index truth) { return truth != left_out; });
  }

 private:
  static bool every_class(Index) { return true; }

  void require_class(Index k) const {
    if (k >= 0 && k < classes_) return;
    throw ArgumentError("Confusion: class ", k, " is not in 0 .. ", classes_ - 1);
  }

  /// The mean of a share of each class's images over the classes that have images.
  template <class Share>
  double mean_over_classes(const Share& share_of) const {
    double sum = 0, classes = 0;
    for (Index k = 0; k < classes_; ++k) {
      const double percent = share_of(k);
      if (std::isnan(percent)) continue;
      sum += percent;
      ++classes;
    }
    return sum / classes;
  }

  /// The percentage of `right` predictions among the images whose class is `selected`.
  template <class Right, class Selected>
  double share(const Right& right, const Selected& selected) const {
    Index good = 0, all = 0;
    for (Index truth = 0; truth < classes_; ++truth) {
      if (!selected(truth)) continue;
      all += none_[static_cast<std::size_t>(truth)];
      for (Index k = 0; k < classes_; ++k) {
        all += count(truth, k);
        if (right(truth, k)) good += count(truth, k);
      }
    }
    return 100.0 * static_cast<double>(good) / static_cast<double>(all);
  }

  Index classes_;
  std::vector<Index> counts_;  // (classes, classes)
  std::vector<Index> none_;    // (classes)
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
