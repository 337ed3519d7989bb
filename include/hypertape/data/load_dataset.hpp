#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/cifar10.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/dataset_files.hpp"
#include "hypertape/data/glyphs.hpp"
#include "hypertape/data/mnist.hpp"
#include "hypertape/data/svhn.hpp"
#include "hypertape/data/usps.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

using hypertape::detail::concat;

namespace detail {

/// An environment variable as a path; nothing if it is unset or empty.
inline std::optional<std::filesystem::path> path_from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

inline std::optional<std::filesystem::path> cache_folder() {
  if (auto cache = path_from_environment("XDG_CACHE_HOME")) return cache;
  if (auto home = path_from_environment("HOME")) return *home / ".cache";
  return std::nullopt;
}

/// A dataset that is read from files.
struct StoredDataset {
  const char* name;
  DatasetFiles layout;
  Dataset (*load)(const std::filesystem::path& folder);
  const char* folder_name;          // NAME in `dataset_places`
  const char* package = "";         // Debian package that provides it,
  const char* package_folder = "";  // and where it installs the files
};

inline const std::array<StoredDataset, 7>& stored_datasets() {
  using Path = std::filesystem::path;
  static const std::array<StoredDataset, 7> datasets = {{
      {"mnist", mnist_dataset_files, [](const Path& folder) { return load_mnist_like("mnist", folder); }, "mnist"},
      {"fashion-mnist", mnist_dataset_files,
       [](const Path& folder) { return load_mnist_like("fashion-mnist", folder); }, "fashion-mnist",
       "dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist"},
      {"mnist-rgb", mnist_dataset_files, load_mnist_rgb, "mnist"},
      {"usps", usps_dataset_files, load_usps, "usps"},
      {"usps-resplit", usps_dataset_files, load_usps_resplit, "usps"},
      {"cifar-10", cifar10_dataset_files, load_cifar10, "cifar-10"},
      {"svhn", svhn_dataset_files, load_svhn, "svhn"},
  }};
  return datasets;
}

/// The number of generated glyphs and their seed never change, so that results on them stay comparable.
inline Dataset standard_glyphs() {
  constexpr Index train_count = 12'000;
  constexpr Index test_count = 2'000;
  constexpr std::uint64_t seed = 1;
  return generate_glyphs(train_count, test_count, seed);
}

}  // namespace detail

/// The names that `load_dataset` knows.
inline std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const auto& dataset : detail::stored_datasets()) names.emplace_back(dataset.name);
  names.emplace_back("glyphs");
  return names;
}

namespace detail {

/// @throws ArgumentError unless the name is that of a dataset read from files.
inline const StoredDataset& stored_dataset(const std::string& name) {
  for (const StoredDataset& dataset : stored_datasets()) {
    if (name == dataset.name) return dataset;
  }
  std::string known;
  for (const std::string& other : dataset_names()) known += (known.empty() ? "" : ", ") + other;
  throw ArgumentError("load_dataset: unknown data set " + name + "; expected one of " + known);
}

}  // namespace detail

/// The folder name of a dataset's files, shared by datasets made from the same files: usps for usps-resplit, mnist for
/// mnist-rgb. A dataset without files gives its own name.
inline std::string dataset_files(const std::string& name) {
  for (const detail::StoredDataset& dataset : detail::stored_datasets()) {
    if (name == dataset.name) return dataset.folder_name;
  }
  return name;
}

/// The folders where a dataset's files are looked for by default: $HYPERTAPE_DATA/NAME, then hypertape/NAME in
/// $XDG_CACHE_HOME or ~/.cache, then, for Fashion-MNIST, where Debian's package installs it. NAME is mnist for
/// mnist-rgb and usps for usps-resplit. Glyphs have no folders. @throws ArgumentError for an unknown name.
inline std::vector<std::filesystem::path> dataset_places(const std::string& name) {
  if (name == "glyphs") return {};
  const detail::StoredDataset& dataset = detail::stored_dataset(name);
  std::vector<std::filesystem::path> places;
  if (const auto root = detail::path_from_environment("HYPERTAPE_DATA")) places.push_back(*root / dataset.folder_name);
  if (const auto cache = detail::cache_folder()) places.push_back(*cache / "hypertape" / dataset.folder_name);
  if (*dataset.package_folder != '\0') places.emplace_back(dataset.package_folder);
  return places;
}

/// Loads a dataset from the first of these folders that holds any of its files. A folder with only some of them is an
/// error, and is not skipped. @throws DataError listing the folders and what to do if no folder holds any; as the
/// dataset's loader; ArgumentError for an unknown name, or glyphs.
inline Dataset load_from_places(const std::string& name, const std::vector<std::filesystem::path>& places) {
  const detail::StoredDataset& dataset = detail::stored_dataset(name);
  std::string looked;
  for (const auto& folder : places) {
    looked += (looked.empty() ? "" : ", ") + folder.string();
    try {
      if (!holds_any_file(folder, dataset.layout)) continue;
    } catch (const DataError& error) {  // another user's cache is no reason to stop
      looked += concat(" (", error.what(), ")");
      continue;
    }
    return dataset.load(folder);
  }
  if (looked.empty()) looked = "no folder, as none of HYPERTAPE_DATA, XDG_CACHE_HOME and HOME is set";
  std::string text =
      concat(name, ": not found; looked in ", looked, "; ", how_to_place(dataset.layout, "one of these folders"));
  if (*dataset.package != '\0') text += concat("; on Debian: apt-get install ", dataset.package);
  throw DataError(text);
}

/// Loads the dataset of this name, only from `folder` if given, else from the first of `dataset_places` that has it.
/// "glyphs" needs no files: 12,000 training and 2,000 test images are drawn. @throws ArgumentError for an unknown name,
/// or a folder for glyphs; DataError if the files are missing or bad.
inline Dataset load_dataset(const std::string& name, const std::optional<std::filesystem::path>& folder = {}) {
  if (name == "glyphs") {
    if (folder) throw ArgumentError("load_dataset: glyphs are drawn, not read; do not name a folder for them");
    return detail::standard_glyphs();
  }
  return folder ? detail::stored_dataset(name).load(*folder) : load_from_places(name, dataset_places(name));
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
