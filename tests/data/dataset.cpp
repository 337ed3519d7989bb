#include "hypertape/data/dataset.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <vector>

#include "hypertape/core/random.hpp"
#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;
using Indices = std::vector<Index>;

namespace {

LabeledImages random_images(Index count, Index channels, Index height, Index width) {
  LabeledImages images{count, channels, height, width, 10, {}, {}};
  Random random(7);
  for (Index i = 0; i < count * images.bytes_per_image(); ++i)
    images.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
  for (Index n = 0; n < count; ++n) images.labels.push_back(static_cast<std::int32_t>(random.below(10)));
  return images;
}

/// Two images of two channels of 1 x 2 pixels.
LabeledImages two_images() { return {2, 2, 1, 2, 10, {0, 255, 10, 20, 51, 102, 30, 40}, {3, 4}}; }

}  // namespace

TEST_CASE_TEMPLATE("gather: (pixel / 255 - mean) / std of each channel, in the order asked for", T, float, double) {
  // Sizes on both sides of the tiles of 4 and 128 samples and 8 pixels.
  for (const Index samples : {1, 3, 4, 5, 127, 128, 129, 262}) {
    for (const Index width : {1, 5, 9}) {
      CAPTURE(samples);
      CAPTURE(width);
      const LabeledImages images = random_images(50, 3, 3, width);
      const Normalization normalization{{0.1f, 0.2f, 0.3f}, {0.5f, 1, 2}};
      Random random(1);
      Indices which;
      for (Index n = 0; n < samples; ++n) which.push_back(random.below(images.count));
      Tensor<T> out;
      gather<T>(images, which, normalization, out);
      REQUIRE(out.shape() == Shape::batch(samples, 3, 3, width));
      double worst = 0;
      for (Index n = 0; n < samples; ++n) {
        for (Index c = 0; c < 3; ++c) {
          const auto channel = static_cast<std::size_t>(c);
          for (Index y = 0; y < 3; ++y) {
            for (Index x = 0; x < width; ++x) {
              const Index at = ((which[static_cast<std::size_t>(n)] * 3 + c) * 3 + y) * width + x;
              const double pixel = images.pixels[static_cast<std::size_t>(at)];
              const double expected =
                  (pixel / 255 - double{normalization.mean[channel]}) / double{normalization.std[channel]};
              const double error = std::abs(static_cast<double>(out(n, c, y, x)) - expected);
              if (!(error <= worst)) worst = error;
            }
          }
        }
      }
      CHECK(worst <= 2 * static_cast<double>(std::numeric_limits<T>::epsilon()));
    }
  }
}

TEST_CASE("gather: reuses the memory of a batch of the same shape") {
  Tensor<float> out(Shape{1, 2, 1, 2});
  const float* before = out.data();
  gather<float>(two_images(), Indices{1}, {{0, 0}, {1, 1}}, out);
  CHECK(out.data() == before);
  CHECK(out(0, 0, 0, 0) == 0.2f);
}

TEST_CASE("gather: arguments that do not fit are errors, and the batch stays as it was") {
  Tensor<float> out(Shape{1}, 5.f);
  const Normalization good{{0, 0}, {1, 1}};
  const auto call = [&](const LabeledImages& images, const Indices& which, const Normalization& normalization) {
    return [&out, images, which, normalization] { gather<float>(images, which, normalization, out); };
  };
  check_error<ArgumentError>(call(two_images(), {}, good), {"gather", "at least one index"});
  check_error<ArgumentError>(call(two_images(), {0, 2}, good), {"gather", "index 2", "0 .. 1"});
  check_error<ArgumentError>(call(two_images(), {-1}, good), {"gather", "index -1"});
  check_error<ArgumentError>(call(two_images(), {0}, {{0}, {1}}), {"gather", "2 means", "1 and 1"});
  check_error<ArgumentError>(call(two_images(), {0}, {{0, 0}, {1}}), {"gather", "2 means", "2 and 1"});
  check_error<ArgumentError>(call(two_images(), {0}, {{0, 0}, {1, 0}}), {"gather", "positive", "0"});
  check_error<ArgumentError>(call(two_images(), {0}, {{0, 0}, {1, std::nanf("")}}), {"gather", "positive", "nan"});
  LabeledImages short_of_pixels = two_images();
  short_of_pixels.pixels.pop_back();
  check_error<ArgumentError>(call(short_of_pixels, {0}, good),
                             {"gather", "2 images of 4 bytes", "7 pixels", "2 labels"});
  check_error<ArgumentError>(call({}, {0}, good), {"gather", "extent below 1"});
  CHECK(out.shape() == Shape{1});
  CHECK(out[0] == 5);
}

TEST_CASE("gather_one_hot: a row for each label asked for") {
  Tensor<float> rows;
  gather_one_hot(two_images(), Indices{1, 0, 1}, rows);
  CHECK(rows.shape() == Shape::batch(3, two_images().classes));
  for (Index n = 0; n < 3; ++n) {
    for (Index k = 0; k < rows.shape()[1]; ++k) CHECK(rows(n, k) == (k == (n == 1 ? 3 : 4) ? 1 : 0));
  }
  check_error<ArgumentError>([&] { gather_one_hot(two_images(), Indices{2}, rows); }, {"gather_one_hot", "index 2"});
  check_error<ArgumentError>([&] { gather_one_hot(two_images(), Indices{}, rows); },
                             {"gather_one_hot", "at least one"});
  LabeledImages wrong = two_images();
  wrong.labels[1] = 10;
  check_error<ArgumentError>([&] { gather_one_hot(wrong, Indices{1}, rows); },
                             {"gather_one_hot: label 10 of image 1 is not in 0 .. 9"});
}

TEST_CASE("compute_normalization: mean and standard deviation of pixel / 255, by channel") {
  const Normalization normalization = compute_normalization(two_images());
  REQUIRE(normalization.mean.size() == 2);
  // Channel 0 holds 0, 255, 51, 102; channel 1 holds 10, 20, 30, 40.
  const auto near = [](float found, double expected) { return std::abs(double{found} - expected) <= 1e-7; };
  CHECK(near(normalization.mean[0], 0.4));
  CHECK(near(normalization.std[0], std::sqrt((0.16 + 0.36 + 0.04 + 0) / 4)));
  CHECK(near(normalization.mean[1], 25.0 / 255));
  CHECK(near(normalization.std[1], std::sqrt(125.0) / 255));
}

TEST_CASE("compute_normalization: a constant channel becomes 0; images of one color alone are an error") {
  LabeledImages images = two_images();
  for (const std::size_t i : {2u, 3u, 6u, 7u}) images.pixels[i] = 9;
  const Normalization normalization = compute_normalization(images);
  CHECK(normalization.std[0] < 0.5f);
  CHECK(normalization.mean[1] == 9.0f / 255);
  CHECK(normalization.std[1] == 1);
  Tensor<float> x;
  gather(images, Indices{0, 1}, normalization, x);
  for (Index n = 0; n < 2; ++n) {
    for (Index i = 0; i < 2; ++i) CHECK(std::abs(x(n, 1, 0, i)) <= 1e-8f);
  }
  for (const std::size_t i : {0u, 1u, 4u, 5u}) images.pixels[i] = 7;  // each channel of another value
  check_error<ArgumentError>([&] { compute_normalization(images); },
                             {"compute_normalization", "all 2 images", "one and the same color"});
}

TEST_CASE("check_dataset: labels that are no class are named, and parts that do not go together") {
  const Dataset good{"own", {}, two_images(), two_images(), {}};
  CHECK_NOTHROW(check_dataset(good, "test"));
  const auto refused = [&](const auto& change, std::initializer_list<std::string_view> words) {
    Dataset dataset = good;
    change(dataset);
    check_error<ArgumentError>([&] { check_dataset(dataset, "own operation"); }, words);
  };
  refused([](Dataset& d) { d.train.labels[1] = 10; }, {"own operation: label 10 of training image 1 is not in 0 .. 9"});
  refused([](Dataset& d) { d.train.labels[0] = -1; }, {"label -1 of training image 0 is not in 0 .. 9"});
  refused([](Dataset& d) { d.test.labels[1] = 12; }, {"label 12 of test image 1 is not in 0 .. 9"});
  refused([](Dataset& d) { d.test.classes = 5; }, {"training images are 2 x 1 x 2 of 10 classes", "2 x 1 x 2 of 5"});
  refused([](Dataset& d) { d.test.height = 2, d.test.width = 1; }, {"2 x 1 x 2", "test images 2 x 2 x 1"});
  refused([](Dataset& d) { d.train.labels.pop_back(); }, {"own operation: 2 images", "1 labels"});
  refused([](Dataset& d) { d.train.classes = 1; }, {"needs training images of two classes or more, got 1"});
  Dataset untested = good;
  untested.test = {};
  CHECK_NOTHROW(check_dataset(untested, "test"));
}

TEST_CASE("split: two sorted parts that hold every index once, the same for the same seed") {
  const LabeledImages images = random_images(100, 1, 1, 1);
  const Split parts = split(images, 30, 1);
  CHECK(parts.train.size() == 70);
  CHECK(parts.held_out.size() == 30);
  CHECK(std::is_sorted(parts.train.begin(), parts.train.end()));
  CHECK(std::is_sorted(parts.held_out.begin(), parts.held_out.end()));
  std::vector<int> seen(100);
  for (const Indices& part : {parts.train, parts.held_out}) {
    for (const Index index : part) ++seen.at(static_cast<std::size_t>(index));
  }
  CHECK(seen == std::vector<int>(100, 1));
  CHECK(split(images, 30, 1).held_out == parts.held_out);
  CHECK(split(images, 30, 2).held_out != parts.held_out);
  CHECK(split(images, 0, 1).train.size() == 100);
  check_error<ArgumentError>([&] { split(images, 100, 1); }, {"split", "100 of 100"});
  check_error<ArgumentError>([&] { split(images, -1, 1); }, {"split", "-1 of 100"});
}

TEST_CASE("select: the named images in the named order; append: those of another set behind them") {
  LabeledImages images{3, 1, 1, 2, 5, {10, 11, 20, 21, 30, 31}, {4, 0, 2}};
  LabeledImages some = select(images, Indices{2, 0, 2});
  CHECK(some.count == 3);
  CHECK(some.pixels == std::vector<std::uint8_t>{30, 31, 10, 11, 30, 31});
  CHECK(some.labels == std::vector<std::int32_t>{2, 4, 2});
  CHECK_NOTHROW(check_sizes(some, "test"));
  CHECK(select(images, Indices{}).count == 0);
  check_error<ArgumentError>([&] { select(images, Indices{0, 3}); }, {"select: index 3 is not in 0 .. 2"});

  append(select(images, Indices{1}), some);
  CHECK(some.count == 4);
  CHECK(some.pixels == std::vector<std::uint8_t>{30, 31, 10, 11, 30, 31, 20, 21});
  CHECK(some.labels == std::vector<std::int32_t>{2, 4, 2, 0});
  const LabeledImages other{1, 1, 2, 1, 5, {1, 2}, {0}};
  check_error<ArgumentError>([&] { append(other, some); }, {"append: images of 1 x 2 x 1, 5 classes", "1 x 1 x 2"});
  CHECK(some.count == 4);
}

TEST_CASE("all_indices: from 0 on") {
  CHECK(all_indices(0).empty());
  CHECK(all_indices(3) == Indices{0, 1, 2});
}

TEST_CASE("indices_of_class: in order") {
  LabeledImages images = random_images(4, 1, 1, 1);
  images.labels = {3, 1, 3, 2};
  CHECK(indices_of_class(images, 3) == Indices{0, 2});
  CHECK(indices_of_class(images, 7).empty());
  CHECK(indices_of_class(images, Indices{2, 1}, 3) == Indices{2});
}
