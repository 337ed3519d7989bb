#include <doctest/doctest.h>
#include <zip.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "fuzz/arrays.hpp"
#include "fuzz/checksums.hpp"
#include "fuzz/reader.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/io/idx.hpp"
#include "run_log.hpp"
#include "snapshots.hpp"
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

/// Writes an .npz file of one array, deflated as np.savez_compressed does it.
void put_deflated_npz(const std::filesystem::path& path, const std::string& name, const std::string& npy) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  REQUIRE(archive != nullptr);
  zip_source_t* source = zip_source_buffer(archive, npy.data(), npy.size(), 0);
  const zip_int64_t index = zip_file_add(archive, (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
  REQUIRE(index == 0);
  REQUIRE(zip_set_file_compression(archive, 0, ZIP_CM_DEFLATE, 0) == 0);
  REQUIRE(zip_close(archive) == 0);
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
  put_deflated_npz(npz / "packed", "floats", io::encode_npy(arrays.at("floats")));
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
  distill::DistilledSet set = learned.set();
  set.rule = optim::HeavyBall{0.5};
  put_file(sets / "soft", bytes_of(distill::to_npz(set), distilled_arrays));
  distill::DistilledSet unordered = set;
  unordered.learning_rates = Tensor<float>(Shape{1, 1}, 0.2F);
  unordered.unordered = {3, 2};
  put_file(sets / "unordered", bytes_of(distill::to_npz(unordered), distilled_arrays));
  set.soft_labels = false;
  set.rule = {};
  set.theta0 = Tensor<float>(Shape{3}, {1, 2, 3});
  set.origin = distill::Origin{"glyphs", 7, 2, {"ring", "stroke"}};
  put_file(sets / "fixed", bytes_of(distill::to_npz(set), distilled_arrays));
  cli::RunLog log(1);
  cli::Snapshots snapshots;
  for (const long iteration : {0, 1}) {
    log.add({iteration, iteration == 0 ? std::nullopt : std::optional(0.5), 50, 1}, learned.set().learning_rates);
    snapshots.offer(iteration, learned.set().images.front());
    io::Npz state;
    learned.save(state);
    io::add_prefixed(state, "log", log.arrays());
    io::add_prefixed(state, "snapshots", snapshots.arrays());
    io::add_prefixed(state, "best", distill::to_npz(set));
    put_file(checkpoints / (iteration == 0 ? "new" : "one step"), bytes_of(state, checkpoint_arrays));
    learned.update(small_gradient(), 1);
  }
}

TEST_CASE("seeds: config") {
  put_file(seeds_of("config") / "run", R"({"command": "distill", "version": "0.10.0", "net": "mlp", "steps": 2,
  "learning_rate": 0.5, "soft_labels": true, "seed": 7, "hidden": [64, 32], "window": null, "pool": "/pool"})");
}

/// `repair` leaves the bytes as they are, and puts them right where checksums that are `stored` so were broken.
template <class Repair>
void check_repair(const std::string& good, const std::vector<std::size_t>& stored, const Repair& repair) {
  const auto repaired = [&](std::string bytes) {
    repair(MutableBytes(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()));
    return bytes;
  };
  CHECK(repaired(good) == good);
  std::string broken = good;
  for (const std::size_t at : stored) {
    for (std::size_t i = at; i < at + 4; ++i) broken.at(i) = static_cast<char>(~broken[i]);
  }
  CHECK(broken != good);
  CHECK(repaired(broken) == good);
  for (std::size_t size = 0; size < good.size(); ++size) repaired(good.substr(0, size));
}

TEST_CASE("checksums: broken ones are put right, all others left as they are") {
  const TemporaryFolder folder;
  put_png(folder / "a.png", 4, {}, {{1, 2, 3, 4}, {5, 6, 7, 8}});
  const std::string png = file_bytes(folder / "a.png");
  const std::size_t first = 8 + 4 + 4 + 13;  // behind signature, and length, type and content of the header
  check_repair(png, {first, png.size() - 4}, repair_png);
  const io::NpyArray array{{2}, std::vector<float>{1, 2}};
  io::write_npz(folder / "stored.npz", {{"a", array}});
  put_deflated_npz(folder / "packed.npz", "a", io::encode_npy(array));
  for (const char* name : {"stored.npz", "packed.npz"}) {
    CAPTURE(name);
    const std::string zip = file_bytes(folder / name);
    check_repair(zip, {14, zip.rfind("PK\1\2") + 16}, repair_zip);
  }
}

}  // namespace
}  // namespace hypertape::testing
