#include "hypertape/data/augment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>
#include <vector>

#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;
using Indices = std::vector<Index>;

namespace {

/// Every byte of an image is another one, and none is 0, so that a crop and a flip can be read off the result.
LabeledImages distinct_images(Index count, Index channels, Index height, Index width) {
  LabeledImages images{count, channels, height, width, 10, {}, {}};
  for (Index n = 0; n < count; ++n) {
    for (Index i = 0; i < images.bytes_per_image(); ++i)
      images.pixels.push_back(static_cast<std::uint8_t>(1 + (i + 7 * n) % 255));
    images.labels.push_back(static_cast<std::int32_t>(n % 10));
  }
  return images;
}

/// Values stay bytes.
const Normalization bytes_as_they_are{{0, 0}, {1.f / 255, 1.f / 255}};

Indices first_indices(Index count) {
  Indices all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), Index{0});
  return all;
}

Tensor<double> augmented(const LabeledImages& images, const Indices& which, const Augmentation& augmentation,
                         const AugmentationDraws& draws) {
  Tensor<double> out;
  gather_augmented(images, which, bytes_as_they_are, augmentation, draws, out);
  return out;
}

/// The pixel of image n at (y, x), or 0 outside.
double padded_pixel(const LabeledImages& images, Index n, Index c, Index y, Index x) {
  if (y < 0 || y >= images.height || x < 0 || x >= images.width) return 0;
  return images.pixels[static_cast<std::size_t>(((n * images.channels + c) * images.height + y) * images.width + x)];
}

bool equal(const Tensor<double>& a, const Tensor<double>& b) {
  return a.shape() == b.shape() && std::equal(a.values().begin(), a.values().end(), b.values().begin());
}

}  // namespace

TEST_CASE("gather_augmented: each image is one of its crops, flipped or not, each equally often") {
  constexpr Index padding = 2, samples = 10'000;
  const LabeledImages images = distinct_images(2, 2, 5, 4);
  Indices which;
  for (Index n = 0; n < samples; ++n) which.push_back(n % 2);
  const Tensor<double> out = augmented(images, which, {padding, true}, {1, 3, 0});
  REQUIRE(out.shape() == Shape::batch(samples, 2, 5, 4));
  std::map<std::tuple<Index, Index, bool>, Index> found;
  for (Index n = 0; n < samples; ++n) {
    Index matches = 0;
    for (Index down = -padding; down <= padding; ++down) {
      for (Index right = -padding; right <= padding; ++right) {
        for (const bool flipped : {false, true}) {
          bool same = true;
          for (Index c = 0; same && c < 2; ++c) {
            for (Index y = 0; same && y < 5; ++y) {
              for (Index x = 0; same && x < 4; ++x) {
                const Index column = flipped ? 3 - x : x;
                const double expected = padded_pixel(images, n % 2, c, y + down, column + right);
                same = std::abs(out(n, c, y, x) - expected) <= 1e-4;
              }
            }
          }
          matches += same ? 1 : 0;
          if (same) ++found[{down, right, flipped}];
        }
      }
    }
    REQUIRE(matches == 1);
  }
  // 200 of each are expected, with a standard deviation of 14.
  CHECK(found.size() == 50);
  for (const auto& [variation, count] : found) {
    CHECK(count >= 130);
    CHECK(count <= 270);
  }
}

TEST_CASE("gather_augmented: without padding and flips it is gather") {
  const LabeledImages images = distinct_images(5, 2, 3, 4);
  const Indices which{4, 0, 0, 2};
  const Normalization normalization{{0.1f, 0.2f}, {0.5f, 2}};
  Tensor<float> expected, out;
  gather<float>(images, which, normalization, expected);
  gather_augmented<float>(images, which, normalization, {}, {9, 9, 9}, out);
  REQUIRE(out.shape() == expected.shape());
  CHECK(std::equal(out.values().begin(), out.values().end(), expected.values().begin()));
}

TEST_CASE("gather_augmented: a batch does not depend on how it is cut into blocks") {
  const LabeledImages images = distinct_images(30, 2, 5, 4);
  const Indices which = first_indices(30);
  const Tensor<double> whole = augmented(images, which, {1, true}, {4, 2, 0});
  for (const Index size : {1, 7, 16}) {
    for (Index begin = 0; begin < 30; begin += size) {
      const Indices part(which.begin() + begin, which.begin() + std::min(begin + size, Index{30}));
      const Tensor<double> block = augmented(images, part, {1, true}, {4, 2, begin});
      for (Index n = 0; n < block.shape()[0]; ++n) {
        for (Index i = 0; i < images.bytes_per_image(); ++i) {
          REQUIRE(block[i * block.shape()[0] + n] == whole[i * 30 + begin + n]);
        }
      }
    }
  }
}

TEST_CASE("gather_augmented: other draws for another seed, iteration or position, the same for the same") {
  const LabeledImages images = distinct_images(30, 2, 5, 4);
  const Indices which = first_indices(30);
  const auto draw = [&](const AugmentationDraws& draws) { return augmented(images, which, {2, true}, draws); };
  CHECK(equal(draw({4, 2, 0}), draw({4, 2, 0})));
  CHECK(!equal(draw({4, 2, 0}), draw({5, 2, 0})));
  CHECK(!equal(draw({4, 2, 0}), draw({4, 3, 0})));
  CHECK(!equal(draw({4, 2, 0}), draw({4, 2, 30})));
}

TEST_CASE("gather_augmented: padding wider than the image, which may crop all of it away") {
  const LabeledImages images = distinct_images(1, 2, 2, 2);
  const Tensor<double> out = augmented(images, Indices(500), {5, false}, {1, 1, 0});
  Index black = 0;
  for (Index n = 0; n < 500; ++n) {
    double sum = 0;
    for (Index i = 0; i < 8; ++i) sum += out[i * 500 + n];
    black += sum == 0 ? 1 : 0;
  }
  // All is cropped away unless both shifts are in -1 .. 1, which has the probability (3 / 11)^2.
  CHECK(black >= 430);
  CHECK(black <= 490);
}

TEST_CASE("gather_augmented: padding is the byte 0, normalized like any other") {
  const LabeledImages images{1, 1, 1, 1, 10, {255}, {0}};
  Tensor<double> out;
  gather_augmented<double>(images, Indices(100), {{0.5f}, {0.25f}}, {1, false}, {1, 1, 0}, out);
  Index black = 0;
  for (const double value : out.values()) {
    CHECK((value == -2 || value == 2));
    black += value == -2 ? 1 : 0;
  }
  CHECK(black >= 70);
  CHECK(black < 100);
}

TEST_CASE("gather_augmented: arguments that do not fit are errors, and the batch stays as it was") {
  const LabeledImages images = distinct_images(2, 2, 3, 3);
  Tensor<float> out(Shape{1}, 5.f);
  const auto call = [&](const Indices& which, const Normalization& normalization, const Augmentation& augmentation,
                        Index first) {
    return [&out, &images, which, normalization, augmentation, first] {
      gather_augmented<float>(images, which, normalization, augmentation, {1, 1, first}, out);
    };
  };
  const Normalization good{{0, 0}, {1, 1}};
  check_error<ArgumentError>(call({0}, good, {-1, true}, 0), {"gather_augmented", "padding", "negative", "-1 and 0"});
  check_error<ArgumentError>(call({0}, good, {1, true}, -2), {"gather_augmented", "first position", "1 and -2"});
  check_error<ArgumentError>(call({}, good, {1, true}, 0), {"gather", "at least one index"});
  check_error<ArgumentError>(call({0, 2}, good, {1, true}, 0), {"gather_augmented", "index 2", "0 .. 1"});
  check_error<ArgumentError>(call({0}, {{0}, {1}}, {1, true}, 0), {"gather", "2 channels", "1 and 1"});
  CHECK(out.shape() == Shape{1});
  CHECK(out[0] == 5);
}
