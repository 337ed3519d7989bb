#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common.hpp"
#include "initialization.hpp"

namespace hypertape::cli {

/// The training images that a command keeps back to choose with.
struct HoldOut {
  Index count = 0;         ///< how many
  std::uint64_t seed = 0;  ///< that draws them, as `distill::hold_out` does
  bool seen = false;       ///< whether the networks of a pool were, or may have been, trained on them

  /// What goes with a score on them, where it must.
  const char* remark() const { return seen ? " (seen by the pool)" : ""; }
};

/// Finds the images to hold out: where the weights are those of a pool that was trained on the same images, ones that
/// it has not seen; if there are none, the result says so, and a line on the standard error. `count`, the value of
/// `option`, becomes their number if it has none. @throws ArgumentError if it is too large; DataError if the pool
/// cannot be read.
HoldOut choose_hold_out(const char* option, std::optional<Index>& count, const data::Dataset& dataset,
                        const InitializationOptions& initialization, std::uint64_t seed);

/// Gives --batch, if it has none, as many images as are not held out, but `most` at most.
/// @throws ArgumentError if it is larger than that number.
void choose_batch(std::optional<Index>& batch, Index most, Index hold_out, Index images);

/// The name of a class, or its number.
std::string class_name(const data::Dataset& dataset, std::size_t k);

/// Makes sure that the training images `which` have enough of each class. @throws ArgumentError, starting with `what`,
/// naming a class that has fewer than `wanted` says of it, with both numbers.
void require_of_each_class(const data::Dataset& dataset, std::span<const Index> which, std::span<const Index> wanted,
                           const std::string& what);

/// What became of these, for the screen: "180 training images, 36 of them held out, batches of 144".
std::string sizes_text(Index images, Index hold_out, Index batch);

}  // namespace hypertape::cli
