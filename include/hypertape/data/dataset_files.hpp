#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

using hypertape::detail::concat;

/// The files of a dataset, and where in a folder they may be.
struct DatasetFiles {
  std::span<const char* const> files;  ///< all of them are needed
  bool gzip = false;                   ///< each may be gzipped instead, named with the ending ".gz"
  const char* subfolder = "";          ///< where each may be instead; empty if nowhere
};

/// Finds one of the files: plain, else gzipped, else in the subfolder, else nothing. @throws DataError if the system
/// cannot tell, as when a folder is not readable.
inline std::optional<std::filesystem::path> find_file(const std::filesystem::path& folder, const DatasetFiles& dataset,
                                                      const std::string& file) {
  std::vector<std::filesystem::path> candidates{folder / file};
  if (dataset.gzip) candidates.push_back(folder / (file + ".gz"));
  if (*dataset.subfolder != '\0') candidates.push_back(folder / dataset.subfolder / file);
  for (const auto& candidate : candidates) {
    if (io::detail::type_of(candidate) != std::filesystem::file_type::not_found) return candidate;
  }
  return std::nullopt;
}

/// Whether a folder holds at least one of the files. @throws as `find_file`.
inline bool holds_any_file(const std::filesystem::path& folder, const DatasetFiles& dataset) {
  return std::any_of(dataset.files.begin(), dataset.files.end(),
                     [&](const char* file) { return find_file(folder, dataset, file).has_value(); });
}

/// An instruction for users: "put a, b and c into this folder, each plain or with the ending .gz, or name the folder
/// that holds them".
inline std::string how_to_place(const DatasetFiles& dataset, const std::string& into) {
  std::string text = "put ";
  for (std::size_t i = 0; i < dataset.files.size(); ++i) {
    text += concat(i == 0 ? "" : i + 1 == dataset.files.size() ? " and " : ", ", dataset.files[i]);
  }
  text += " into " + into;
  if (*dataset.subfolder != '\0') text += concat(" or its subfolder ", dataset.subfolder);
  if (dataset.gzip) text += ", each plain or with the ending .gz";
  return text + ", or name the folder that holds them";
}

/// The paths of all files, in the order of `dataset.files`. @throws DataError naming every missing file; as
/// `find_file`.
inline std::vector<std::filesystem::path> locate_files(const std::filesystem::path& folder,
                                                       const DatasetFiles& dataset) {
  std::vector<std::filesystem::path> paths;
  std::string missing;
  for (const char* file : dataset.files) {
    if (auto path = find_file(folder, dataset, file)) {
      paths.push_back(*std::move(path));
    } else {
      missing += concat(missing.empty() ? "" : ", ", file, dataset.gzip ? "[.gz]" : "");
    }
  }
  if (missing.empty()) return paths;
  throw DataError(folder.string(), ": missing ", missing, "; ", how_to_place(dataset, "this folder"));
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
