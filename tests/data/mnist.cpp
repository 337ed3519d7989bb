#include "hypertape/data/mnist.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/gzip_file.hpp"
#include "support/mnist_files.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::io;
using namespace hypertape::testing;

namespace {

/// A folder with a good tiny MNIST, for a test to spoil.
struct TinyMnist {
  TemporaryFolder folder;
  TinyMnist() { put_mnist_files(folder.path(), 20, 12); }
  void check_refused(std::initializer_list<std::string_view> words) const {
    check_error<DataError>([&] { load_mnist_like("mnist", folder.path()); }, words);
  }
};

}  // namespace

TEST_CASE("load_mnist_like: four files, each plain or gzipped") {
  const TinyMnist tiny;
  for (const char* file : {"train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    put_gzip_file(tiny.folder / (std::string(file) + ".gz"), file_bytes(tiny.folder / file));
    std::filesystem::remove(tiny.folder / file);
  }
  const Dataset dataset = load_mnist_like("mnist", tiny.folder.path());
  CHECK(dataset.name == "mnist");
  for (const LabeledImages* images : {&dataset.train, &dataset.test}) {
    CHECK(images->count == (images == &dataset.train ? 20 : 12));
    CHECK(images->channels == 1);
    CHECK(images->height == 28);
    CHECK(images->width == 28);
    CHECK(images->classes == 10);
    CHECK_NOTHROW(check_sizes(*images, "test"));
    CHECK(images->pixels[784 * 11 - 1] == 10);
    CHECK(images->pixels[784 * 11] == 11);
    CHECK(images->labels[11] == 1);
  }
}

TEST_CASE("load_mnist_like: the usual normalization of either data set") {
  const TinyMnist tiny;
  CHECK(load_mnist_like("mnist", tiny.folder.path()).normalization.mean == std::vector<float>{0.1307f});
  CHECK(load_mnist_like("mnist", tiny.folder.path()).normalization.std == std::vector<float>{0.3081f});
  CHECK(load_mnist_like("fashion-mnist", tiny.folder.path()).normalization.mean == std::vector<float>{0.2860f});
  CHECK(load_mnist_like("fashion-mnist", tiny.folder.path()).normalization.std == std::vector<float>{0.3530f});
  REQUIRE(load_mnist_like("fashion-mnist", tiny.folder.path()).class_names.size() == 10);
  CHECK(load_mnist_like("fashion-mnist", tiny.folder.path()).class_names[7] == "sneaker");
  CHECK(load_mnist_like("mnist", tiny.folder.path()).class_names.empty());
  check_error<ArgumentError>([&] { load_mnist_like("kmnist", tiny.folder.path()); },
                             {"mnist or fashion-mnist", "kmnist"});
}

TEST_CASE("load_mnist_rgb: padded to 32 x 32, three equal channels, normalization likewise") {
  const TinyMnist tiny;
  const Dataset dataset = load_mnist_rgb(tiny.folder.path());
  CHECK(dataset.name == "mnist-rgb");
  CHECK(dataset.folder == tiny.folder.path());
  CHECK(dataset.normalization.mean == std::vector<float>(3, 0.1307f));
  CHECK(dataset.normalization.std == std::vector<float>(3, 0.3081f));
  for (const LabeledImages* images : {&dataset.train, &dataset.test}) {
    CHECK(images->count == (images == &dataset.train ? 20 : 12));
    CHECK(images->channels == 3);
    CHECK(images->height == 32);
    CHECK(images->width == 32);
    REQUIRE_NOTHROW(check_sizes(*images, "test"));
    CHECK(images->labels[11] == 1);
    bool same = true;
    for (std::size_t i = 0; i < 3072; ++i) {
      const std::size_t y = i / 32 % 32, x = i % 32;
      const bool inside = y >= 2 && y < 30 && x >= 2 && x < 30;
      same = same && images->pixels[3072 * 11 + i] == (inside ? 11 : 0);
    }
    CHECK(same);
  }
}

TEST_CASE("load_mnist_like: missing files are named, and what to do") {
  const TinyMnist tiny;
  std::filesystem::remove(tiny.folder / "train-labels-idx1-ubyte");
  tiny.check_refused(
      {tiny.folder.path().string(), "missing train-labels-idx1-ubyte[.gz];", "put ", "into this folder"});
  std::filesystem::remove(tiny.folder / "t10k-images-idx3-ubyte");
  tiny.check_refused({"missing train-labels-idx1-ubyte[.gz], t10k-images-idx3-ubyte[.gz];"});
}

TEST_CASE("load_mnist_like: a folder that is not there") {
  const TemporaryFolder folder;
  const auto missing = folder / "missing";
  check_error<DataError>([&] { load_mnist_like("mnist", missing); }, {missing.string(), "missing train-images"});
  CHECK(folder.names().empty());
}

TEST_CASE("load_mnist_like: counts that differ") {
  const TinyMnist tiny;
  write_idx(tiny.folder / "t10k-labels-idx1-ubyte", std::vector<Index>{11}, std::vector<std::uint8_t>(11));
  tiny.check_refused(
      {"t10k-labels-idx1-ubyte: byte 4: expected as many labels as", "t10k-images-idx3-ubyte", "12", "found 11"});
}

TEST_CASE("load_mnist_like: a label outside of 0 .. 9") {
  const TinyMnist tiny;
  std::vector<std::uint8_t> labels(20);
  labels[3] = 10;
  write_idx(tiny.folder / "train-labels-idx1-ubyte", std::vector<Index>{20}, labels);
  tiny.check_refused({"train-labels-idx1-ubyte: byte 11: expected a label in 0 .. 9, found 10"});
}

TEST_CASE("load_mnist_like: classes are those that occur, without a gap") {
  const TinyMnist tiny;
  const auto put_labels = [&](std::uint8_t train_classes, std::uint8_t test_classes, std::uint8_t instead_of_3) {
    for (const bool train : {true, false}) {
      std::vector<std::uint8_t> labels;
      for (int n = 0; n < (train ? 20 : 12); ++n) {
        labels.push_back(static_cast<std::uint8_t>(n % (train ? train_classes : test_classes)));
        if (labels.back() == 3) labels.back() = instead_of_3;
      }
      write_idx(tiny.folder / mnist_files[train ? 1 : 3], std::vector<Index>{static_cast<Index>(labels.size())},
                labels);
    }
  };
  put_labels(5, 4, 3);
  const Dataset five = load_mnist_like("fashion-mnist", tiny.folder.path());
  CHECK(five.train.classes == 5);
  CHECK(five.test.classes == 5);
  CHECK(five.class_names == std::vector<std::string>{"T-shirt", "trouser", "pullover", "dress", "coat"});
  CHECK(load_mnist_rgb(tiny.folder.path()).train.classes == 5);
  put_labels(5, 4, 2);
  tiny.check_refused(
      {tiny.folder.path().string(), ": expected training images of every class 0 .. 4, found none of class 3"});
  put_labels(5, 6, 3);
  tiny.check_refused({"expected training images of class 5, which a test image has, found none"});
  put_labels(1, 1, 3);
  tiny.check_refused({"two classes or more"});
}

TEST_CASE("load_mnist_like: images of another size") {
  const TinyMnist tiny;
  write_idx(tiny.folder / "train-images-idx3-ubyte", std::vector<Index>{20, 28, 27},
            std::vector<std::uint8_t>(20 * 28 * 27));
  tiny.check_refused({"train-images-idx3-ubyte: byte 8: expected images of 28 x 28, found 28 x 27"});
}

TEST_CASE("load_mnist_like: images and labels swapped") {
  const TinyMnist tiny;
  std::filesystem::rename(tiny.folder / "train-labels-idx1-ubyte", tiny.folder / "train-images-idx3-ubyte");
  put_file(tiny.folder / "train-labels-idx1-ubyte", "");
  tiny.check_refused({"train-images-idx3-ubyte", "byte 0", "expected", "(images)", "found", "(labels)"});
}

TEST_CASE("MNIST itself: counts, first labels and normalization") {
  const char* root = std::getenv("HYPERTAPE_DATA");
  const std::filesystem::path folder = std::filesystem::path(root == nullptr ? "" : root) / "mnist";
  if (root == nullptr || !holds_any_file(folder, mnist_dataset_files)) {
    MESSAGE("skipped: MNIST itself (needs its files in $HYPERTAPE_DATA/mnist)");
    return;
  }
  const Dataset mnist = load_mnist_like("mnist", folder);
  CHECK(mnist.train.count == 60'000);
  CHECK(mnist.test.count == 10'000);
  CHECK(std::vector(mnist.train.labels.begin(), mnist.train.labels.begin() + 5) == std::vector{5, 0, 4, 1, 9});
  CHECK(indices_of_class(mnist.test, 1).size() == 1135);
  const Normalization exact = compute_normalization(mnist.train);
  CHECK(std::abs(exact.mean[0] - mnist.normalization.mean[0]) <= 5e-5f);
  CHECK(std::abs(exact.std[0] - mnist.normalization.std[0]) <= 5e-5f);
}
