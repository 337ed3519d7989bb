#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/whitening.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

using hypertape::detail::concat;

/// Images as files hold them: one byte per value, row-major (count, channels, height, width), with labels in
/// 0 .. classes - 1.
struct LabeledImages {
  Index count = 0;                   ///< number of images
  Index channels = 0;                ///< per image
  Index height = 0;                  ///< in pixels
  Index width = 0;                   ///< in pixels
  int classes = 0;                   ///< number of classes
  std::vector<std::uint8_t> pixels;  ///< (count, channels, height, width), row-major
  std::vector<std::int32_t> labels;  ///< one per image, in 0 .. classes - 1

  /// The number of bytes of one image.
  Index bytes_per_image() const { return channels * height * width; }
};

/// How networks see images: (pixel / 255 - mean) / std, with the mean and standard deviation of pixel / 255 in each
/// channel, then whitened if there is a whitening.
struct Normalization {
  std::vector<float> mean;                               ///< one per channel
  std::vector<float> std;                                ///< one per channel
  std::shared_ptr<const Whitening> whitening = nullptr;  ///< applied to the normalized images; null for none

  /// Whether both present images to networks in the same way.
  friend bool operator==(const Normalization& a, const Normalization& b) {
    const bool whitened = a.whitening && b.whitening;
    return a.mean == b.mean && a.std == b.std && (whitened ? *a.whitening == *b.whitening : a.whitening == b.whitening);
  }
};

namespace detail {

/// Replaces each value of images (N, C, H, W), samples innermost, by map(value, mean, std) of its channel.
template <class Map>
void map_channels(Tensor<float>& images, const Normalization& normalization, const Map& map) {
  hypertape::detail::require_batch("normalization", "the images", images.shape());
  const Index channels = images.shape()[1], plane = images.size() / channels;
  if (static_cast<std::size_t>(channels) != normalization.mean.size()) {
    throw ArgumentError("the normalization has ", normalization.mean.size(), " channels, the images ", channels);
  }
  for (Index i = 0; i < images.size(); ++i) {
    const auto c = static_cast<std::size_t>(i / plane);
    images[i] = map(images[i], normalization.mean[c], normalization.std[c]);
  }
}

}  // namespace detail

/// Inverts the normalization: pixels / 255 (N, C, H, W) from images as networks see them. @throws ArgumentError if the
/// images have another number of channels; as `Whitening::undo`.
inline Tensor<float> denormalized(Tensor<float> images, const Normalization& normalization) {
  if (normalization.whitening) normalization.whitening->undo(images);
  detail::map_channels(images, normalization, [](float x, float mean, float std) { return x * std + mean; });
  return images;
}

/// Applies the normalization: images as networks see them from pixels / 255 (N, C, H, W). @throws ArgumentError if the
/// images have another number of channels; as `Whitening::apply`.
inline Tensor<float> normalized(Tensor<float> pixels, const Normalization& normalization) {
  detail::map_channels(pixels, normalization, [](float x, float mean, float std) { return (x - mean) / std; });
  if (normalization.whitening) normalization.whitening->apply(pixels);
  return pixels;
}

/// A training set, a test set, and how networks see their images.
struct Dataset {
  std::string name;                           ///< the name under which `load_dataset` knows it
  std::filesystem::path folder;               ///< where it was read from; empty if it was generated
  LabeledImages train;                        ///< training images
  LabeledImages test;                         ///< test images
  Normalization normalization;                ///< of both sets
  std::vector<std::string> class_names = {};  ///< of classes 0, 1, ...; empty if classes have only numbers
};

/// Which images to train on and which to hold out, as indices, so that no pixels are copied.
struct Split {
  std::vector<Index> train;     ///< to train on, ascending
  std::vector<Index> held_out;  ///< held out for validation, ascending
};

/// Checks that the sizes are positive and agree with the numbers of pixels and labels. @throws ArgumentError, starting
/// with `operation`, if not.
inline void check_sizes(const LabeledImages& images, const std::string& operation) {
  if ((std::min)({images.count, images.channels, images.height, images.width}) < 1) {
    throw ArgumentError(operation + ": the images have an extent below 1");
  }
  const auto count = static_cast<std::size_t>(images.count);
  if (images.labels.size() != count ||
      images.pixels.size() != count * static_cast<std::size_t>(images.bytes_per_image())) {
    throw ArgumentError(operation, ": ", count, " images of ", images.bytes_per_image(), " bytes do not match ",
                        images.pixels.size(), " pixels and ", images.labels.size(), " labels");
  }
}

namespace detail {

/// The sizes that all images of a dataset share.
inline std::array<Index, 4> form(const LabeledImages& images) {
  return {images.channels, images.height, images.width, images.classes};
}

}  // namespace detail

/// Like `check_sizes`, and also checks that there are at least two classes and that each label is one of them.
/// @throws ArgumentError naming the first image with a bad label; it calls the images `part` ("training", "test").
inline void check_labels(const LabeledImages& images, const std::string& operation, const std::string& part) {
  check_sizes(images, operation);
  if (images.classes < 2) {
    throw ArgumentError(operation, ": needs ", part, " images of two classes or more, got ", images.classes);
  }
  for (std::size_t n = 0; n < images.labels.size(); ++n) {
    if (images.labels[n] < 0 || images.labels[n] >= images.classes) {
      throw ArgumentError(operation, ": label ", images.labels[n], " of ", part, " image ", n, " is not in 0 .. ",
                          images.classes - 1);
    }
  }
}

/// Checks that both sets of a dataset are valid (`check_labels`, unless a set is empty) and of the same form. Every
/// function that uses a dataset calls it before any work. @throws ArgumentError, starting with `operation`, if not.
inline void check_dataset(const Dataset& dataset, const std::string& operation) {
  const LabeledImages &train = dataset.train, &test = dataset.test;
  if (train.count != 0) check_labels(train, operation, "training");
  if (test.count != 0) check_labels(test, operation, "test");
  if (train.count == 0 || test.count == 0) return;
  const auto text = [](const LabeledImages& some) {
    return concat(some.channels, " x ", some.height, " x ", some.width, " of ", some.classes, " classes");
  };
  if (detail::form(train) != detail::form(test)) {
    throw ArgumentError(operation, ": training images are ", text(train), ", test images ", text(test));
  }
}

namespace detail {

/// Reduces the classes to 0 .. the highest label of the training images, so that a subset of a dataset can stand in for
/// the whole. @throws DataError naming the dataset's folder and a class without training images.
inline void take_classes_that_occur(Dataset& dataset) {
  std::vector<bool> occurs(static_cast<std::size_t>(dataset.train.classes));
  for (const std::int32_t label : dataset.train.labels) occurs[static_cast<std::size_t>(label)] = true;
  while (!occurs.empty() && !occurs.back()) occurs.pop_back();
  const auto fail = [&](const std::string& what) { throw DataError(dataset.folder.string(), ": ", what); };
  const auto absent = std::find(occurs.begin(), occurs.end(), false) - occurs.begin();
  const auto classes = static_cast<int>(occurs.size());
  if (absent < classes) {
    fail(concat("expected training images of every class 0 .. ", classes - 1, ", found none of class ", absent));
  }
  if (classes < 2) fail("expected training images of two classes or more, found only class 0");
  for (const std::int32_t label : dataset.test.labels) {
    if (label >= classes)
      fail(concat("expected training images of class ", label, ", which a test image has, found none"));
  }
  dataset.train.classes = dataset.test.classes = classes;
  if (!dataset.class_names.empty()) dataset.class_names.resize(static_cast<std::size_t>(classes));
}

inline void check_indices(const LabeledImages& images, std::span<const Index> which, const std::string& operation) {
  for (const Index index : which) {
    if (index < 0 || index >= images.count) {
      throw ArgumentError(operation, ": index ", index, " is not in 0 .. ", images.count - 1);
    }
  }
}

inline void check_normalization(const LabeledImages& images, const Normalization& normalization,
                                const std::string& operation) {
  const auto channels = static_cast<std::size_t>(images.channels);
  if (normalization.mean.size() != channels || normalization.std.size() != channels) {
    throw ArgumentError(operation, ": expected ", channels, " means and standard deviations, one per channel, got ",
                        normalization.mean.size(), " and ", normalization.std.size());
  }
  for (const float std : normalization.std) {
    if (!(std > 0)) throw ArgumentError(operation, ": a standard deviation must be positive, got ", std);
  }
}

/// (pixel / 255 - mean) / std for each value of a byte.
template <class T>
std::array<T, 256> normalization_table(float mean, float std) {
  std::array<T, 256> table{};
  for (std::size_t pixel = 0; pixel < table.size(); ++pixel) {
    table[pixel] = static_cast<T>((static_cast<double>(pixel) / 255 - double{mean}) / double{std});
  }
  return table;
}

/// out[pixel * samples + n] = table[byte `pixel` of the plane that starts at `offset` in image which[n]].
///
/// A transposition, tiled for the cache: four images at a time keep their addresses in registers, 8 pixels keep the
/// written rows in L1 even if their stride is a power of two, and 128 samples keep the images' cache lines in L1 for
/// the next 8 pixels.
template <class T>
void gather_plane(const LabeledImages& images, std::span<const Index> which, Index offset,
                  const std::array<T, 256>& table, T* out) {
  constexpr Index tile_samples = 128;
  constexpr Index tile_pixels = 8;
  const auto samples = static_cast<Index>(which.size());
  const Index plane = images.height * images.width;
  const auto bytes = [&](Index n) {
    return images.pixels.data() + which[static_cast<std::size_t>(n)] * images.bytes_per_image() + offset;
  };
  const auto fill = [&](Range tile, Range pixels) {
    Index n = tile.begin;
    for (; n + 4 <= tile.end; n += 4) {
      const std::uint8_t *a = bytes(n), *b = bytes(n + 1), *c = bytes(n + 2), *d = bytes(n + 3);
      for (Index pixel = pixels.begin; pixel < pixels.end; ++pixel) {
        T* to = out + pixel * samples + n;
        to[0] = table[a[pixel]];
        to[1] = table[b[pixel]];
        to[2] = table[c[pixel]];
        to[3] = table[d[pixel]];
      }
    }
    for (; n < tile.end; ++n) {
      for (Index pixel = pixels.begin; pixel < pixels.end; ++pixel) out[pixel * samples + n] = table[bytes(n)[pixel]];
    }
  };
  for (Index n = 0; n < samples; n += tile_samples) {
    for (Index pixel = 0; pixel < plane; pixel += tile_pixels) {
      fill({n, (std::min)(n + tile_samples, samples)}, {pixel, (std::min)(pixel + tile_pixels, plane)});
    }
  }
}

/// How often each byte value occurs in a channel.
inline std::array<Index, 256> channel_histogram(const LabeledImages& images, Index channel) {
  std::array<Index, 256> histogram{};
  const Index plane = images.height * images.width;
  for (Index n = 0; n < images.count; ++n) {
    const std::uint8_t* row = images.pixels.data() + n * images.bytes_per_image() + channel * plane;
    for (Index pixel = 0; pixel < plane; ++pixel) ++histogram[row[pixel]];
  }
  return histogram;
}

}  // namespace detail

/// Fills `out` with the normalized (and whitened) images `which`, in that order, as a batch (n, channels, height,
/// width), samples innermost. Reuses the memory of `out` if it already has that shape. @throws ArgumentError if `which`
/// is empty or has an index out of range, or if the normalization has another number of channels.
template <class T>
void gather(const LabeledImages& images, std::span<const Index> which, const Normalization& normalization,
            Tensor<T>& out) {
  check_sizes(images, "gather");
  detail::check_indices(images, which, "gather");
  detail::check_normalization(images, normalization, "gather");
  if (which.empty()) throw ArgumentError("gather: needs at least one index");
  const auto samples = static_cast<Index>(which.size());
  const Shape shape = Shape::batch(samples, images.channels, images.height, images.width);
  out.resize(shape);
  const Index plane = images.height * images.width;
  for (Index c = 0; c < images.channels; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    const auto table = detail::normalization_table<T>(normalization.mean[channel], normalization.std[channel]);
    detail::gather_plane(images, which, c * plane, table, out.data() + c * plane * samples);
  }
  if (normalization.whitening) normalization.whitening->apply(out);
}

/// Fills `out` with the labels of the images `which` as one-hot rows (n, classes), samples innermost. Reuses the memory
/// of `out` if it already has that shape. @throws ArgumentError if `which` is empty or has an index out of range, or if
/// a label is not in 0 .. classes - 1.
template <class T>
void gather_one_hot(const LabeledImages& images, std::span<const Index> which, Tensor<T>& out) {
  check_sizes(images, "gather_one_hot");
  detail::check_indices(images, which, "gather_one_hot");
  if (which.empty()) throw ArgumentError("gather_one_hot: needs at least one index");
  const auto samples = static_cast<Index>(which.size());
  out.resize(Shape::batch(samples, images.classes));
  out.fill(T(0));
  for (Index n = 0; n < samples; ++n) {
    const Index image = which[static_cast<std::size_t>(n)], label = images.labels[static_cast<std::size_t>(image)];
    if (label < 0 || label >= images.classes) {
      throw ArgumentError("gather_one_hot: label ", label, " of image ", image, " is not in 0 .. ", images.classes - 1);
    }
    out[label * samples + n] = T(1);
  }
}

/// Computes the mean and standard deviation of pixel / 255 in each channel over all images. A constant channel gets the
/// standard deviation 1 instead of 0, so that it is normalized to 0 up to rounding. @throws ArgumentError if every
/// channel is constant, as there is nothing to learn.
inline Normalization compute_normalization(const LabeledImages& images) {
  check_sizes(images, "compute_normalization");
  Normalization normalization;
  const Index total = images.count * images.height * images.width;
  Index constant_channels = 0;
  for (Index c = 0; c < images.channels; ++c) {
    const std::array<Index, 256> histogram = detail::channel_histogram(images, c);
    const bool constant = *std::max_element(histogram.begin(), histogram.end()) == total;
    if (constant) ++constant_channels;
    const auto average = [&](const auto& function) {
      double sum = 0;
      for (std::size_t i = 0; i < 256; ++i) sum += static_cast<double>(histogram[i]) * function(static_cast<double>(i));
      return sum / static_cast<double>(total);
    };
    const double mean = average([](double value) { return value; });
    const double variance = average([&](double value) { return (value - mean) * (value - mean); });
    normalization.mean.push_back(static_cast<float>(mean / 255));
    normalization.std.push_back(constant ? 1.0f : static_cast<float>(std::sqrt(variance) / 255));
  }
  if (constant_channels == images.channels) {
    throw ArgumentError("compute_normalization: all ", images.count, " images are of one and the same color");
  }
  return normalization;
}

/// Holds out `held_out` images drawn at random, the same for the same seed; both lists are sorted.
/// @throws ArgumentError unless 0 <= held_out < count.
inline Split split(const LabeledImages& images, Index held_out, std::uint64_t seed) {
  if (held_out < 0 || held_out >= images.count) {
    throw ArgumentError("split: cannot hold out ", held_out, " of ", images.count, " images");
  }
  Split parts;
  parts.train = Random(seed).permutation(images.count);
  parts.held_out.assign(parts.train.end() - held_out, parts.train.end());
  parts.train.resize(parts.train.size() - static_cast<std::size_t>(held_out));
  std::sort(parts.train.begin(), parts.train.end());
  std::sort(parts.held_out.begin(), parts.held_out.end());
  return parts;
}

/// Copies the images `which`, in that order. @throws ArgumentError if an index is out of range.
inline LabeledImages select(const LabeledImages& images, std::span<const Index> which) {
  check_sizes(images, "select");
  detail::check_indices(images, which, "select");
  LabeledImages selected{0, images.channels, images.height, images.width, images.classes, {}, {}};
  const Index stride = images.bytes_per_image();
  selected.pixels.reserve(which.size() * static_cast<std::size_t>(stride));
  for (const Index index : which) {
    const auto pixels = images.pixels.begin() + index * stride;
    selected.pixels.insert(selected.pixels.end(), pixels, pixels + stride);
    selected.labels.push_back(images.labels[static_cast<std::size_t>(index)]);
    ++selected.count;
  }
  return selected;
}

/// Appends `images` to `to`. @throws ArgumentError unless both have the same channels, height, width and classes.
inline void append(const LabeledImages& images, LabeledImages& to) {
  if (detail::form(images) != detail::form(to)) {
    throw ArgumentError("append: images of ", images.channels, " x ", images.height, " x ", images.width, ", ",
                        images.classes, " classes, do not match ", to.channels, " x ", to.height, " x ", to.width, ", ",
                        to.classes, " classes");
  }
  to.pixels.insert(to.pixels.end(), images.pixels.begin(), images.pixels.end());
  to.labels.insert(to.labels.end(), images.labels.begin(), images.labels.end());
  to.count += images.count;
}

/// The indices 0 ... count - 1.
inline std::vector<Index> all_indices(Index count) {
  std::vector<Index> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), Index{0});
  return indices;
}

/// The indices in `which` of images with this label, in their order. @throws ArgumentError if an index is out of range.
inline std::vector<Index> indices_of_class(const LabeledImages& images, std::span<const Index> which,
                                           std::int32_t label) {
  detail::check_indices(images, which, "indices_of_class");
  std::vector<Index> indices;
  for (const Index i : which) {
    if (images.labels[static_cast<std::size_t>(i)] == label) indices.push_back(i);
  }
  return indices;
}
/// The same for all images.
inline std::vector<Index> indices_of_class(const LabeledImages& images, std::int32_t label) {
  return indices_of_class(images, all_indices(images.count), label);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
