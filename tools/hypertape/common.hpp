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

/// What the commands share: common options, their entries in config.json, and a stopwatch.
namespace hypertape::cli {

using hypertape::detail::concat;

/// Accepts unsigned 64-bit numbers; CLI11 would wrap negative and saturate large ones.
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

/// Choices of --dataset: the library's datasets and the user's own pictures.
inline std::vector<std::string> dataset_choices() {
  std::vector<std::string> names = data::dataset_names();
  names.emplace_back("folder");
  return names;
}

/// Reports the pictures of a folder that were left out: how many, and the first few.
inline void report_bad_pictures(const std::vector<std::string>& bad) {
  constexpr std::size_t shown = 3;
  if (bad.empty()) return;
  std::cerr << "hypertape: left out " << bad.size() << (bad.size() == 1 ? " picture" : " pictures")
            << " that cannot be read:\n";
  for (std::size_t i = 0; i < std::min(shown, bad.size()); ++i) std::cerr << "  " << bad[i] << '\n';
  if (bad.size() > shown) std::cerr << "  ... and " << bad.size() - shown << " more\n";
}

/// Reports channels that have the same value in all training pictures.
inline void report_constant_channels(const data::Normalization& normalization) {
  constexpr float largest = 0.5f;  // of a standard deviation in [0, 1]; `compute_normalization` stores 1 for these
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

  /// `default_out` is the default of --out for --help.
  void add(Options& options, const char* default_out = "required") {
    using enum Options::OnResume;
    options.group("Results");
    options
        .add_out(out,
                 "Folder for the results, created if necessary; replaces those of an earlier run of the same command")
        ->default_str(default_out);
    options.add("--seed", seed, "Seed of all random numbers")->check(seed_number());
    options
        .add("--threads", threads,
             "Number of threads, which does not affect results; 0: OpenMP's default (OMP_NUM_THREADS, or one per "
             "processor)",
             free)
        ->check(CLI::Range(0, 1024));
    options.group("Data");
    options.add("--dataset", dataset, "Dataset to train for (folder: your own pictures in --data)")
        ->check(CLI::IsMember(dataset_choices()))
        ->default_str("detected in --data, else mnist");
    options
        .add_folder("--data", data,
                    "Folder with the dataset's files, or with one folder of pictures per class (CLASS/*.png|jpg|jpeg, "
                    "or train/CLASS and test/CLASS); without --dataset, its contents determine the dataset",
                    free)
        ->default_str(
            "$HYPERTAPE_DATA/DATASET, else hypertape/DATASET in the cache folder, else Debian's package "
            "dataset-fashion-mnist");
    options
        .add("--image-size", image_size,
             "Side in pixels that each image is resized to; all networks but alexnet accept 32 with three channels")
        ->check(within({.low = 1, .high = data::ImageFolderOptions::largest_size}))
        ->default_str(concat("size of the images; with --dataset folder ", data::ImageFolderOptions().size));
    options
        .add("--fit", fit,
             "With --dataset folder: how a picture becomes square (stretch: resize both sides; crop: resize the "
             "shorter side to 256/224 of the size and cut out the center)")
        ->check(CLI::IsMember({"stretch", "crop"}))
        ->default_str("stretch");
    options.add("--channels", channels, "With --dataset folder: channels that all pictures are converted to")
        ->transform([](std::string text) { return text == "grey" ? "gray" : text; })  // as older versions spelled it
        ->check(CLI::IsMember({"rgb", "gray"}))
        ->default_str("rgb");
    options.add_flag("--skip-bad", skip_bad,
                     "With --dataset folder: skip pictures that cannot be read instead of stopping");
    options
        .add("--split-seed", split_seed,
             "With --dataset folder without train/ and test/: seed that draws a fifth of each class for testing, "
             "independent of --seed")
        ->check(seed_number());
  }

  /// For commands that choose how networks see images; others read this from a file.
  void add_whitening(Options& options) {
    options
        .add("--zca", zca,
             "ZCA whitening: multiple of the mean variance that is added to the covariance, such as 0.1; 0: no "
             "whitening")
        ->check(within({.low = 0.001, .high = 1000, .zero_is_none = true}));
  }

  /// Called before anything is read. @throws CLI::RequiredError without --out, ArgumentError if an option does not
  /// apply to the dataset.
  void check(const Options& options) const {
    if (out.empty()) throw CLI::RequiredError("--out");
    const bool pictures = dataset == "folder";
    options.only(pictures, "--dataset folder", {"--fit", "--channels", "--skip-bad", "--split-seed"});
    if (pictures && !data) {
      throw ArgumentError("--dataset folder needs --data DIR, with a folder of pictures for each class");
    }
  }

  /// If --data is given without --dataset: detects the dataset and prints it. @throws DataError if it cannot.
  void detect(const Options& options) {
    if (!data || options.given("--dataset")) return;
    require_folder("--data", *data);
    dataset = data::detect_dataset(*data);
    detected_pictures_ = dataset == "folder";
    std::cout << data->string() << ": --dataset " << dataset << (detected_pictures_ ? ", your own pictures\n" : "\n");
  }
  /// Whether --dataset folder was detected rather than given.
  bool detected_pictures() const { return detected_pictures_; }

  /// A new folder for the results of `command`: out/distill-mnist, out/distill-mnist-2.
  std::filesystem::path new_folder(const std::string& command) const {
    const std::filesystem::path source = data ? std::filesystem::absolute(*data / "").parent_path() : "";
    const std::string name = concat(command, '-', dataset == "folder" ? source.filename().string() : dataset);
    std::filesystem::path folder = std::filesystem::path("out") / name;
    for (int i = 2; std::filesystem::exists(folder); ++i) folder = std::filesystem::path("out") / concat(name, '-', i);
    return folder;
  }

  /// Reads the dataset, whitens it if requested, and resolves the options for pictures. @throws what
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

/// The first entries of every command's config.json.
inline Json config_of(const char* command, const Options& options) {
  Json config = {{"command", command},
                 {"version", HYPERTAPE_VERSION},
                 {"command_line", concat("hypertape ", command, options.command_line())}};
  config.update(options.json());
  return config;
}

/// The entries of config.json about the data: its folder, null if generated; the class names in order, if any; and a
/// checksum. @throws ArgumentError if a rank has other data.
inline Json description_of(const data::Dataset& dataset, const Communicator& ranks = Communicator::alone()) {
  Json json;
  const std::int64_t checksum = data::checksum_of(dataset);
  require_same(ranks, checksum, "images, labels or class names");
  json["data_checksum"] = checksum;
  json["data"] = dataset.folder.empty() ? Json() : Json(std::filesystem::absolute(dataset.folder).string());
  if (!dataset.class_names.empty()) json["class_names"] = dataset.class_names;
  return json;
}

/// @throws DataError if `what` has changed since an earlier run began, by its checksum `name` in config.json.
inline void require_same(const char* name, const char* what, const Json& before, const Json& now,
                         const std::filesystem::path& config) {
  if (before.value(name, Json()) == now.at(name)) return;
  throw DataError(config.string(), ": the ", what, " have changed since the run began");
}
inline void require_same_data(const Json& before, const Json& now, const std::filesystem::path& config) {
  require_same("data_checksum", "images, labels or class names", before, now, config);
}

/// The workers of a run: "2 threads", "4 ranks of 2 threads".
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
