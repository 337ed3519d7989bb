#include "hypertape/data/load_dataset.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/environment.hpp"
#include "support/mnist_files.hpp"
#include "support/stored_datasets.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;
using Paths = std::vector<std::filesystem::path>;

TEST_CASE("dataset_places: $HYPERTAPE_DATA, the user's cache, Debian's package") {
  const ScopedVariable root("HYPERTAPE_DATA", "/root-of-data"), home("HOME", "/somebody");
  const ScopedVariable cache("XDG_CACHE_HOME", std::nullopt);
  CHECK(dataset_places("mnist") == Paths{"/root-of-data/mnist", "/somebody/.cache/hypertape/mnist"});
  const ScopedVariable other_cache("XDG_CACHE_HOME", "/cache");
  CHECK(dataset_places("fashion-mnist") ==
        Paths{"/root-of-data/fashion-mnist", "/cache/hypertape/fashion-mnist", "/usr/share/datasets/fashion-mnist"});
  CHECK(dataset_places("mnist-rgb") == dataset_places("mnist"));
  CHECK(dataset_places("cifar-10") == Paths{"/root-of-data/cifar-10", "/cache/hypertape/cifar-10"});
  CHECK(dataset_places("glyphs").empty());
  check_error<ArgumentError>([] { dataset_places("imagenet"); }, {"unknown", "imagenet"});
  const ScopedVariable no_root("HYPERTAPE_DATA", ""), no_cache("XDG_CACHE_HOME", ""), no_home("HOME", std::nullopt);
  CHECK(dataset_places("mnist").empty());
}

TEST_CASE("load_dataset: the folder that is named wins, and no other is looked at") {
  const TemporaryFolder folder;
  const ScopedVariable root("HYPERTAPE_DATA", folder.path().string());
  put_mnist_files(folder / "mnist", 20, 10);
  put_mnist_files(folder / "named", 30, 10);
  CHECK(load_dataset("mnist").train.count == 20);
  CHECK(load_dataset("mnist", folder / "named").train.count == 30);
  const auto empty = folder / "empty";
  check_error<DataError>([&] { load_dataset("mnist", empty); }, {empty.string(), "missing train-images-idx3-ubyte"});
}

TEST_CASE("load_dataset: the cache comes after $HYPERTAPE_DATA") {
  const TemporaryFolder folder;
  const ScopedVariable root("HYPERTAPE_DATA", (folder / "root").string());
  const ScopedVariable cache("XDG_CACHE_HOME", (folder / "cache").string());
  put_mnist_files(folder / "cache" / "hypertape" / "mnist", 20, 10);
  CHECK(load_dataset("mnist").train.count == 20);
  put_mnist_files(folder / "root" / "mnist", 30, 10);
  CHECK(load_dataset("mnist").train.count == 30);
  put_mnist_files(folder / "cache" / "hypertape" / "fashion-mnist", 40, 10);
  CHECK(load_dataset("fashion-mnist").train.count == 40);
  CHECK(load_dataset("fashion-mnist").name == "fashion-mnist");
}

TEST_CASE("load_dataset: a place with only some of the files is an error, not passed over") {
  const TemporaryFolder folder;
  const Paths places{folder / "first", folder / "second"};
  put_mnist_files(places[0], 20, 10);
  put_mnist_files(places[1], 30, 10);
  std::filesystem::remove(places[0] / "t10k-labels-idx1-ubyte");
  check_error<DataError>([&] { load_from_places("mnist", places); },
                         {places[0].string(), "missing t10k-labels-idx1-ubyte"});
}

TEST_CASE("load_dataset: nothing found lists the places and what to do") {
  const TemporaryFolder folder;
  const ScopedVariable root("HYPERTAPE_DATA", (folder / "root").string());
  const ScopedVariable cache("XDG_CACHE_HOME", (folder / "cache").string());
  check_error<DataError>(
      [] { load_dataset("mnist"); },
      {"mnist: not found; looked in", (folder / "root" / "mnist").string(),
       (folder / "cache" / "hypertape" / "mnist").string(), "put train-images-idx3-ubyte", "train-labels-idx1-ubyte",
       "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "one of these folders", "plain or with the ending .gz"});
  check_error<DataError>([] { load_dataset("cifar-10"); },
                         {"cifar-10: not found; looked in", (folder / "root" / "cifar-10").string(), "data_batch_1.bin",
                          "test_batch.bin into one of these folders or its subfolder cifar-10-batches-bin"});
  check_error<DataError>([&] { load_from_places("fashion-mnist", {folder / "a"}); },
                         {"fashion-mnist: not found", "apt-get install dataset-fashion-mnist"});
  check_error<DataError>([] { load_from_places("mnist", {}); }, {"no folder", "HYPERTAPE_DATA", "HOME"});
  CHECK(folder.names().empty());
}

TEST_CASE("load_dataset: every name that is known finds its data set") {
  const TemporaryFolder folder;
  const ScopedVariable root("HYPERTAPE_DATA", folder.path().string());
  put_mnist_files(folder / "mnist", 20, 10);
  put_mnist_files(folder / "fashion-mnist", 30, 10);
  put_usps_files(folder / "usps", 40, 10);
  put_cifar10_files(folder.path() / "cifar-10" / "cifar-10-batches-bin", 10);
  put_svhn_files(folder / "svhn", 60, 10);
  const std::map<std::string, Index> counts{{"mnist", 20}, {"fashion-mnist", 30}, {"mnist-rgb", 20},
                                            {"usps", 40},  {"usps-resplit", 40},  {"cifar-10", 50},
                                            {"svhn", 60},  {"glyphs", 12'000}};
  CHECK(dataset_names().size() == counts.size());
  for (const std::string& name : dataset_names()) {
    CAPTURE(name);
    const Dataset dataset = load_dataset(name);
    CHECK(dataset.name == name);
    CHECK(dataset.train.count == counts.at(name));
  }
}

TEST_CASE("load_from_places: a place that cannot be looked into is passed over, and said") {
  const TemporaryFolder folder;
  const auto loop = folder / "loop";
  std::filesystem::create_symlink("loop", loop);
  check_error<DataError>(
      [&] {
        load_from_places("mnist", {loop, folder / "none"});
      },
      {"mnist: not found; looked in " + loop.string(), "cannot look for it: ", "/none; put "});
  put_mnist_files(folder / "mnist", 20, 10);
  CHECK(load_from_places("mnist", {loop, folder / "mnist"}).train.count == 20);
}

TEST_CASE("load_dataset: glyphs need no files, and take no folder") {
  const Dataset glyphs = load_dataset("glyphs");
  CHECK(glyphs.train.count == 12'000);
  CHECK(glyphs.test.count == 2'000);
  check_error<ArgumentError>([] { load_dataset("glyphs", "."); }, {"glyphs", "do not name a folder"});
}

TEST_CASE("load_dataset: an unknown name lists the known ones") {
  check_error<ArgumentError>(
      [] { load_dataset("imagenet"); },
      {"unknown", "imagenet", "mnist, fashion-mnist, mnist-rgb, usps, usps-resplit, cifar-10, svhn, glyphs"});
  check_error<ArgumentError>([] { load_dataset("imagenet", "."); }, {"unknown", "imagenet"});
}

TEST_CASE("Fashion-MNIST itself, where Debian puts it") {
  const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
  if (!holds_any_file(folder, mnist_dataset_files)) {
    MESSAGE("skipped: Fashion-MNIST itself (needs Debian's package dataset-fashion-mnist)");
    return;
  }
  const Dataset fashion = load_from_places("fashion-mnist", {folder});
  CHECK(fashion.train.count == 60'000);
  CHECK(fashion.test.count == 10'000);
  const Normalization exact = compute_normalization(fashion.train);
  CHECK(std::abs(exact.mean[0] - fashion.normalization.mean[0]) <= 5e-5f);
  CHECK(std::abs(exact.std[0] - fashion.normalization.std[0]) <= 5e-5f);
}
