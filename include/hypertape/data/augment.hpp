#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// How training images are varied at random, each time that they are seen.
struct Augmentation {
  Index padding = 0;  ///< zero pixels around an image, from which a crop of its own size is taken
  bool flip = false;  ///< left and right are swapped with probability 1/2
};

/// Which draws a block of a batch takes. Sample i of the block depends on (seed, iteration, first + i) alone, and so
/// not on how the batch is cut into blocks.
struct AugmentationDraws {
  std::uint64_t seed = 0;       ///< of the run
  std::uint64_t iteration = 0;  ///< in which the batch is seen
  Index first = 0;              ///< position in the batch of the block's first sample
};

namespace detail {

/// out(y, x) = plane(y + down, x + right), zero outside of it; with x counted from the right end if `flipped`. `out` is
/// zero before.
inline void crop_plane(const std::uint8_t* plane, Index height, Index width, Index down, Index right, bool flipped,
                       std::uint8_t* out) {
  const Index begin = std::clamp(-right, Index{0}, width), end = std::clamp(width - right, Index{0}, width);
  for (Index y = (std::max)(-down, Index{0}); y < (std::min)(height - down, height); ++y) {
    std::uint8_t* to = out + y * width;
    if (begin < end) std::copy_n(plane + (y + down) * width + begin + right, end - begin, to + begin);
    if (flipped) std::reverse(to, to + width);
  }
}

/// The images `which`, each in its own variation.
inline LabeledImages augmented(const LabeledImages& images, std::span<const Index> which,
                               const Augmentation& augmentation, const AugmentationDraws& draws) {
  constexpr std::uint64_t purpose = 0x6175676d656e74;  // "augment", to share no stream with other users of the seed
  const auto samples = static_cast<Index>(which.size());
  LabeledImages varied{samples, images.channels, images.height, images.width, images.classes, {}, {}};
  varied.pixels.resize(static_cast<std::size_t>(samples * images.bytes_per_image()));
  varied.labels.resize(which.size());
  const Index plane = images.height * images.width;
  for (Index n = 0; n < samples; ++n) {
    Random random(draws.seed, {purpose, draws.iteration, static_cast<std::uint64_t>(draws.first + n)});
    const Index down = random.below(2 * augmentation.padding + 1) - augmentation.padding;
    const Index right = random.below(2 * augmentation.padding + 1) - augmentation.padding;
    const bool flipped = augmentation.flip && random.uniform() < 0.5;
    const std::uint8_t* from = images.pixels.data() + which[static_cast<std::size_t>(n)] * images.bytes_per_image();
    for (Index c = 0; c < images.channels; ++c) {
      crop_plane(from + c * plane, images.height, images.width, down, right, flipped,
                 varied.pixels.data() + (n * images.channels + c) * plane);
    }
  }
  return varied;
}

}  // namespace detail

/// As `gather`, with each image cropped at a random place of its padded self and flipped at random. Padding is black,
/// the byte 0, which normalization then shifts. Without padding and flips the values are those of `gather`.
/// @throws ArgumentError as `gather`, or if the padding or the first position is negative.
template <class T>
void gather_augmented(const LabeledImages& images, std::span<const Index> which, const Normalization& normalization,
                      const Augmentation& augmentation, const AugmentationDraws& draws, Tensor<T>& out) {
  if (augmentation.padding < 0 || draws.first < 0) {
    throw ArgumentError("gather_augmented: padding and first position must not be negative, got ", augmentation.padding,
                        " and ", draws.first);
  }
  if (which.empty() || (augmentation.padding == 0 && !augmentation.flip)) {
    return gather(images, which, normalization, out);
  }
  check_sizes(images, "gather_augmented");
  detail::check_indices(images, which, "gather_augmented");
  const std::vector<Index> all = all_indices(static_cast<Index>(which.size()));
  gather<T>(detail::augmented(images, which, augmentation, draws), all, normalization, out);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
