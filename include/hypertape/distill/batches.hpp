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

/// How many of the named images each class has. @throws ArgumentError if one of them is not there.
inline std::vector<Index> class_sizes(const data::LabeledImages& images, std::span<const Index> which) {
  std::vector<Index> sizes;
  for (Index k = 0; k < images.classes; ++k) {
    sizes.push_back(static_cast<Index>(data::indices_of_class(images, which, static_cast<std::int32_t>(k)).size()));
  }
  return sizes;
}

/// Whether one class has more than twice the images of another that has any.
inline bool unequal_classes(const data::LabeledImages& images) {
  std::vector<Index> sizes = class_sizes(images, data::all_indices(images.count));
  std::erase(sizes, 0);
  if (sizes.empty()) return false;
  const auto [least, most] = std::ranges::minmax(sizes);
  return most > 2 * least;
}

/// Batches of images: a sequence without an end, each batch of which is a function of seed and number.
///
/// Plain ones take the images in random order, each once in an epoch; the rest that fills no batch waits for another
/// epoch. Balanced ones have of each class that has images the same number, or one more: the classes take turns, and
/// each goes through its own images in random order, again and again.
class Batches {
 public:
  /// Of the images `which`. @throws ArgumentError unless they fill a batch.
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
  /// Balanced ones of images 0 .. count - 1, which are `classes` runs of as many images each, class by class; the seed
  /// also says in which order classes take turns. @throws ArgumentError unless they are, and fill a batch.
  Batches(Index count, Index classes, Index size, std::uint64_t seed)
      : size_(size), seed_(seed), purpose_(RandomPurpose::balanced_batches), balanced_(true) {
    if (classes < 1 || count % classes != 0 || size < 1 || size > count) {
      throw ArgumentError("Batches: ", count, " images of ", classes, " classes make no balanced batches of ", size);
    }
    const Index each = count / classes;
    for (const Index k : random_stream(seed, purpose_).permutation(classes)) {
      parts_.push_back({data::all_indices(each), {}});
      for (Index& image : parts_.back().images) image += k * each;
    }
  }

  /// Makes `batch` the images of batch `number`, in their order.
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
  /// Images that are gone through in random order, another one in each epoch.
  struct Part {
    std::vector<Index> images;
    std::vector<Index> order;
    Index epoch = -1;  // of the order
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
  std::vector<Part> parts_;  // one for each class if they are balanced
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
