#include "hypertape/distill/distilled_set.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "support//check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

using distill::DistilledSet;

DistilledSet example(bool soft) {
  DistilledSet set;
  set.soft_labels = soft;
  const std::vector<std::int32_t> classes = {2, 0, 1, 2};
  for (std::uint64_t s = 0; s < 3; ++s) {
    set.images.push_back(random_tensor<float>(Shape::batch(4, 2, 5, 6), s));
    set.labels.push_back(soft ? random_tensor<float>(Shape::batch(4, 3), 10 + s)
                              : one_hot<float>(std::span<const std::int32_t>(classes), 3));
  }
  set.learning_rates = positive_tensor<float>(Shape{2, 3}, 5);
  set.normalization = {{0.1f, 0.2f}, {0.3f, 0.4f}};
  set.theta0 = random_tensor<float>(Shape{7}, 6);
  return set;
}

std::shared_ptr<const data::Whitening> identity_whitening(Index D) {
  Tensor<float> matrix(Shape{D, D});
  for (Index i = 0; i < D; ++i) matrix[i * D + i] = 1;
  return std::make_shared<const data::Whitening>(std::move(matrix), random_tensor<float>(Shape{D}));
}

TEST_CASE("distilled_set: what is saved is loaded, hard labels and soft") {
  const TemporaryFolder folder;
  for (const bool soft : {false, true}) {
    DistilledSet set = example(soft);
    if (soft) {
      set.augmentation = {.flip = true, .rotate = 15};
      set.normalization.whitening = identity_whitening(60);
    }
    distill::save(set, folder.path() / "set.npz");
    const DistilledSet loaded = distill::load(folder.path() / "set.npz", 3);
    CHECK(loaded.soft_labels == soft);
    CHECK(loaded.augmentation == set.augmentation);
    for (std::size_t s = 0; s < 3; ++s) {
      CHECK(equal(loaded.images[s], set.images[s]));
      CHECK(equal(loaded.labels[s], set.labels[s]));
    }
    CHECK(equal(loaded.learning_rates, set.learning_rates));
    CHECK(loaded.normalization == set.normalization);
    CHECK(equal(*loaded.theta0, *set.theta0));
  }
}

TEST_CASE("distilled_set: learning rates are saved as (epochs, steps), whatever their layout in memory") {
  DistilledSet set = example(false);
  const std::vector<float> rates = to_row_major(set.learning_rates);
  set.learning_rates = relayout(set.learning_rates, Layout::samples_innermost);
  CHECK(io::require_values<float>(distill::to_npz(set), "set.npz", "learning_rates", {2, 3}) == rates);
  CHECK(to_row_major(distill::shuffled(set, 1).learning_rates) == rates);
}

TEST_CASE("distilled_set: it knows what it was made from, unless its file is an older one") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "set.npz";
  DistilledSet set = example(false);
  CHECK(!set.origin);
  distill::save(set, path);
  CHECK(!distill::load(path, 3).origin);
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{}, std::vector<std::string>{"caf\xC3\xA9", "a b", "c"}}) {
    set.origin = {"folder", -7, 3, names};
    distill::save(set, path);
    CHECK(distill::load(path, 3).origin == set.origin);
    check_error<DataError>([&] { distill::load(path, 4); }, {"set.npz", "'classes'", "made for 4", "one for 3"});
  }
  io::Npz npz = io::read_npz(path);
  const auto text = std::get<std::vector<std::int64_t>>(npz.at("dataset").values);
  CHECK(std::string(text.begin(), text.end()) == "folder");
  npz["dataset"] = {{1}, std::vector<std::int64_t>{256}};
  io::write_npz(path, npz);
  check_error<DataError>([&] { distill::load(path, 3); }, {"'dataset'", "256"});
  npz["dataset"] = {{1}, std::vector<std::int64_t>{65}};
  npz["class_names"] = {{3}, std::vector<std::int64_t>{65, 0, 66}};
  io::write_npz(path, npz);
  check_error<DataError>([&] { distill::load(path, 3); }, {"'class_names'", "3 names", "2"});
}

TEST_CASE("distilled_set: the arrays have the documented shapes") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "set.npz";
  distill::save(example(false), path);
  const io::Npz npz = io::read_npz(path);
  CHECK(npz.at("images").shape == std::vector<Index>{3, 4, 2, 5, 6});
  CHECK(io::require_values<std::int64_t>(npz, path, "labels", {3, 4})[1] == 0);
  CHECK(npz.at("learning_rates").shape == std::vector<Index>{2, 3});
  CHECK(npz.at("theta0").shape == std::vector<Index>{7});
  // Row-major: the second value is one column further.
  CHECK(io::require_values<float>(npz, path, "images", {3, 4, 2, 5, 6})[1] == example(false).images[0](0, 0, 0, 1));
}

TEST_CASE("distilled_set: the same set gives the same bytes") {
  const TemporaryFolder folder;
  distill::save(example(false), folder.path() / "a.npz");
  distill::save(example(false), folder.path() / "b.npz");
  const auto bytes = [](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(bytes(folder.path() / "a.npz") == bytes(folder.path() / "b.npz"));
}

TEST_CASE("distilled_set: missing, misshapen and impossible arrays are named") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "set.npz";
  const auto with = [&](const auto& change) {
    distill::save(example(false), path);
    io::Npz npz = io::read_npz(path);
    change(npz);
    io::write_npz(path, npz);
  };
  const auto load = [&] { distill::load(path, 3); };

  with([](io::Npz& npz) { npz.erase("learning_rates"); });
  check_error<DataError>(load, {"set.npz", "learning_rates", "images, labels, mean"});
  with([](io::Npz& npz) { npz["images"].shape = {12, 2, 5, 6}; });
  check_error<DataError>(load, {"set.npz", "array 'images'", "expected", "found"});
  with([](io::Npz& npz) { npz["learning_rates"].shape = {3, 2}; });
  check_error<DataError>(load, {"set.npz", "array 'learning_rates'", "expected", "3", "found"});
  with([](io::Npz& npz) { npz["mean"] = {{1}, std::vector<float>{0.5f}}; });
  check_error<DataError>(load, {"set.npz", "array 'mean'"});
  with([](io::Npz& npz) { npz["std"] = {{2}, std::vector<float>{0.5f, 0.0f}}; });
  check_error<DataError>(load, {"set.npz", "array 'std'", "positive", "0"});
  with([](io::Npz& npz) { std::get<std::vector<std::int64_t>>(npz["labels"].values)[3] = 3; });
  check_error<DataError>(load, {"set.npz", "array 'labels'", "classes 0 .. 2", "found 3"});
  with([](io::Npz& npz) { std::get<std::vector<float>>(npz["images"].values)[3] = std::nanf(""); });
  check_error<DataError>(load, {"set.npz", "array 'images'", "finite"});
  with([](io::Npz& npz) { npz["theta0"] = {{7}, std::vector<double>(7)}; });
  check_error<DataError>(load, {"set.npz", "array 'theta0'", "float32", "float64"});

  with([](io::Npz& npz) { npz["mean"] = {{2}, std::vector<float>{std::nanf(""), 0.0f}}; });
  check_error<DataError>(load, {"set.npz", "array 'mean'", "finite"});
  with([](io::Npz& npz) { npz["std"] = {{2}, std::vector<float>{1, std::numeric_limits<float>::infinity()}}; });
  check_error<DataError>(load, {"set.npz", "array 'std'", "finite"});

  // Nothing to train on: no steps, no images, no epochs, no weights.
  with([](io::Npz& npz) { npz["images"] = {{0, 4, 2, 5, 6}, std::vector<float>()}; });
  check_error<DataError>(load, {"set.npz", "array 'images'"});
  with([](io::Npz& npz) { npz["images"] = {{3, 0, 2, 5, 6}, std::vector<float>()}; });
  check_error<DataError>(load, {"set.npz", "array 'images'"});
  with([](io::Npz& npz) { npz["learning_rates"] = {{0, 3}, std::vector<float>()}; });
  check_error<DataError>(load, {"set.npz", "array 'learning_rates'"});
  with([](io::Npz& npz) { npz["theta0"] = {{0}, std::vector<float>()}; });
  check_error<DataError>(load, {"set.npz", "array 'theta0'"});

  with([](io::Npz& npz) { npz.erase("theta0"); });
  CHECK(!distill::load(path, 3).theta0);
}

}  // namespace
}  // namespace hypertape::testing
