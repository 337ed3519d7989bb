#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>

#include "hypertape/core/error.hpp"
#include "hypertape/data/dataset_files.hpp"
#include "hypertape/data/image_folder.hpp"
#include "hypertape/data/load_dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// Returns what a folder holds: the name, as `load_dataset` knows it, of the data set with the most files there, or
/// "folder" for pictures that `load_image_folder` reads. MNIST and Fashion-MNIST have files of the same names: they are
/// Fashion-MNIST's if the folder's path contains "fashion". @throws DataError naming what was looked for.
inline std::string detect_dataset(const std::filesystem::path& folder) {
  const detail::StoredDataset* best = nullptr;
  std::size_t most = 0;
  std::string known;
  for (const detail::StoredDataset& dataset : detail::stored_datasets()) {
    const auto files = static_cast<std::size_t>(std::ranges::count_if(
        dataset.layout.files, [&](const char* file) { return find_file(folder, dataset.layout, file).has_value(); }));
    known += concat(known.empty() ? "" : ", ", dataset.name);
    if (files <= most) continue;
    most = files;
    best = &dataset;
  }
  if (best != nullptr) {
    const std::string path = std::filesystem::absolute(folder).lexically_normal().string();
    const bool fashion = path.find("fashion") != std::string::npos;
    return fashion && std::string(best->name) == "mnist" ? "fashion-mnist" : best->name;
  }
  if (detail::holds_class_folders(folder)) return "folder";
  throw DataError(folder.string(), ": holds neither the files of a data set (", known,
                  ") nor a folder of pictures for each class (CLASS/*.png|jpg|jpeg, or train/CLASS and test/CLASS)");
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
