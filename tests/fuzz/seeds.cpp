#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "fuzz/arrays.hpp"
#include "fuzz/reader.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/io/idx.hpp"
#include "support/gzip_file.hpp"
#include "support/picture_files.hpp"
#include "support/stored_datasets.hpp"

// Writes what the fuzzers start from, small good files of each kind, to HYPERTAPE_FUZZ_SEEDS/TARGET/.

namespace hypertape::testing {
namespace {

/// The folder of a target's seeds, empty.
std::filesystem::path seeds_of(const char* target) {
  const std::filesystem::path folder = std::filesystem::path(HYPERTAPE_FUZZ_SEEDS) / target;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

const std::vector<std::uint8_t> eight_bytes{1, 2, 3, 4, 5, 6, 7, 8}, two_labels{1, 0};

TEST_CASE("seeds: idx, gzip, mnist") {
  const auto idx = seeds_of("idx"), packed = seeds_of("unpacking_reader"), mnist = seeds_of("mnist");
  io::write_idx(idx / "images", std::vector<Index>{2, 2, 2}, eight_bytes);
  io::write_idx(idx / "labels", std::vector<Index>{2}, two_labels);
  put_gzip_file(idx / "labels.gz", file_bytes(idx / "labels"));
  put_gzip_file(packed / "text", "some text, and some text, and some text");
  put_file(packed / "plain", "some text");
  const std::string images = file_bytes(idx / "images");
  put_file(mnist / "two", std::string{static_cast<char>(images.size()), '\0'} + images + file_bytes(idx / "labels"));
}

TEST_CASE("seeds: npy, npz") {
  const auto npy = seeds_of("npy"), npz = seeds_of("npz");
  const io::Npz arrays{{"floats", {{2, 1}, std::vector<float>{1, 2}}},
                       {"doubles", {{2}, std::vector<double>{1, 2}}},
                       {"numbers", {{}, std::vector<std::int64_t>{3}}}};
  for (const auto& [name, array] : arrays) put_file(npy / name, io::encode_npy(array));
  io::write_npz(npz / "three", arrays);
}

TEST_CASE("seeds: png, jpeg, image_folder") {
  const auto png = seeds_of("png"), jpeg = seeds_of("jpeg"), folder = seeds_of("image_folder");
  put_png(png / "gray", 4, {}, {{1, 2, 3, 4}, {5, 6, 7, 8}});
  put_png(png / "rgba", 1, {.color_type = PNG_COLOR_TYPE_RGBA}, {{1, 2, 3, 4}, {5, 6, 7, 8}});
  put_png(png / "palette", 4, {.bit_depth = 2, .color_type = PNG_COLOR_TYPE_PALETTE, .palette = {{1, 2, 3}, {4, 5, 6}}},
          {{0x11}, {0x05}});
  put_png(png / "deep", 2, {.bit_depth = 16, .interlaced = true}, {{1, 2, 3, 4}, {5, 6, 7, 8}});
  put_jpeg(jpeg / "gray", 4, 2, 1, eight_bytes);
  put_jpeg(jpeg / "color", 2, 1, 3, {1, 2, 3, 4, 5, 6});
  put_jpeg(jpeg / "cmyk", 2, 1, 4, eight_bytes);
  put_jpeg(jpeg / "progressive", 4, 2, 1, eight_bytes, true);
  put_file(folder / "png", std::string{'\0'} + file_bytes(png / "gray"));
  put_file(folder / "jpeg", std::string{'\1'} + file_bytes(jpeg / "color"));
}

TEST_CASE("seeds: mat, usps, cifar10") {
  const auto mat = seeds_of("mat"), usps = seeds_of("usps"), cifar10 = seeds_of("cifar10");
  put_mat_file(mat / "plain", {svhn_images(1), svhn_labels(1)});
  put_mat_file(mat / "packed", {svhn_images(2), svhn_labels(2)}, MAT_COMPRESSION_ZLIB);
  put_file(usps / "line", usps_line(3, 7));
  put_file(cifar10 / "image", std::string(1, '\3') + std::string(3072, 'x'));
}

TEST_CASE("seeds: distilled_set, checkpoint") {
  const auto sets = seeds_of("distilled_set"), checkpoints = seeds_of("checkpoint");
  distill::DistilledParameters learned = small_learned_set();
  const InnerLoop<float>& loop = learned.loop();
  distill::DistilledSet set{loop.x, loop.y,           true,         loop.learning_rates,
                            0.5F,   {{0.5F}, {0.5F}}, std::nullopt, std::nullopt};
  put_file(sets / "soft", bytes_of(distill::to_npz(set), distilled_arrays));
  set.soft_labels = false;
  set.momentum = 0;
  set.theta0 = Tensor<float>(Shape{3}, {1, 2, 3});
  set.origin = distill::Origin{"glyphs", 7, 2, {"ring", "stroke"}};
  put_file(sets / "fixed", bytes_of(distill::to_npz(set), distilled_arrays));
  for (const char* name : {"new", "one step"}) {
    io::Npz state;
    learned.save(state);
    put_file(checkpoints / name, bytes_of(state, checkpoint_arrays));
    learned.update(small_hypergradient(), 1);
  }
}

TEST_CASE("seeds: config") {
  put_file(seeds_of("config") / "run", R"({"command": "distill", "version": "0.2.0", "net": "mlp", "steps": 2,
  "learning_rate": 0.5, "soft_labels": true, "seed": 7, "hidden": [64, 32], "window": null, "pool": "/pool"})");
}

}  // namespace
}  // namespace hypertape::testing
