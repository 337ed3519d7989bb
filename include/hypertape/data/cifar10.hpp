#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/dataset_files.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/unpacking_reader.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

using hypertape::detail::concat;

/// The public file names of CIFAR-10's binary version.
inline constexpr std::array<const char*, 6> cifar10_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                             "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
/// Where CIFAR-10's files may be: in the folder itself, or in the subfolder that its archive unpacks to.
inline constexpr DatasetFiles cifar10_dataset_files{cifar10_files, false, "cifar-10-batches-bin"};

namespace detail {

/// Appends the records of a file. Each is a label byte followed by the pixels, channel by channel, row-major.
inline void append_cifar10_file(const std::filesystem::path& path, LabeledImages& images) {
  const auto record = 1 + static_cast<std::size_t>(images.bytes_per_image());
  io::UnpackingReader file(path);
  const Index before = images.count;
  for (;;) {
    const std::uintmax_t begin = file.offset();
    const std::vector<std::uint8_t> bytes = file.read(record);
    if (bytes.empty() && images.count > before) return;
    if (bytes.size() < record) {
      throw io::bad_content(path, file.where(begin), concat("a record of ", record, " bytes"),
                            concat("the end of the file after ", bytes.size()));
    }
    if (bytes[0] >= images.classes) {
      throw io::bad_content(path, file.where(begin), "a label in 0 .. 9", concat(int{bytes[0]}));
    }
    images.labels.push_back(bytes[0]);
    images.pixels.insert(images.pixels.end(), bytes.begin() + 1, bytes.end());
    ++images.count;
  }
}

}  // namespace detail

/// Loads CIFAR-10 from data_batch_1.bin ... data_batch_5.bin and test_batch.bin. They may be in the folder itself or in
/// its subfolder cifar-10-batches-bin. Images are (n, 3, 32, 32), labels 0 .. 9 with their names. The normalization is
/// that of the training images, rounded to four digits. @throws DataError naming the file, the byte offset, what was
/// expected and what was found, or every missing file.
inline Dataset load_cifar10(const std::filesystem::path& folder) {
  const LabeledImages none{0, 3, 32, 32, 10, {}, {}};
  const auto paths = locate_files(folder, cifar10_dataset_files);
  Dataset dataset{"cifar-10", folder, none, none, {{0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}}};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    detail::append_cifar10_file(paths[i], i + 1 < paths.size() ? dataset.train : dataset.test);
  }
  dataset.class_names = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  detail::take_classes_that_occur(dataset);
  return dataset;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
