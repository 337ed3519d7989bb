#include "hypertape/data/augment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <tuple>

#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using data::augment;
using data::augment_adjoint;
using data::Augmentation;
using data::AugmentationDraws;

const Augmentation everything{.flip = true, .crop = 2, .scale = 1.3, .rotate = 20, .brightness = 0.8, .cutout = 0.4};

/// Images of three channels, 1 and the row and the column: what is varied says where each value comes from.
Tensor<double> places(Index samples, Index height, Index width) {
  Tensor<double> images(Shape::batch(samples, 3, height, width));
  for (Index n = 0; n < samples; ++n) {
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        images(n, 0, y, x) = 1;
        images(n, 1, y, x) = static_cast<double>(y);
        images(n, 2, y, x) = static_cast<double>(x);
      }
    }
  }
  return images;
}

/// The image at (row, column), bilinear, zero outside.
double interpolated(const Tensor<double>& images, Index n, Index c, double row, double column) {
  double sum = 0;
  for (Index y = 0; y < images.shape()[2]; ++y) {
    for (Index x = 0; x < images.shape()[3]; ++x) {
      const double weight = std::max(0.0, 1 - std::abs(row - static_cast<double>(y))) *
                            std::max(0.0, 1 - std::abs(column - static_cast<double>(x)));
      sum += weight * images(n, c, y, x);
    }
  }
  return sum;
}

double inner_product(const Tensor<double>& a, const Tensor<double>& b) {
  REQUIRE(a.shape() == b.shape());
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

TEST_CASE("augment: each image is one of its crops, flipped or not, each equally often") {
  constexpr Index padding = 2, samples = 10'000, height = 5, width = 4;
  const Tensor<double> images = places(samples, height, width);
  const Tensor<double> varied = augment(images, {.flip = true, .crop = padding}, {1, 3, 0});
  std::map<std::tuple<Index, Index, bool>, Index> found;
  for (Index n = 0; n < samples; ++n) {
    Index matches = 0;
    for (Index down = -padding; down <= padding; ++down) {
      for (Index right = -padding; right <= padding; ++right) {
        for (const bool flipped : {false, true}) {
          bool same = true;
          for (Index y = 0; same && y < height; ++y) {
            for (Index x = 0; same && x < width; ++x) {
              const Index row = y + down, column = (flipped ? width - 1 - x : x) + right;
              const bool within = row >= 0 && row < height && column >= 0 && column < width;
              same = varied(n, 0, y, x) == (within ? 1 : 0) &&
                     varied(n, 1, y, x) == (within ? static_cast<double>(row) : 0) &&
                     varied(n, 2, y, x) == (within ? static_cast<double>(column) : 0);
            }
          }
          if (!same) continue;
          ++matches;
          ++found[{down, right, flipped}];
        }
      }
    }
    REQUIRE(matches == 1);
  }
  REQUIRE(found.size() == 50);
  // Binomial with mean 200 and deviation 14; none of 50 is 5 deviations off but once in 40,000 seeds.
  for (const auto& [variation, count] : found) CHECK(std::abs(static_cast<double>(count) - 200) <= 5 * 14);
}

TEST_CASE("augment: images are turned about their center, by angles that are equally likely") {
  constexpr Index samples = 2000, side = 9;
  const Tensor<double> varied = augment(places(samples, side, side), {.rotate = 30}, {5, 0, 0});
  double sum = 0, squares = 0;
  for (Index n = 0; n < samples; ++n) {
    CHECK(varied(n, 1, 4, 4) == 4);  // the center stays
    CHECK(varied(n, 2, 4, 4) == 4);
    const double cosine = varied(n, 1, 5, 4) - 4, sine = varied(n, 1, 4, 5) - 4;
    CHECK(std::abs(cosine * cosine + sine * sine - 1) <= 1e-12);
    CHECK(std::abs(varied(n, 2, 5, 4) - 4 + sine) <= 1e-12);
    CHECK(std::abs(varied(n, 2, 4, 5) - 4 - cosine) <= 1e-12);
    const double degrees = std::atan2(sine, cosine) * 180 / std::numbers::pi;
    CHECK(std::abs(degrees) <= 30);
    sum += degrees;
    squares += degrees * degrees;
  }
  // Uniform in [-30, 30]: variance 300, whose estimate has the deviation 300 sqrt(0.8 / n).
  CHECK(std::abs(sum / samples) <= 5 * std::sqrt(300.0 / samples));
  CHECK(std::abs(squares / samples - 300) <= 5 * 300 * std::sqrt(0.8 / samples));
}

TEST_CASE("augment: rows and columns are stretched about the center, each by a factor of its own") {
  constexpr Index samples = 2000, side = 9;
  const Tensor<double> varied = augment(places(samples, side, side), {.scale = 1.25}, {5, 0, 0});
  std::array<double, 2> sums{};
  double products = 0;
  for (Index n = 0; n < samples; ++n) {
    std::array<double, 2> factors{};
    for (Index axis = 0; axis < 2; ++axis) {
      const double step = axis == 0 ? varied(n, 1, 5, 4) - 4 : varied(n, 2, 4, 5) - 4;
      const double factor = factors[static_cast<std::size_t>(axis)] = 1 / step;
      CHECK(factor >= 0.8 - 1e-12);
      CHECK(factor <= 1.25 + 1e-12);
      sums[static_cast<std::size_t>(axis)] += factor;
    }
    products += (factors[0] - 1.025) * (factors[1] - 1.025);
  }
  const double variance = 0.45 * 0.45 / 12;  // of a uniform factor in [0.8, 1.25]
  for (const double sum : sums) CHECK(std::abs(sum / samples - 1.025) <= 5 * std::sqrt(variance / samples));
  CHECK(std::abs(products / samples) <= 5 * variance / std::sqrt(samples));
}

TEST_CASE("augment: values are those of the image at their places, bilinear and zero outside, for all channels") {
  constexpr Index samples = 20, H = 7, W = 6;
  Augmentation augmentation = everything;
  augmentation.brightness = augmentation.cutout = 0;
  // Places within a wide margin, so that the channels of places tell where every value comes from.
  constexpr Index margin = 8;
  const Tensor<double> images = random_tensor<double>(Shape::batch(samples, 2, H, W), 4);
  Tensor<double> wide(Shape::batch(samples, 5, H + 2 * margin, W + 2 * margin));
  const Tensor<double> where = places(samples, H + 2 * margin, W + 2 * margin);
  for (Index n = 0; n < samples; ++n) {
    for (Index y = 0; y < H + 2 * margin; ++y) {
      for (Index x = 0; x < W + 2 * margin; ++x) {
        for (Index c = 0; c < 3; ++c) wide(n, c, y, x) = where(n, c, y, x);
        if (y < margin || y >= H + margin || x < margin || x >= W + margin) continue;
        for (Index c = 0; c < 2; ++c) wide(n, 3 + c, y, x) = images(n, c, y - margin, x - margin);
      }
    }
  }
  const AugmentationDraws draws{8, 2, 0};
  const Tensor<double> varied = augment(images, augmentation, draws), widely = augment(wide, augmentation, draws);
  double error = 0;
  for (Index n = 0; n < samples; ++n) {
    for (Index y = 0; y < H; ++y) {
      for (Index x = 0; x < W; ++x) {
        REQUIRE(widely(n, 0, y + margin, x + margin) == doctest::Approx(1).epsilon(1e-12));
        const double row = widely(n, 1, y + margin, x + margin) - margin;
        const double column = widely(n, 2, y + margin, x + margin) - margin;
        for (Index c = 0; c < 2; ++c) {
          error = std::max(error, std::abs(varied(n, c, y, x) - interpolated(images, n, c, row, column)));
          error = std::max(error, std::abs(varied(n, c, y, x) - widely(n, 3 + c, y + margin, x + margin)));
        }
      }
    }
  }
  CHECK(error <= 1e-11);
}

TEST_CASE("augment: brightness is added to what is within the image, by up to half of it") {
  const Tensor<double> images = random_tensor<double>(Shape::batch(500, 3, 4, 5));
  const Tensor<double> varied = augment(images, {.brightness = 0.6}, {3, 1, 0});
  double least = 1, most = -1;
  for (Index n = 0; n < 500; ++n) {
    const double added = varied(n, 0, 0, 0) - images(n, 0, 0, 0);
    least = std::min(least, added);
    most = std::max(most, added);
    for (Index c = 0; c < 3; ++c) {
      for (Index y = 0; y < 4; ++y) CHECK(std::abs(varied(n, c, y, 3) - images(n, c, y, 3) - added) <= 1e-12);
    }
  }
  CHECK(least >= -0.3);
  CHECK(least <= -0.28);
  CHECK(most <= 0.3);
  CHECK(most >= 0.28);
  // Outside of the image nothing is added: an image that is moved has its zeros still.
  const Tensor<double> moved = augment(places(200, 4, 4), {.crop = 3, .brightness = 0.6}, {3, 1, 0});
  Index zeros = 0;
  for (Index n = 0; n < 200; ++n) zeros += moved(n, 0, 0, 0) == 0 && moved(n, 2, 0, 0) == 0;
  CHECK(zeros > 100);
}

TEST_CASE("augment: a square becomes zero, around every place equally often") {
  constexpr Index samples = 4000, side = 8;
  const Tensor<double> varied = augment(places(samples, side, side), {.cutout = 0.5}, {3, 1, 0});
  Index zeros = 0, corner = 0;
  for (Index n = 0; n < samples; ++n) {
    for (Index y = 0; y < side; ++y) {
      Index in_row = 0;
      for (Index x = 0; x < side; ++x) in_row += varied(n, 0, y, x) == 0;
      CHECK(in_row <= 4);
      zeros += in_row;
    }
    corner += varied(n, 0, 0, 0) == 0;
  }
  // The square's first row is at -2 .. 5: it has 2, 3, 4, 4, 4, 4, 4, 3 rows within, 3.5 on average.
  CHECK(std::abs(static_cast<double>(zeros) / samples - 3.5 * 3.5) <= 0.25);
  const double expected = samples * (3.0 / 8) * (3.0 / 8);
  CHECK(std::abs(static_cast<double>(corner) - expected) <= 5 * std::sqrt(expected));
}

TEST_CASE("augment_adjoint: it is the adjoint of what augment does to a change of the images") {
  const Shape shape = Shape::batch(7, 2, 6, 5);
  for (const Augmentation& one : {everything, Augmentation{.crop = 3}, Augmentation{}, Augmentation{.rotate = 90}}) {
    const AugmentationDraws draws{6, 4, 2};
    const Tensor<double> x = random_tensor<double>(shape, 1), v = random_tensor<double>(shape, 2);
    const Tensor<double> u = random_tensor<double>(shape, 3);
    Tensor<double> changed = x;
    for (Index i = 0; i < v.size(); ++i) changed[i] += v[i];
    Tensor<double> change = augment(changed, one, draws);
    const Tensor<double> before = augment(x, one, draws);
    for (Index i = 0; i < v.size(); ++i) change[i] -= before[i];
    const double there = inner_product(change, u), back = inner_product(v, augment_adjoint(u, one, draws));
    CHECK(std::abs(there - back) <= 1e-11 * (1 + std::abs(there)));
  }
}

TEST_CASE("augment: a batch does not depend on how it is cut into blocks, other draws are others") {
  const Tensor<double> images = random_tensor<double>(Shape::batch(9, 2, 5, 5));
  const Tensor<double> whole = augment(images, everything, {4, 2, 0});
  for (Index begin = 0; begin < 9; begin += 4) {
    const Index count = std::min<Index>(4, 9 - begin);
    Tensor<double> part(Shape::batch(count, 2, 5, 5)), expected(part.shape());
    for (Index i = 0; i < part.size(); ++i) {
      part[i] = images[i / count * 9 + begin + i % count];
      expected[i] = whole[i / count * 9 + begin + i % count];
    }
    CHECK(equal(augment(part, everything, {4, 2, begin}), expected));
  }
  CHECK(equal(augment(images, everything, {4, 2, 0}), whole));
  for (const AugmentationDraws& other : {AugmentationDraws{5, 2, 0}, {4, 3, 0}, {4, 2, 1}}) {
    CHECK(!equal(augment(images, everything, other), whole));
  }
  CHECK(equal(augment(images, {}, {4, 2, 0}), images));
}

TEST_CASE("augmentation: words say what it is, and are read back") {
  CHECK(data::text_of(Augmentation{}) == "none");
  CHECK(data::augmentation_from_text("none").is_none());
  CHECK(data::text_of(everything) == "flip,crop=2,scale=1.3,rotate=20,brightness=0.8,cutout=0.4");
  CHECK(data::augmentation_from_text(data::text_of(everything)) == everything);
  CHECK(data::augmentation_from_text("crop=4,flip") == Augmentation{.flip = true, .crop = 4});
  for (const Augmentation& one :
       {Augmentation{.flip = true}, {.crop = 1}, {.scale = 2}, {.rotate = 1}, {.brightness = 1}, {.cutout = 0.5}}) {
    CHECK(!one.is_none());
    CHECK(data::augmentation_from_text(data::text_of(one)) == one);
  }
}

TEST_CASE("augmentation: other words and values out of range are refused with what there is") {
  const auto refused = [](const std::string& text, std::initializer_list<std::string_view> words) {
    check_error<ArgumentError>([&] { data::augmentation_from_text(text); }, words);
  };
  refused("", {"augmentation ''", "''", "none, or a list of flip, crop=PIXELS"});
  refused("turn=3", {"there is no 'turn'"});
  refused("flip=1", {"flip takes no value"});
  refused("crop", {"crop needs a value"});
  refused("crop=1.5", {"crop needs a whole number"});
  refused("crop=nan", {"crop"});
  refused("crop=-1", {"crop needs pixels in [0, 4096], got -1"});
  refused("scale=0.5", {"scale needs a factor in [1, 16], got 0.5"});
  refused("rotate=181", {"rotate needs degrees"});
  refused("rotate=nan", {"rotate needs degrees"});
  refused("brightness=-1", {"brightness"});
  refused("cutout=1", {"cutout needs a share in [0, 1), got 1"});
  refused("flip,flip", {"flip is given twice"});
  refused("flip,", {"''"});
  const Tensor<float> images(Shape::batch(1, 1, 2, 2));
  check_error<ShapeError>([] { augment(Tensor<float>(Shape::batch(2, 3)), {.crop = 1}, {}); }, {"images (N, C, H, W)"});
  check_error<ArgumentError>([&] { augment(images, {.crop = -1}, {}); }, {"crop"});
  check_error<ArgumentError>(
      [&] {
        augment_adjoint(images, {.crop = 1}, {1, 1, -2});
      },
      {"must not be negative, got -2"});
}

}  // namespace
}  // namespace hypertape::testing
