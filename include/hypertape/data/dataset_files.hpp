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

/// The files that a data set consists of, and where they may be in the folder that holds them.
struct DatasetFiles {
  std::span<const char* const> files;  ///< names that must all be there
  bool gzip = false;                   ///< each may be gzipped instead, with ".gz" after its name
  const char* subfolder = "";          ///< each may be there instead; empty if there is no such folder
};

/// The path of one of the files: plain if it is there, else gzipped, else nothing. @throws DataError if the system does
/// not say, as where a folder may not be read.
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

/// "put a, b and c into this folder, each plain or with the ending .gz, or name the folder that holds them".
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

/// The paths of all the files, in the order of the dataset. @throws DataError naming every file that is missing, or as
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
