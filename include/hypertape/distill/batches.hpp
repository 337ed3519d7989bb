#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/random_purpose.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The number of images of each class among `which`. @throws ArgumentError if an index is out of range.
inline std::vector<Index> class_sizes(const data::LabeledImages& images, std::span<const Index> which) {
  std::vector<Index> sizes;
  for (Index k = 0; k < images.classes; ++k) {
    sizes.push_back(static_cast<Index>(data::indices_of_class(images, which, static_cast<std::int32_t>(k)).size()));
  }
  return sizes;
}

/// Whether some class has more than twice as many images as another that is not empty.
inline bool unequal_classes(const data::LabeledImages& images) {
  std::vector<Index> sizes = class_sizes(images, data::all_indices(images.count));
  std::erase(sizes, 0);
  if (sizes.empty()) return false;
  const auto [least, most] = std::ranges::minmax(sizes);
  return most > 2 * least;
}

/// An endless sequence of image batches; each batch is a function of the seed and its number.
///
/// Plain batches take each image once per epoch, in random order. Images left over at the end of an epoch, too few for
/// a batch, are skipped. Balanced batches have equally many images of each non-empty class, to within one: the classes
/// take turns, and each goes through its own images in random order, over and over.
class Batches {
 public:
  /// Batches of the images `which`. @throws ArgumentError if there are fewer images than `size`.
  Batches(const data::LabeledImages& images, std::vector<Index> which, Index size, bool balanced, std::uint64_t seed)
      : size_(size),
        seed_(seed),
        purpose_(balanced ? RandomPurpose::balanced_batches : RandomPurpose::batches),
        balanced_(balanced) {
    if (size < 1 || size > static_cast<Index>(which.size())) {
      throw ArgumentError("Batches: ", which.size(), " images do not fill a batch of ", size);
    }
    if (!balanced) {
      parts_.push_back({std::move(which), {}});
      return;
    }
    for (std::int32_t k = 0; k < images.classes; ++k) {
      std::vector<Index> of_class = data::indices_of_class(images, which, k);
      if (!of_class.empty()) parts_.push_back({std::move(of_class), {}});
    }
  }
  /// Balanced batches of images 0 .. count - 1, sorted by class, with equally many in each. The seed also determines
  /// the order in which classes take turns. @throws ArgumentError unless `count` is a multiple of `classes` and at
  /// least `size`.
  Batches(Index count, Index classes, Index size, std::uint64_t seed)
      : size_(size), seed_(seed), purpose_(RandomPurpose::balanced_batches), balanced_(true) {
    if (classes < 1 || count % classes != 0 || size < 1 || size > count) {
      throw ArgumentError("Batches: ", count, " images of ", classes, " classes cannot make balanced batches of ",
                          size);
    }
    const Index each = count / classes;
    for (const Index k : random_stream(seed, purpose_).permutation(classes)) {
      parts_.push_back({data::all_indices(each), {}});
      for (Index& image : parts_.back().images) image += k * each;
    }
  }

  /// Replaces `batch` by the image indices of batch `number`.
  void draw(Index number, std::vector<Index>& batch) {
    batch.clear();
    if (!balanced_) {
      const auto per_epoch = static_cast<Index>(parts_.front().images.size()) / size_;
      const Index first = (number % per_epoch) * size_;
      for (Index i = first; i < first + size_; ++i) batch.push_back(image(0, number / per_epoch, i));
      return;
    }
    const auto classes = static_cast<Index>(parts_.size());
    for (Index place = number * size_; place < (number + 1) * size_; ++place) {
      const Index turn = place / classes, part = place % classes;
      const auto images = static_cast<Index>(parts_[static_cast<std::size_t>(part)].images.size());
      batch.push_back(image(part, turn / images, turn % images));
    }
  }

 private:
  /// Images visited in a random order that is new in each epoch.
  struct Part {
    std::vector<Index> images;
    std::vector<Index> order;
    Index epoch = -1;  // the epoch that `order` is for
  };

  Index image(Index part, Index epoch, Index i) {
    Part& p = parts_[static_cast<std::size_t>(part)];
    if (p.epoch != epoch) {
      const auto count = static_cast<Index>(p.images.size());
      p.order = random_stream(seed_, purpose_, epoch * static_cast<Index>(parts_.size()) + part).permutation(count);
      p.epoch = epoch;
    }
    return p.images[static_cast<std::size_t>(p.order[static_cast<std::size_t>(i)])];
  }

  Index size_;
  std::uint64_t seed_;
  RandomPurpose purpose_;
  bool balanced_;
  std::vector<Part> parts_;  // one per class if balanced
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
