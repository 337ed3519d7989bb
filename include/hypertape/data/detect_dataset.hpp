#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "hypertape/core/error.hpp"
#include "hypertape/data/dataset_files.hpp"
#include "hypertape/data/image_folder.hpp"
#include "hypertape/data/load_dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// Finds out what a folder holds: the name of the data set whose files are all there, as `load_dataset` takes it, or
/// "folder" for pictures that `load_image_folder` reads. MNIST and Fashion-MNIST have files of the same names: they are
/// Fashion-MNIST's if the folder's name contains "fashion". @throws DataError naming what was looked for.
inline std::string detect_dataset(const std::filesystem::path& folder) {
  std::string known;
  for (const detail::StoredDataset& dataset : detail::stored_datasets()) {
    const auto there = [&](const char* file) { return find_file(folder, dataset.layout, file).has_value(); };
    known += concat(known.empty() ? "" : ", ", dataset.name);
    if (!std::all_of(dataset.layout.files.begin(), dataset.layout.files.end(), there)) continue;
    const std::string name = std::filesystem::absolute(folder).lexically_normal().string();
    const bool fashion = name.find("fashion") != std::string::npos;
    return fashion && std::string(dataset.name) == "mnist" ? "fashion-mnist" : dataset.name;
  }
  if (detail::holds_class_folders(folder)) return "folder";
  throw DataError(folder.string(), ": holds neither the files of a data set (", known,
                  ") nor a folder of pictures for each class (CLASS/*.png|jpg|jpeg, or train/CLASS and test/CLASS)");
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
