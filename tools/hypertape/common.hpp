#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/checksum.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/detect_dataset.hpp"
#include "hypertape/data/image_folder.hpp"
#include "hypertape/data/load_dataset.hpp"
#include "hypertape/data/zca.hpp"
#include "options.hpp"
#include "output_folder.hpp"

/// What the commands share: their common options, what config.json says of them, and the clock.
namespace hypertape::cli {

using hypertape::detail::concat;

/// Accepts whole numbers of 64 bits; CLI11 would wrap a negative one and saturate one that is too large.
inline CLI::Validator seed_number() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        std::uint64_t value = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool valid = failure == std::errc() && end == text.data() + text.size();
        return valid ? "" : "needs a whole number in 0 .. 2^64 - 1, got " + text;
      },
      "WHOLE");
}

/// What --dataset takes: names that the library knows, and the user's own pictures.
inline std::vector<std::string> dataset_choices() {
  std::vector<std::string> names = data::dataset_names();
  names.emplace_back("folder");
  return names;
}

/// Says which pictures of a folder were left out: how many, and the first few.
inline void report_bad_pictures(const std::vector<std::string>& bad) {
  constexpr std::size_t shown = 3;
  if (bad.empty()) return;
  std::cerr << "hypertape: left out " << bad.size() << (bad.size() == 1 ? " picture" : " pictures")
            << " that cannot be read:\n";
  for (std::size_t i = 0; i < std::min(shown, bad.size()); ++i) std::cerr << "  " << bad[i] << '\n';
  if (bad.size() > shown) std::cerr << "  ... and " << bad.size() - shown << " more\n";
}

/// Says which channels have the same value in all training pictures.
inline void report_constant_channels(const data::Normalization& normalization) {
  constexpr float largest = 0.5f;  // standard deviation of numbers in [0, 1]; `compute_normalization` marks these by 1
  constexpr const char* names[] = {"red", "green", "blue"};
  for (std::size_t c = 0; c < normalization.std.size(); ++c) {
    if (!(normalization.std[c] > largest)) continue;
    std::cerr << "hypertape: " << names[c] << " has the same value in every pixel of all training pictures; networks "
              << "see 0 there\n";
  }
}

/// Options of every command that reads a dataset and writes results.
struct CommonOptions {
  std::string dataset = "mnist";
  std::optional<std::filesystem::path> data;
  std::filesystem::path out;
  std::uint64_t seed = 1;
  int threads = 0;
  std::optional<Index> image_size;
  std::optional<std::string> fit;
  std::optional<std::string> channels;
  bool skip_bad = false;
  std::uint64_t split_seed = data::ImageFolderOptions().split_seed;
  double zca = 0;

  /// `default_out` says what --out is where it is not given.
  void add(Options& options, const char* default_out = "required") {
    using enum Options::OnResume;
    options.group("Results");
    options
        .add_out(out,
                 "Folder for the results, created if need be; those of an earlier run of the same command are replaced")
        ->default_str(default_out);
    options.add("--seed", seed, "Number that everything random follows from")->check(seed_number());
    options
        .add("--threads", threads,
             "How many; 0: OpenMP's default (OMP_NUM_THREADS, or one for each processor). Results do not depend on it",
             free)
        ->check(CLI::Range(0, 1024));
    options.group("Data");
    options.add("--dataset", dataset, "What to train for (folder: the pictures in the folder --data)")
        ->check(CLI::IsMember(dataset_choices()))
        ->default_str("what --data holds, else mnist");
    options
        .add_folder(
            "--data", data,
            "Folder with the dataset's files, or with a folder of pictures for each class (CLASS/*.png|jpg|jpeg, or "
            "train/CLASS and test/CLASS); what is there decides about --dataset",
            free)
        ->default_str(
            "$HYPERTAPE_DATA/DATASET, else hypertape/DATASET in the cache folder, else that of Debian's package "
            "dataset-fashion-mnist");
    options
        .add("--image-size", image_size,
             "Rows and columns that each image is resized to; every network but alexnet takes 32, with three channels")
        ->check(within({.low = 1, .high = data::ImageFolderOptions::largest_size}))
        ->default_str(concat("what the images have; of --dataset folder ", data::ImageFolderOptions().size));
    options
        .add("--fit", fit,
             "Of --dataset folder: how a picture becomes a square (stretch: both sides are resized; crop: the shorter "
             "side is resized to 256/224 of the size, and the center cut out)")
        ->check(CLI::IsMember({"stretch", "crop"}))
        ->default_str("stretch");
    options.add("--channels", channels, "Of --dataset folder: what each picture is made, whatever it has")
        ->transform([](std::string text) { return text == "grey" ? "gray" : text; })  // as it once was written
        ->check(CLI::IsMember({"rgb", "gray"}))
        ->default_str("rgb");
    options.add_flag("--skip-bad", skip_bad,
                     "Of --dataset folder: leave out pictures that cannot be read, instead of stopping");
    options
        .add("--split-seed", split_seed,
             "Of --dataset folder without train/ and test/: draws a fifth of each class to test with; another --seed "
             "leaves these pictures as they are")
        ->check(seed_number());
  }

  /// Of commands that make networks see images in their own way; others take that from what they read.
  void add_whitening(Options& options) {
    options
        .add("--zca", zca,
             "ZCA whitening of the images: this times their mean variance is added to their covariance, 0.1 say; 0: "
             "none")
        ->check(within({.low = 0.001, .high = 1000, .zero_is_none = true}));
  }

  /// Before anything is read. @throws CLI::RequiredError if there is no --out, ArgumentError if options do not go with
  /// the dataset.
  void check(const Options& options) const {
    if (out.empty()) throw CLI::RequiredError("--out");
    const bool pictures = dataset == "folder";
    options.only(pictures, "--dataset folder", {"--fit", "--channels", "--skip-bad", "--split-seed"});
    if (pictures && !data) {
      throw ArgumentError("--dataset folder needs --data DIR, with a folder of pictures for each class");
    }
  }

  /// Where --data is given without --dataset: finds out what is there, and says so. @throws DataError if it cannot.
  void detect(const Options& options) {
    if (!data || options.given("--dataset")) return;
    require_folder("--data", *data);
    dataset = data::detect_dataset(*data);
    detected_pictures_ = dataset == "folder";
    std::cout << data->string() << ": --dataset " << dataset
              << (detected_pictures_ ? ", pictures of one's own\n" : "\n");
  }
  /// Whether these are pictures that nobody has said anything about.
  bool detected_pictures() const { return detected_pictures_; }

  /// A folder for the results of `command` that is not there yet: out/distill-mnist, out/distill-mnist-2.
  std::filesystem::path new_folder(const std::string& command) const {
    const std::filesystem::path source = data ? std::filesystem::absolute(*data / "").parent_path() : "";
    const std::string name = concat(command, '-', dataset == "folder" ? source.filename().string() : dataset);
    std::filesystem::path folder = std::filesystem::path("out") / name;
    for (int i = 2; std::filesystem::exists(folder); ++i) folder = std::filesystem::path("out") / concat(name, '-', i);
    return folder;
  }

  /// Reads the dataset, whitens it if that is wanted, and resolves the options that only pictures have. @throws what
  /// `data::load_dataset`, `data::load_image_folder` and `data::zca_whitening` throw.
  data::Dataset load() {
    data::Dataset loaded = read();
    if (zca > 0) loaded.normalization.whitening = data::zca_whitening(loaded.train, loaded.normalization, zca);
    return loaded;
  }

 private:
  data::Dataset read() {
    if (dataset != "folder") {
      data::Dataset loaded = data::load_dataset(dataset, data);
      if (image_size) loaded = data::resize(std::move(loaded), *image_size, *image_size);
      return loaded;
    }
    data::ImageFolderOptions folder;
    folder.size = image_size.value_or(folder.size);
    fit = fit.value_or("stretch");
    folder.fit = fit == "crop" ? data::Fit::crop : data::Fit::stretch;
    folder.channels = channels.value_or("rgb") == "rgb" ? 3 : 1;
    folder.skip_bad = skip_bad;
    folder.split_seed = split_seed;
    data::ImageFolder loaded = data::load_image_folder(*data, folder);
    report_bad_pictures(loaded.bad);
    if (detected_pictures_ && !channels && data::is_gray(loaded.dataset.train)) {
      std::cout << "all pictures are gray: --channels gray\n";
      folder.channels = 1;
      loaded = data::load_image_folder(*data, folder);
    }
    image_size = folder.size;
    channels = folder.channels == 3 ? "rgb" : "gray";
    report_constant_channels(loaded.dataset.normalization);
    return std::move(loaded.dataset);
  }

  bool detected_pictures_ = false;
};

/// What every command's config.json begins with.
inline Json config_of(const char* command, const Options& options) {
  Json config = {{"command", command},
                 {"version", HYPERTAPE_VERSION},
                 {"command_line", concat("hypertape ", command, options.command_line())}};
  config.update(options.json());
  return config;
}

/// What config.json says of the data: the folder that was read, null if it was generated; the names of the classes, in
/// their order, if they have any; and a checksum of all. @throws ArgumentError if a rank has other data.
inline Json description_of(const data::Dataset& dataset, const Communicator& ranks = Communicator::alone()) {
  Json json;
  const std::int64_t checksum = data::checksum_of(dataset);
  require_same(ranks, checksum, "images, labels or names of classes");
  json["data_checksum"] = checksum;
  json["data"] = dataset.folder.empty() ? Json() : Json(std::filesystem::absolute(dataset.folder).string());
  if (!dataset.class_names.empty()) json["class_names"] = dataset.class_names;
  return json;
}

/// @throws DataError if something that an earlier run began with is another now, by its checksum `name` in config.json.
inline void require_same(const char* name, const char* what, const Json& before, const Json& now,
                         const std::filesystem::path& config) {
  if (before.value(name, Json()) == now.at(name)) return;
  throw DataError(config.string(), ": the run began with other ", what, " than are there now");
}
inline void require_same_data(const Json& before, const Json& now, const std::filesystem::path& config) {
  require_same("data_checksum", "images, labels or names of classes", before, now, config);
}

/// How many work on a run: "2 threads", "4 ranks of 2 threads".
inline std::string workers_text(const WorkerTeam& team, const Communicator& ranks) {
  const std::string threads = concat(team.size(), team.size() == 1 ? " thread" : " threads");
  return ranks.size() == 1 ? threads : concat(ranks.size(), " ranks of ", threads);
}

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace hypertape::cli
