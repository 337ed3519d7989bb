#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/glyphs.hpp"
#include "hypertape/data/mnist.hpp"

namespace hypertape::data {

/// The names that `load_dataset` knows.
inline std::vector<std::string> dataset_names() { return {"mnist", "fashion-mnist", "glyphs"}; }

namespace detail {

/// An environment variable as a path; one that is empty counts as not set.
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

inline bool holds_mnist_file(const std::filesystem::path& folder) {
  return std::any_of(mnist_files.begin(), mnist_files.end(),
                     [&](const char* file) { return find_mnist_file(folder, file).has_value(); });
}

/// What to do when a data set is nowhere.
inline std::string advice(const std::string& name) {
  std::string text = "put the four files";
  for (const char* file : mnist_files) text += message(file == mnist_files[0] ? " " : ", ", file, "[.gz]");
  text += " into one of these folders, or name the folder that holds them";
  if (name == "fashion-mnist") text += "; on Debian: apt-get install dataset-fashion-mnist";
  return text;
}

/// The number of generated glyphs and their seed never change, so that results on them can be compared.
inline Dataset standard_glyphs() {
  constexpr Index train_count = 12'000;
  constexpr Index test_count = 2'000;
  constexpr std::uint64_t seed = 1;
  return generate_glyphs(train_count, test_count, seed);
}

}  // namespace detail

/// The folders where the files of a data set are looked for when none is named: $HYPERTAPE_DATA/NAME, then
/// hypertape/NAME in $XDG_CACHE_HOME or ~/.cache, then, for Fashion-MNIST, where Debian's package puts it.
inline std::vector<std::filesystem::path> dataset_places(const std::string& name) {
  std::vector<std::filesystem::path> places;
  if (const auto root = detail::path_from_environment("HYPERTAPE_DATA")) places.push_back(*root / name);
  if (const auto cache = detail::cache_folder()) places.push_back(*cache / "hypertape" / name);
  if (name == "fashion-mnist") places.emplace_back("/usr/share/datasets/fashion-mnist");
  return places;
}

/// Loads mnist or fashion-mnist from the first of these places that holds any of its files; a place with only some of
/// them is an error, not passed over. @throws DataError listing the places and what to do if there is none, or what
/// `load_mnist_like` throws.
inline Dataset load_from_places(const std::string& name, const std::vector<std::filesystem::path>& places) {
  const auto place = std::find_if(places.begin(), places.end(), detail::holds_mnist_file);
  if (place != places.end()) return load_mnist_like(name, *place);
  std::string looked;
  for (const auto& folder : places) looked += (looked.empty() ? "" : ", ") + folder.string();
  if (looked.empty()) looked = "nowhere, for neither HYPERTAPE_DATA, XDG_CACHE_HOME nor HOME is set";
  throw DataError(message(name, ": not found; looked in ", looked, "; ", detail::advice(name)));
}

/// The data set of this name: from `folder` if one is given, and only there; else from the first of `dataset_places`
/// that has it. "glyphs" needs no files: 12,000 training and 2,000 test images are drawn.
/// @throws ArgumentError for an unknown name, or a folder given for glyphs; DataError if the files are missing or bad.
inline Dataset load_dataset(const std::string& name, const std::optional<std::filesystem::path>& folder = {}) {
  if (name == "glyphs") {
    if (folder) throw ArgumentError("load_dataset: glyphs are drawn, not read; do not name a folder for them");
    return detail::standard_glyphs();
  }
  if (name == "mnist" || name == "fashion-mnist") {
    return folder ? load_mnist_like(name, *folder) : load_from_places(name, dataset_places(name));
  }
  std::string known;
  for (const std::string& other : dataset_names()) known += (known.empty() ? "" : ", ") + other;
  throw ArgumentError("load_dataset: unknown data set " + name + "; known are " + known);
}

}  // namespace hypertape::data
