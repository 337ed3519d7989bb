#include "hypertape/data/svhn.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/check_error.hpp"
#include "support/stored_datasets.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

namespace {

/// A folder with a good tiny SVHN, for a test to spoil.
struct TinySvhn {
  TemporaryFolder folder;
  TinySvhn() { put_svhn_files(folder.path(), 12, 4); }
  void check_refused(std::initializer_list<std::string_view> words) const {
    check_error<DataError>([&] { load_svhn(folder.path()); }, words);
  }
  void check_refused_variables(std::vector<MatArray> arrays, std::initializer_list<std::string_view> words) const {
    put_mat_file(folder / "train_32x32.mat", std::move(arrays));
    check_refused(words);
  }
};

/// y with one label replaced.
MatArray labels_with(double label) {
  MatArray y = svhn_labels(12);
  y.doubles[5] = label;
  return y;
}

}  // namespace

TEST_CASE("load_svhn: column-major pixels and 10 for the digit 0, compressed or not") {
  for (const matio_compression compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    const TemporaryFolder folder;
    put_svhn_files(folder.path(), 12, 4, compression);
    const Dataset dataset = load_svhn(folder.path());
    CHECK(dataset.name == "svhn");
    CHECK(dataset.folder == folder.path());
    for (const LabeledImages* images : {&dataset.train, &dataset.test}) {
      const std::size_t count = images == &dataset.train ? 12 : 4;
      CHECK(images->count == static_cast<Index>(count));
      CHECK(images->channels == 3);
      CHECK(images->height == 32);
      CHECK(images->width == 32);
      CHECK(images->classes == 10);
      REQUIRE_NOTHROW(check_sizes(*images, "test"));
      bool same = true;
      for (std::size_t n = 0; n < count; ++n) {
        CHECK(images->labels[n] == static_cast<std::int32_t>(n % 10));
        for (std::size_t c = 0; c < 3; ++c) {
          for (std::size_t y = 0; y < 32; ++y) {
            for (std::size_t x = 0; x < 32; ++x) {
              const std::uint8_t found = images->pixels[((n * 3 + c) * 32 + y) * 32 + x];
              same = same && found == stored_pixel(n, (c * 32 + x) * 32 + y);
            }
          }
        }
      }
      CHECK(same);
    }
    const Normalization expected = compute_normalization(dataset.train);
    CHECK(dataset.normalization.mean == expected.mean);
    CHECK(dataset.normalization.std == expected.std);
  }
}

TEST_CASE("load_svhn: labels of bytes") {
  const TinySvhn tiny;
  put_mat_file(tiny.folder / "test_32x32.mat", {svhn_images(3), {"y", {3, 1}, {10, 1, 9}, {}}});
  CHECK(load_svhn(tiny.folder.path()).test.labels == std::vector<std::int32_t>{0, 1, 9});
}

TEST_CASE("load_svhn: missing files are named, and what to do") {
  const TinySvhn tiny;
  std::filesystem::remove(tiny.folder / "test_32x32.mat");
  tiny.check_refused(
      {tiny.folder.path().string(), "missing test_32x32.mat; put train_32x32.mat and test_32x32.mat into"});
}

TEST_CASE("load_svhn: what is no MAT file") {
  const TinySvhn tiny;
  for (const std::string& content :
       {std::string(), std::string("not a MAT file"), std::string(1000, 'x'), std::string(1000, '\0')}) {
    put_file(tiny.folder / "train_32x32.mat", content);
    tiny.check_refused(
        {"train_32x32.mat: byte 0: expected the header of a MAT file of version 5, found something else"});
  }
}

TEST_CASE("load_svhn: variables that are missing or of another type or shape") {
  const TinySvhn tiny;
  const std::string x = "variable 'X': expected uint8 (32, 32, 3, *), found ";
  const std::string y = "variable 'y': expected double or uint8 (*, 1), found ";
  tiny.check_refused_variables({svhn_labels(12)}, {"train_32x32.mat: ", x + "no such variable"});
  tiny.check_refused_variables({svhn_images(12)}, {"train_32x32.mat: ", y + "no such variable"});
  tiny.check_refused_variables({{"X", {32, 32, 3, 1}, {}, std::vector<double>(3072)}, svhn_labels(1)},
                               {x + "double (32, 32, 3, 1)"});
  tiny.check_refused_variables({{"X", {32, 32, 1, 3}, std::vector<std::uint8_t>(3072), {}}, svhn_labels(3)},
                               {x + "uint8 (32, 32, 1, 3)"});
  tiny.check_refused_variables({{"X", {3072, 12}, svhn_images(12).bytes, {}}, svhn_labels(12)},
                               {x + "uint8 (3072, 12)"});
  tiny.check_refused_variables({svhn_images(3), {"y", {1, 3}, {}, {1, 2, 3}}}, {y + "double (1, 3)"});
}

TEST_CASE("load_svhn: counts that differ") {
  const TinySvhn tiny;
  tiny.check_refused_variables({svhn_images(12), svhn_labels(11)},
                               {"variable 'y': expected as many labels as 'X' has images, 12, found 11"});
}

TEST_CASE("load_svhn: a label that stands for no digit") {
  const TinySvhn tiny;
  const std::string where = "train_32x32.mat: variable 'y', element 5: expected a label in 1 .. 10, found ";
  tiny.check_refused_variables({svhn_images(12), labels_with(11)}, {where + "11"});
  tiny.check_refused_variables({svhn_images(12), labels_with(0)}, {where + "0"});
  tiny.check_refused_variables({svhn_images(12), labels_with(2.5)}, {where + "2.5"});
  tiny.check_refused_variables({svhn_images(12), labels_with(std::numeric_limits<double>::quiet_NaN())},
                               {where + "nan"});
}

TEST_CASE("SVHN itself: counts") {
  const char* root = std::getenv("HYPERTAPE_DATA");
  const std::filesystem::path folder = std::filesystem::path(root == nullptr ? "" : root) / "svhn";
  if (root == nullptr || !holds_any_file(folder, svhn_dataset_files)) {
    MESSAGE("skipped: SVHN itself (needs its files in $HYPERTAPE_DATA/svhn)");
    return;
  }
  const Dataset svhn = load_svhn(folder);
  CHECK(svhn.train.count == 73'257);
  CHECK(svhn.test.count == 26'032);
}
