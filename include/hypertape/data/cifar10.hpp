#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/file.hpp"
#include "hypertape/data/gzip.hpp"
#include "hypertape/data/layout.hpp"

namespace hypertape::data {

/// The public names of the files of CIFAR-10's binary version, and the folder that its archive unpacks to.
inline constexpr std::array<const char*, 6> cifar10_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                             "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
/// In the folder, or in that subfolder.
inline constexpr Layout cifar10_layout{cifar10_files, false, "cifar-10-batches-bin"};

namespace detail {

/// Appends the records of a file, each a byte of label and then the pixels, channel by channel, row-major.
inline void append_cifar10_file(const std::filesystem::path& path, LabelledImages& images) {
  const auto record = 1 + static_cast<std::size_t>(images.bytes_per_image());
  GzipReader file(path);
  const std::vector<std::uint8_t> bytes = file.read((std::numeric_limits<std::size_t>::max)());
  if (bytes.empty() || bytes.size() % record != 0) {
    throw bad_content(path, file.where(bytes.size() - bytes.size() % record), message("a record of ", record, " bytes"),
                      message("the end of the file after ", bytes.size() % record));
  }
  images.pixels.reserve(images.pixels.size() + bytes.size());
  for (std::size_t begin = 0; begin < bytes.size(); begin += record) {
    if (bytes[begin] >= images.classes) {
      throw bad_content(path, file.where(begin), "a label in 0 .. 9", message(int{bytes[begin]}));
    }
    images.labels.push_back(bytes[begin]);
    const std::uint8_t* pixels = bytes.data() + begin + 1;
    images.pixels.insert(images.pixels.end(), pixels, pixels + images.bytes_per_image());
    ++images.count;
  }
}

}  // namespace detail

/// Loads CIFAR-10 from data_batch_1.bin ... data_batch_5.bin and test_batch.bin in the folder itself or in its
/// subfolder cifar-10-batches-bin: images (n, 3, 32, 32), labels 0 .. 9 with their names; the normalization is that of
/// the training images, rounded to four digits. @throws DataError naming the file, the byte offset, what was expected
/// and what was found, or every file that is missing.
inline Dataset load_cifar10(const std::filesystem::path& folder) {
  const LabelledImages none{0, 3, 32, 32, 10, {}, {}};
  const auto paths = locate_files(folder, cifar10_layout);
  Dataset dataset{"cifar-10", folder, none, none, {{0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}}};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    detail::append_cifar10_file(paths[i], i + 1 < paths.size() ? dataset.train : dataset.test);
  }
  dataset.class_names = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  return dataset;
}

}  // namespace hypertape::data
