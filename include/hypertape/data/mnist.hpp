#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/convert.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/dataset_files.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/idx.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

using hypertape::detail::concat;

/// The public names of the four files of MNIST and its drop-in replacements.
inline constexpr std::array<const char*, 4> mnist_files = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
/// Where the files of MNIST may be: in the folder itself, plain or gzipped.
inline constexpr DatasetFiles mnist_dataset_files{mnist_files, true};

namespace detail {

inline Normalization mnist_normalization(const std::string& name) {
  if (name == "mnist") return {{0.1307f}, {0.3081f}};
  if (name == "fashion-mnist") return {{0.2860f}, {0.3530f}};
  throw ArgumentError("load_mnist_like: expected the name mnist or fashion-mnist, got " + name);
}

inline LabeledImages load_mnist_part(const std::filesystem::path& image_path, const std::filesystem::path& label_path) {
  constexpr Index side = 28;
  constexpr int classes = 10;
  io::IdxArray images = io::read_idx_images(image_path);
  const io::IdxArray labels = io::read_idx_labels(label_path);
  if (images.dims[1] != side || images.dims[2] != side) {
    throw io::bad_content(image_path, "byte 8", "images of 28 x 28", concat(images.dims[1], " x ", images.dims[2]));
  }
  if (labels.dims[0] != images.dims[0]) {
    throw io::bad_content(label_path, "byte 4",
                          concat("as many labels as ", image_path.string(), " has images, ", images.dims[0]),
                          concat(labels.dims[0]));
  }
  for (std::size_t n = 0; n < labels.bytes.size(); ++n) {
    if (labels.bytes[n] < classes) continue;
    throw io::bad_content(label_path, concat("byte ", 8 + n), "a label in 0 .. 9", concat(int{labels.bytes[n]}));
  }
  return {images.dims[0], 1, side, side, classes, std::move(images.bytes), {labels.bytes.begin(), labels.bytes.end()}};
}

}  // namespace detail

/// Loads the four files of MNIST (`name` "mnist") or Fashion-MNIST ("fashion-mnist") from a folder. Images are
/// (n, 1, 28, 28), labels 0 .. 9, with class names for Fashion-MNIST. If the highest labels do not occur, there are
/// fewer classes. The normalization is computed from the full training set, rounded to four digits. @throws DataError
/// naming the file, the byte offset, what was expected and what was found; or every missing file; or a class below the
/// highest without training images; ArgumentError for another name.
inline Dataset load_mnist_like(const std::string& name, const std::filesystem::path& folder) {
  Normalization normalization = detail::mnist_normalization(name);
  const auto paths = locate_files(folder, mnist_dataset_files);
  Dataset dataset{name, folder, detail::load_mnist_part(paths[0], paths[1]),
                  detail::load_mnist_part(paths[2], paths[3]), std::move(normalization)};
  if (name == "fashion-mnist") {
    dataset.class_names = {"T-shirt", "trouser", "pullover", "dress", "coat",
                           "sandal",  "shirt",   "sneaker",  "bag",   "boot"};
  }
  detail::take_classes_that_occur(dataset);
  return dataset;
}

/// Loads MNIST in the form of SVHN: images (n, 3, 32, 32), padded by 2 zero pixels on each side as for LeNet, with the
/// gray channel repeated three times, and so its normalization. @throws as `load_mnist_like`.
inline Dataset load_mnist_rgb(const std::filesystem::path& folder) {
  const Dataset mnist = load_mnist_like("mnist", folder);
  const auto three_times = [](const std::vector<float>& value) { return std::vector<float>(3, value[0]); };
  return {"mnist-rgb",
          folder,
          gray_to_rgb(pad(mnist.train, 2)),
          gray_to_rgb(pad(mnist.test, 2)),
          {three_times(mnist.normalization.mean), three_times(mnist.normalization.std)}};
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
