#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common.hpp"
#include "initialization.hpp"

namespace hypertape::cli {

/// The training images that a command holds out for its choices.
struct HoldOut {
  Index count = 0;         ///< how many
  std::uint64_t seed = 0;  ///< for `distill::hold_out`, which draws them
  bool seen = false;       ///< whether a pool's networks were, or may have been, trained on them

  /// A remark to print after a score on them; often empty.
  const char* remark() const { return seen ? " (seen by the pool)" : ""; }
};

/// Chooses the images to hold out: if the weights come from a pool trained on the same images, those that it has not
/// seen. If there are none, sets `seen` and prints a warning. Sets `count`, the value of `option`, if it is empty.
/// @throws ArgumentError if it is too large; DataError if the pool cannot be read.
HoldOut choose_hold_out(const char* option, std::optional<Index>& count, const data::Dataset& dataset,
                        const InitializationOptions& initialization, std::uint64_t seed);

/// Sets an empty --batch to the number of images that are not held out, at most `most`. @throws ArgumentError if it is
/// larger than that number.
void choose_batch(std::optional<Index>& batch, Index most, Index hold_out, Index images);

/// The name of a class, or its number if it has none.
std::string class_name(const data::Dataset& dataset, std::size_t k);

/// Checks that the training images `which` include at least `wanted` of each class. @throws ArgumentError starting with
/// `what` and naming a class with too few, with both numbers.
void require_of_each_class(const data::Dataset& dataset, std::span<const Index> which, std::span<const Index> wanted,
                           const std::string& what);

/// The sizes as a message: "180 training images, 36 of them held out, batches of 144".
std::string sizes_text(Index images, Index hold_out, Index batch);

}  // namespace hypertape::cli
