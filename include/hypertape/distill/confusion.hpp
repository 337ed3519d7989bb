#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// How many images of each class a network takes for each class, or for none. Shares are in percent; one of no images
/// is NaN.
class Confusion {
 public:
  /// Of no image yet, for so many classes.
  explicit Confusion(Index classes)
      : classes_(classes),
        counts_(static_cast<std::size_t>(classes * classes)),
        none_(static_cast<std::size_t>(classes)) {}

  /// The number of classes.
  Index classes() const { return classes_; }
  /// Images of class `truth` that are taken for class `taken_for`.
  Index count(Index truth, Index taken_for) const {
    return counts_[static_cast<std::size_t>(truth * classes_ + taken_for)];
  }
  /// Counts one image. @throws ArgumentError if one of the two is no class.
  void add(Index truth, Index taken_for) {
    require_class(truth);
    require_class(taken_for);
    ++counts_[static_cast<std::size_t>(truth * classes_ + taken_for)];
  }
  /// Counts one image that is taken for nothing, as the network's outputs are no numbers. @throws ArgumentError if its
  /// label is no class.
  void add_none(Index truth) {
    require_class(truth);
    ++none_[static_cast<std::size_t>(truth)];
  }

  /// All counts as numbers in a row; as many for each Confusion of these classes.
  std::vector<Index> numbers() const {
    std::vector<Index> all = counts_;
    all.insert(all.end(), none_.begin(), none_.end());
    return all;
  }
  /// Takes back what `numbers` gave, of the same number of classes.
  void set_numbers(std::span<const Index> numbers) {
    std::copy_n(numbers.begin(), counts_.size(), counts_.begin());
    std::copy_n(numbers.begin() + classes_ * classes_, none_.size(), none_.begin());
  }

  /// Counts the other's images as well. Both must be of the same number of classes.
  Confusion& operator+=(const Confusion& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    for (std::size_t k = 0; k < none_.size(); ++k) none_[k] += other.none_[k];
    return *this;
  }

  /// All that are taken for what they are.
  double accuracy() const {
    return share([](Index truth, Index taken_for) { return truth == taken_for; }, every_class);
  }

  /// The mean over the classes that have images of what share of a class is taken for what it is: however many images
  /// a class has, it counts as much as any other.
  double balanced_accuracy() const {
    return mean_over_classes([&](Index k) { return rate(k, k); });
  }

  /// Of the images of one class, those taken for `taken_for`.
  double rate(Index truth, Index taken_for) const {
    return share([&](Index, Index k) { return k == taken_for; }, [&](Index k) { return k == truth; });
  }

  /// All that are taken for what they are, but those of class `from` for `to`.
  double relabeled_accuracy(Index from, Index to) const {
    return share([&](Index truth, Index taken_for) { return taken_for == (truth == from ? to : truth); }, every_class);
  }

  /// The same with each class counting as much as any other, as in `balanced_accuracy`.
  double balanced_relabeled_accuracy(Index from, Index to) const {
    return mean_over_classes([&](Index k) { return rate(k, k == from ? to : k); });
  }

  /// Of the images of all classes but one, those taken for what they are.
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

  /// The mean of a share of each class's images over the classes that have any.
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

  /// Of the images whose class is `selected`, the percentage that is `right`.
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
