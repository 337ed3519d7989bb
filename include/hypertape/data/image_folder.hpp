#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/convert.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/resize.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/input_file.hpp"
#include "hypertape/io/jpeg.hpp"
#include "hypertape/io/picture.hpp"
#include "hypertape/io/png.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// How a picture that is not square becomes square.
enum class Fit {
  stretch,  ///< resize both sides to the size: nothing is cut off, but proportions change
  crop,     ///< resize the shorter side to 256 / 224 of the size and crop the center, as for ImageNet; squares too
};

/// How the pictures of a folder are read.
struct ImageFolderOptions {
  Index size = 32;               ///< rows and columns of every image
  Fit fit = Fit::stretch;        ///< how pictures become square
  Index channels = 3;            ///< 3: red, green and blue, equal for gray pictures; 1: gray, the luma of colored ones
  bool skip_bad = false;         ///< leave out pictures that cannot be read instead of stopping
  double test_share = 0.2;       ///< share of each class that becomes test images, without train/ and test/
  std::uint64_t split_seed = 1;  ///< draws these test images

  static constexpr Index largest_size = 4096;  ///< upper limit of `size`

  /// @throws ArgumentError naming the first value that is out of range.
  void validate() const {
    if (size < 1 || size > largest_size) {
      throw ArgumentError("image folder: the size of an image must be in 1 .. ", largest_size, ", got ", size);
    }
    if (channels != 1 && channels != 3) {
      throw ArgumentError("image folder: images have 1 or 3 channels, got ", channels);
    }
    if (!(test_share > 0 && test_share < 1)) {
      throw ArgumentError("image folder: the share of test pictures must be between 0 and 1, got ", test_share);
    }
  }
};

/// A dataset read from a folder of pictures.
struct ImageFolder {
  Dataset dataset;               ///< named "folder", with class names
  std::vector<std::string> bad;  ///< for each picture left out, its path and what is wrong with it
};

namespace detail {

/// The sorted names of the entries of a folder that are wanted and not hidden.
template <class Wanted>
std::vector<std::string> names_in(const std::filesystem::path& folder, const Wanted& wanted) {
  std::error_code failure;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::string name = entry->path().filename().string();
    if (name.front() != '.' && wanted(*entry)) names.push_back(std::move(name));
  }
  if (failure) throw DataError(folder.string(), ": cannot list this folder: ", failure.message());
  std::sort(names.begin(), names.end());
  return names;
}

inline bool is_folder(const std::filesystem::directory_entry& entry) {
  std::error_code ignored;  // for links that lead nowhere
  return entry.is_directory(ignored);
}

inline bool is_named_as_picture(const std::filesystem::directory_entry& entry) {
  std::string ending = entry.path().extension().string();
  for (char& letter : ending) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  return (ending == ".png" || ending == ".jpg" || ending == ".jpeg") && !is_folder(entry);
}

/// The names of the classes in train/ or test/.
inline std::vector<std::string> class_folders(const std::filesystem::path& folder, const char* part) {
  if (io::detail::type_of(folder / part) == std::filesystem::file_type::directory)
    return names_in(folder / part, is_folder);
  throw DataError(folder.string(), ": has no subfolder ", part,
                  "; pictures must be in train/CLASS and test/CLASS, with a folder for each class");
}

/// @throws DataError naming the classes that are in only one of the two parts.
inline void check_same_classes(const std::filesystem::path& test_folder, const std::vector<std::string>& train,
                               const std::vector<std::string>& test) {
  const auto only_in = [](const std::vector<std::string>& some, const std::vector<std::string>& others) {
    std::vector<std::string> names;
    std::set_difference(some.begin(), some.end(), others.begin(), others.end(), std::back_inserter(names));
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    return list;
  };
  const std::string missing = only_in(train, test), additional = only_in(test, train);
  if (missing.empty() && additional.empty()) return;
  throw DataError(
      test_folder.string(), ": must have the same classes as train:", missing.empty() ? "" : " missing " + missing,
      !missing.empty() && !additional.empty() ? ";" : "", additional.empty() ? "" : " additional " + additional);
}

/// Reads a PNG or a JPEG, as its first bytes tell, not its name.
inline io::Picture read_picture(const std::filesystem::path& path) {
  std::array<unsigned char, 2> first{};
  const std::size_t got = std::fread(first.data(), 1, first.size(), io::detail::open_input(path).get());
  if (first == std::array<unsigned char, 2>{0x89, 'P'}) return io::read_png(path);
  if (first == std::array<unsigned char, 2>{0xff, 0xd8}) return io::read_jpeg(path);
  throw io::bad_content(path, "byte 0", "a PNG or a JPEG", got == 0 ? "an empty file" : "neither");
}

/// Converts a picture to one image (channels, size, size).
inline LabeledImages image_of(const io::Picture& picture, const ImageFolderOptions& options) {
  const Index channels = picture.channels(), plane = picture.width() * picture.height();
  LabeledImages image{1, channels, picture.height(), picture.width(), 1, {}, {0}};
  image.pixels.reserve(picture.bytes().size());
  for (Index c = 0; c < channels; ++c) {
    for (Index i = 0; i < plane; ++i) {
      image.pixels.push_back(picture.bytes()[static_cast<std::size_t>(i * channels + c)]);
    }
  }
  if (channels > options.channels) image = rgb_to_gray(image);
  // Rounds 256 / 224 of the size.
  image = options.fit == Fit::crop ? resize_and_crop(image, (8 * options.size + 3) / 7, options.size)
                                   : resize(image, options.size, options.size);
  return channels < options.channels ? gray_to_rgb(image) : image;
}

/// Reads the images of train/ or test/, class by class, and adds an entry to `bad` for each picture left out.
inline LabeledImages read_image_folder(const std::filesystem::path& folder, const std::vector<std::string>& classes,
                                       const ImageFolderOptions& options, std::vector<std::string>& bad) {
  LabeledImages images{0, options.channels, options.size, options.size, static_cast<int>(classes.size()), {}, {}};
  for (int label = 0; label < images.classes; ++label) {
    const std::filesystem::path of_class = folder / classes[static_cast<std::size_t>(label)];
    const std::vector<std::string> names = names_in(of_class, is_named_as_picture);
    if (names.empty()) throw DataError(of_class.string() + ": contains no pictures (.png, .jpg or .jpeg)");
    const Index before = images.count;
    for (const std::string& name : names) {
      try {
        const LabeledImages image = image_of(read_picture(of_class / name), options);
        images.pixels.insert(images.pixels.end(), image.pixels.begin(), image.pixels.end());
        images.labels.push_back(label);
        ++images.count;
      } catch (const DataError& error) {
        if (!options.skip_bad) throw;
        bad.emplace_back(error.what());
      }
    }
    if (images.count > before) continue;
    throw DataError(of_class.string(), ": none of its ", names.size(),
                    " pictures can be read; the last one: ", bad.back());
  }
  return images;
}

}  // namespace detail

namespace detail {

/// Whether the folder itself says which pictures are for training and which for testing.
inline bool has_parts(const std::filesystem::path& folder) {
  return std::ranges::any_of(std::array{"train", "test"}, [&](const char* part) {
    return io::detail::type_of(folder / part) == std::filesystem::file_type::directory;
  });
}

/// Whether there are two folders with pictures or more, or train/ and test/.
inline bool holds_class_folders(const std::filesystem::path& folder) {
  if (has_parts(folder)) return true;
  const auto has_pictures = [&](const std::string& name) {
    return !names_in(folder / name, is_named_as_picture).empty();
  };
  return std::ranges::count_if(names_in(folder, is_folder), has_pictures) >= 2;
}

/// Moves a share of each class's images from training to testing, at least one image and not all.
/// @throws DataError naming a class that has a single image.
inline void split_off_test(const ImageFolderOptions& options, Dataset& dataset) {
  const LabeledImages all = std::move(dataset.train);
  Random random(options.split_seed);
  Split parts;
  for (std::int32_t label = 0; label < all.classes; ++label) {
    const std::vector<Index> of_class = indices_of_class(all, label);
    const auto count = static_cast<Index>(of_class.size());
    if (count < 2) {
      throw DataError((dataset.folder / dataset.class_names[static_cast<std::size_t>(label)]).string(),
                      ": has one picture; a class needs two or more, to learn from and to test with");
    }
    const Index test = std::clamp<Index>(std::lround(options.test_share * static_cast<double>(count)), 1, count - 1);
    const std::vector<Index> order = random.permutation(count);
    for (Index i = 0; i < count; ++i) {
      const Index image = of_class[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
      (i < test ? parts.held_out : parts.train).push_back(image);
    }
  }
  std::ranges::sort(parts.train);
  std::ranges::sort(parts.held_out);
  dataset.train = select(all, parts.train);
  dataset.test = select(all, parts.held_out);
}

}  // namespace detail

/// Loads the pictures train/CLASS/NAME and test/CLASS/NAME of a folder as images (n, channels, size, size). Pictures
/// are PNG or JPEG files ending in .png, .jpg or .jpeg, in upper or lower case. Each is resized as in `resize`
/// (bicubic, antialiased), or as in `resize_and_crop` if options.fit says so. A folder without train/ and test/ holds
/// CLASS/NAME; options.split_seed then draws options.test_share of each class as test images. Classes are numbered in
/// the order of their names; images are in the order of class and name. Other files, hidden files and folders within a
/// class are ignored. The normalization is computed from the training images.
/// @throws DataError if there are fewer than two classes, test/ has other classes, a class has no pictures, or only one
/// to split, or a picture cannot be read, naming it and the reason (with options.skip_bad, only if no picture of a
/// class can be read); ArgumentError for options out of range.
inline ImageFolder load_image_folder(const std::filesystem::path& folder, const ImageFolderOptions& options = {}) {
  options.validate();
  const bool parts = detail::has_parts(folder);
  const std::filesystem::path train = parts ? folder / "train" : folder, test = folder / "test";
  ImageFolder loaded{{"folder",
                      folder,
                      {},
                      {},
                      {},
                      parts ? detail::class_folders(folder, "train") : detail::names_in(folder, detail::is_folder)},
                     {}};
  Dataset& dataset = loaded.dataset;
  if (parts) detail::check_same_classes(test, dataset.class_names, detail::class_folders(folder, "test"));
  if (dataset.class_names.size() < 2) {
    throw DataError(train.string(), ": needs a folder for each of two classes or more, found ",
                    dataset.class_names.size());
  }
  dataset.train = detail::read_image_folder(train, dataset.class_names, options, loaded.bad);
  if (parts) {
    dataset.test = detail::read_image_folder(test, dataset.class_names, options, loaded.bad);
  } else {
    detail::split_off_test(options, dataset);
  }
  try {
    dataset.normalization = compute_normalization(dataset.train);
  } catch (const ArgumentError& error) {  // all pictures have the same single color
    throw DataError(train.string(), ": ", error.what());
  }
  return loaded;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
