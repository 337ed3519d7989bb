#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/dataset_files.hpp"
#include "hypertape/data/resize.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/unpacking_reader.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

using hypertape::detail::concat;

/// The public names of the two files of USPS.
inline constexpr std::array<const char*, 2> usps_files = {"zip.train", "zip.test"};
/// Where the files of USPS may be: in the folder itself, plain or gzipped.
inline constexpr DatasetFiles usps_dataset_files{usps_files, true};

/// The most images that one file may hold; USPS itself has 7,291. A small gzipped file could hold any number.
inline constexpr Index most_usps_images = 65'536;

namespace detail {

/// Cuts the first word off a line; empty if there is none.
inline std::string_view next_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r";
  line.remove_prefix((std::min)(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

/// The number that the word consists of, or nothing. It may be NaN or infinite.
inline std::optional<double> parse_number(std::string_view word) {
  double number = 0;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (failure != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

/// Appends the image of one line: a label in 0 .. 9, then 16 x 16 levels from -1 (paper) to 1 (ink), row-major.
inline void append_usps_line(std::string_view line, std::size_t number, const std::filesystem::path& path,
                             LabeledImages& images) {
  const auto levels = static_cast<std::size_t>(images.bytes_per_image());
  const std::string where = concat("line ", number);
  if (images.count == most_usps_images) {
    throw io::bad_content(path, where, concat("at most ", most_usps_images, " lines"), "more");
  }
  std::size_t words = 0;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line), ++words) {
    const double value = parse_number(word).value_or(std::numeric_limits<double>::quiet_NaN());
    if (words == 0) {
      if (!(value >= 0 && value < images.classes && !(value > std::floor(value)))) {
        throw io::bad_content(path, where, "a label in 0 .. 9", concat("'", word, "'"));
      }
      images.labels.push_back(static_cast<std::int32_t>(value));
    } else {
      if (!(value >= -1 && value <= 1)) {
        throw io::bad_content(path, concat(where, ", value ", words), "a number in [-1, 1]", concat("'", word, "'"));
      }
      images.pixels.push_back(static_cast<std::uint8_t>(std::lround((value + 1) / 2 * 255)));
    }
  }
  if (words != levels + 1) {
    throw io::bad_content(path, where, concat("a label and ", levels, " values"), concat(words, " numbers"));
  }
  ++images.count;
}

/// Reads one of the files, at its size of 16 x 16 pixels.
inline LabeledImages read_usps(const std::filesystem::path& path) {
  constexpr Index side = 16;
  constexpr int classes = 10;
  constexpr std::size_t piece = std::size_t{1} << 16, longest_line = std::size_t{1} << 14;
  io::UnpackingReader file(path);
  LabeledImages images{0, 1, side, side, classes, {}, {}};
  std::string text;  // read, but not yet split into lines
  std::size_t line = 1;
  for (bool ended = false; !ended;) {
    const std::vector<std::uint8_t> bytes = file.read(piece);
    ended = bytes.size() < piece;
    text.append(bytes.begin(), bytes.end());
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      append_usps_line(std::string_view(text).substr(begin, end - begin), line++, path, images);
    }
    text.erase(0, begin);
    if (text.size() > longest_line) {
      throw io::bad_content(path, concat("line ", line), concat("at most ", longest_line, " bytes"), "more");
    }
  }
  if (!text.empty()) append_usps_line(text, line, path, images);
  if (images.count == 0) throw io::bad_content(path, "line 1", "a label and 256 values", "the end of the file");
  return images;
}

}  // namespace detail

/// Loads the handwritten digits of USPS from the text files zip.train (7,291 images) and zip.test (2,007), each plain
/// or gzipped. Images are (n, 1, 28, 28), enlarged from 16 x 16 to MNIST's size by bicubic interpolation, labels
/// 0 .. 9. The normalization is computed from the training images. @throws DataError naming the file, the line, what
/// was expected and what was found, or every missing file.
inline Dataset load_usps(const std::filesystem::path& folder) {
  constexpr Index side = 28;
  const auto paths = locate_files(folder, usps_dataset_files);
  Dataset dataset{"usps",
                  folder,
                  resize(detail::read_usps(paths[0]), side, side),
                  resize(detail::read_usps(paths[1]), side, side),
                  {}};
  detail::take_classes_that_occur(dataset);
  dataset.normalization = compute_normalization(dataset.train);
  return dataset;
}

/// Loads both files of USPS as one set and splits it at random, always in the same way, into 7,438 training and 1,860
/// test images. USPS as the public code of Wang et al. reads it has these sizes too, but which images its test set
/// holds is not known. `load_usps` tests on zip.test, which is harder than zip.train. Otherwise as `load_usps`.
inline Dataset load_usps_resplit(const std::filesystem::path& folder) {
  constexpr std::uint64_t seed = 1;  // never changes, so that results stay comparable
  const Dataset usps = load_usps(folder);
  LabeledImages all = usps.train;
  append(usps.test, all);
  const Split parts = split(all, (all.count + 2) / 5, seed);
  Dataset dataset{"usps-resplit", folder, select(all, parts.train), select(all, parts.held_out), {}};
  dataset.normalization = compute_normalization(dataset.train);
  return dataset;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
