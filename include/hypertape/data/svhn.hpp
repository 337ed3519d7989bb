#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/dataset_files.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/mat.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

using hypertape::detail::concat;

/// The public names of the two files of SVHN's cropped digits that are used here.
inline constexpr std::array<const char*, 2> svhn_files = {"train_32x32.mat", "test_32x32.mat"};
/// Where the files of SVHN may be: in the folder itself.
inline constexpr DatasetFiles svhn_dataset_files{svhn_files};

namespace detail {

/// The digit of a label: 1 .. 9 are themselves, 10 is 0.
inline std::int32_t svhn_digit(double label, std::size_t n, const std::filesystem::path& path) {
  if (!(label >= 1 && label <= 10 && !(label > std::floor(label)))) {
    throw io::bad_content(path, concat("variable 'y', element ", n), "a label in 1 .. 10", concat(label));
  }
  return static_cast<std::int32_t>(label) % 10;
}

inline LabeledImages read_svhn(const std::filesystem::path& path) {
  constexpr Index side = 32, channels = 3;
  constexpr int classes = 10;
  const io::Mat variables = io::read_mat(path);
  const io::MatVariable& x = io::require_variable(variables, path, "X", {"uint8"}, {side, side, channels, -1});
  const io::MatVariable& y = io::require_variable(variables, path, "y", {"double", "uint8"}, {-1, 1});
  const Index count = x.shape[3];
  if (y.shape[0] != count) {
    throw io::bad_content(path, "variable 'y'", concat("as many labels as 'X' has images, ", count),
                          concat(y.shape[0]));
  }
  LabeledImages images{count, channels, side, side, classes, {}, {}};
  const auto take_labels = [&](const auto& labels) {
    for (std::size_t n = 0; n < labels.size(); ++n) {
      images.labels.push_back(svhn_digit(static_cast<double>(labels[n]), n, path));
    }
  };
  if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&y.values)) take_labels(*bytes);
  if (const auto* doubles = std::get_if<std::vector<double>>(&y.values)) take_labels(*doubles);
  images.pixels.reserve(static_cast<std::size_t>(count * images.bytes_per_image()));
  const std::uint8_t* columns =
      std::get<std::vector<std::uint8_t>>(x.values).data();  // X(row, column, channel, image), row fastest
  for (Index plane = 0; plane < images.count * channels; ++plane, columns += side * side) {
    for (Index row = 0; row < side; ++row) {
      for (Index column = 0; column < side; ++column) images.pixels.push_back(columns[column * side + row]);
    }
  }
  return images;
}

}  // namespace detail

/// Loads the cropped digits of SVHN from train_32x32.mat and test_32x32.mat, MAT files of version 5 with X uint8
/// (32, 32, 3, n) and y double or uint8 (n, 1), where 10 stands for the digit 0. Images are (n, 3, 32, 32), labels
/// 0 .. 9. The normalization is computed from the training images. @throws DataError naming the file, the variable,
/// what was expected and what was found, or every missing file.
inline Dataset load_svhn(const std::filesystem::path& folder) {
  const auto paths = locate_files(folder, svhn_dataset_files);
  Dataset dataset{"svhn", folder, detail::read_svhn(paths[0]), detail::read_svhn(paths[1]), {}};
  detail::take_classes_that_occur(dataset);
  dataset.normalization = compute_normalization(dataset.train);
  return dataset;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
