#include "hypertape/data/cifar10.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/stored_datasets.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

namespace {

/// A folder with a good tiny CIFAR-10, for a test to spoil.
struct TinyCifar10 {
  TemporaryFolder folder;
  TinyCifar10() { put_cifar10_files(folder.path(), 3); }
  void check_refused(std::initializer_list<std::string_view> words) const {
    check_error<DataError>([&] { load_cifar10(folder.path()); }, words);
  }
};

}  // namespace

TEST_CASE("load_cifar10: the records of six files, in the folder or in its subfolder") {
  const TemporaryFolder folder;
  put_cifar10_files(folder / "flat", 3);
  put_cifar10_files(folder / "unpacked" / "cifar-10-batches-bin", 3);
  for (const char* name : {"flat", "unpacked"}) {
    const Dataset dataset = load_cifar10(folder / name);
    CHECK(dataset.name == "cifar-10");
    CHECK(dataset.folder == folder / name);
    CHECK(dataset.class_names == std::vector<std::string>{"airplane", "automobile", "bird"});  // those that occur
    CHECK(dataset.normalization.mean == std::vector<float>{0.4914f, 0.4822f, 0.4465f});
    CHECK(dataset.normalization.std == std::vector<float>{0.2470f, 0.2435f, 0.2616f});
    for (const LabeledImages* images : {&dataset.train, &dataset.test}) {
      const bool train = images == &dataset.train;
      CHECK(images->count == (train ? 15 : 3));
      CHECK(images->channels == 3);
      CHECK(images->height == 32);
      CHECK(images->width == 32);
      CHECK(images->classes == 3);
      REQUIRE_NOTHROW(check_sizes(*images, "test"));
      bool same = true;
      for (std::size_t n = 0; n < (train ? 15 : 3); ++n) {
        CHECK(images->labels[n] == static_cast<std::int32_t>(n % 3));
        for (std::size_t i = 0; i < 3072; ++i) {
          same = same && images->pixels[3072 * n + i] == stored_pixel(train ? n : 15 + n, i);
        }
      }
      CHECK(same);
    }
  }
}

TEST_CASE("load_cifar10: every missing file is named, and what to do") {
  const TinyCifar10 tiny;
  std::filesystem::remove(tiny.folder / "data_batch_3.bin");
  tiny.check_refused({tiny.folder.path().string(), "missing data_batch_3.bin; put data_batch_1.bin, ",
                      "data_batch_5.bin and test_batch.bin into this folder or its subfolder cifar-10-batches-bin,"});
  std::filesystem::remove(tiny.folder / "test_batch.bin");
  tiny.check_refused({"missing data_batch_3.bin, test_batch.bin;"});
}

TEST_CASE("load_cifar10: sizes that are no multiple of a record") {
  const TinyCifar10 tiny;
  const std::string bytes = file_bytes(tiny.folder / "data_batch_2.bin");
  put_file(tiny.folder / "data_batch_2.bin", std::string_view(bytes).substr(0, bytes.size() - 1));
  tiny.check_refused(
      {"data_batch_2.bin: byte 6146: expected a record of 3073 bytes, found the end of the file after 3072"});
  put_file(tiny.folder / "data_batch_2.bin", bytes + "x");
  tiny.check_refused(
      {"data_batch_2.bin: byte 9219: expected a record of 3073 bytes, found the end of the file after 1"});
  put_file(tiny.folder / "data_batch_2.bin", "");
  tiny.check_refused({"data_batch_2.bin: byte 0: expected a record of 3073 bytes, found the end of the file after 0"});
}

TEST_CASE("load_cifar10: a label outside of 0 .. 9") {
  const TinyCifar10 tiny;
  std::string bytes = file_bytes(tiny.folder / "test_batch.bin");
  bytes[3073] = 10;
  put_file(tiny.folder / "test_batch.bin", bytes);
  tiny.check_refused({"test_batch.bin: byte 3073: expected a label in 0 .. 9, found 10"});
}

TEST_CASE("CIFAR-10 itself: counts and normalization") {
  const char* root = std::getenv("HYPERTAPE_DATA");
  const std::filesystem::path folder = std::filesystem::path(root == nullptr ? "" : root) / "cifar-10";
  if (root == nullptr || !holds_any_file(folder, cifar10_dataset_files)) {
    MESSAGE("skipped: CIFAR-10 itself (needs its files in $HYPERTAPE_DATA/cifar-10)");
    return;
  }
  const Dataset cifar10 = load_cifar10(folder);
  CHECK(cifar10.train.count == 50'000);
  CHECK(cifar10.test.count == 10'000);
  for (std::int32_t label = 0; label < 10; ++label) {
    CHECK(indices_of_class(cifar10.train, label).size() == 5'000);
    CHECK(indices_of_class(cifar10.test, label).size() == 1'000);
  }
  // Loose enough for pictures that have been through JPEG, which takes away some of the contrast.
  const Normalization exact = compute_normalization(cifar10.train);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    CHECK(std::abs(exact.mean[channel] - cifar10.normalization.mean[channel]) <= 1e-3f);
    CHECK(std::abs(exact.std[channel] - cifar10.normalization.std[channel]) <= 3e-3f);
  }
}
