#include "hypertape/data/resize.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "hypertape/core/random.hpp"
#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;
using Bytes = std::vector<std::uint8_t>;

namespace {

LabeledImages random_pictures(Index count, Index channels, Index height, Index width) {
  LabeledImages images{count, channels, height, width, 10, {}, {}};
  Random random(5);
  for (Index i = 0; i < count * images.bytes_per_image(); ++i)
    images.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
  for (Index n = 0; n < count; ++n) images.labels.push_back(static_cast<std::int32_t>(n % 10));
  return images;
}

/// The image of one channel that the golden values below are made of.
LabeledImages pattern(Index height, Index width) {
  LabeledImages images{1, 1, height, width, 10, {}, {3}};
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      const Index i = y * width + x;
      images.pixels.push_back(static_cast<std::uint8_t>((37 * i * i + 11 * y) % 256));
    }
  }
  return images;
}

/// Keys' kernel as the paper prints it, for a = -1/2.
double keys(double s) {
  s = std::abs(s);
  if (s < 1) return 1.5 * s * s * s - 2.5 * s * s + 1;
  if (s < 2) return -0.5 * s * s * s + 2.5 * s * s - 4 * s + 2;
  return 0;
}

/// One pixel of the result, unrounded, as one sum over all pixels of the image.
double direct_sum(const std::uint8_t* plane, Index height, Index width, Index to_height, Index to_width, Index y,
                  Index x) {
  const double down = static_cast<double>(height) / static_cast<double>(to_height);
  const double right = static_cast<double>(width) / static_cast<double>(to_width);
  double sum = 0, total = 0;
  for (Index i = 0; i < height; ++i) {
    for (Index j = 0; j < width; ++j) {
      const double vertical = static_cast<double>(i) + 0.5 - (static_cast<double>(y) + 0.5) * down;
      const double horizontal = static_cast<double>(j) + 0.5 - (static_cast<double>(x) + 0.5) * right;
      const double weight = keys(vertical / std::max(down, 1.)) * keys(horizontal / std::max(right, 1.));
      sum += weight * plane[i * width + j];
      total += weight;
    }
  }
  return sum / total;
}

}  // namespace

TEST_CASE("resize: the direct sum of two dimensions, clamped and rounded") {
  struct Sizes {
    Index height, width, to_height, to_width;
  };
  for (const Sizes sizes : {Sizes{16, 16, 28, 28},
                            {7, 9, 4, 23},
                            {13, 6, 31, 2},
                            {1, 5, 3, 1},
                            {20, 3, 1, 3},
                            {90, 61, 3, 2},
                            {3, 2500, 2, 5}}) {
    CAPTURE(sizes.height);
    CAPTURE(sizes.width);
    const LabeledImages images = random_pictures(2, 3, sizes.height, sizes.width);
    const LabeledImages resized = resize(images, sizes.to_height, sizes.to_width);
    CHECK_NOTHROW(check_sizes(resized, "test"));
    CHECK(resized.height == sizes.to_height);
    CHECK(resized.width == sizes.to_width);
    CHECK(resized.labels == images.labels);
    CHECK(resized.classes == images.classes);
    double worst = 0;
    for (Index plane = 0; plane < 6; ++plane) {
      const std::uint8_t* from = images.pixels.data() + plane * sizes.height * sizes.width;
      for (Index y = 0; y < sizes.to_height; ++y) {
        for (Index x = 0; x < sizes.to_width; ++x) {
          const double expected =
              std::clamp(direct_sum(from, sizes.height, sizes.width, sizes.to_height, sizes.to_width, y, x), 0., 255.);
          const auto at = static_cast<std::size_t>((plane * sizes.to_height + y) * sizes.to_width + x);
          const double error = std::abs(resized.pixels[at] - expected);
          if (!(error <= worst)) worst = error;
        }
      }
    }
    CHECK(worst <= 0.5 + 1e-9);
  }
}

// Made by PyTorch 1.13 in double precision, then clamped and rounded:
//   x = torch.tensor([[(37 * (y * w + x) ** 2 + 11 * y) % 256 for x in range(w)] for y in range(h)],
//   dtype=torch.float64) torch.nn.functional.interpolate(x[None, None], size=(H, W), mode="bicubic", antialias=True)
// No unrounded value is nearer than 0.01 to a tie.
TEST_CASE("resize: values of another implementation, with larger, smaller and mixed sizes") {
  CHECK(resize(pattern(4, 4), 7, 6).pixels ==
        Bytes{0,   1,  45, 144, 123, 76,  25,  47,  84,  118, 90,  55,  82,  128, 154, 79,  41,  28,  77,  144, 192,
              111, 85, 85, 86,  148, 200, 147, 142, 152, 196, 181, 155, 128, 144, 167, 255, 200, 127, 114, 142, 171});
  CHECK(resize(pattern(6, 5), 3, 2).pixels == Bytes{77, 102, 149, 153, 182, 142});
  CHECK(resize(pattern(5, 6), 3, 8).pixels == Bytes{20,  23, 61, 117, 124, 107, 118, 150, 211, 136, 96,  133,
                                                    186, 83, 85, 193, 174, 123, 151, 238, 184, 101, 106, 176});
}

TEST_CASE("resize: a constant image stays constant") {
  for (const std::uint8_t level : Bytes{0, 1, 128, 254, 255}) {
    const LabeledImages images{1, 1, 5, 6, 10, Bytes(30, level), {0}};
    CHECK(resize(images, 11, 3).pixels == Bytes(33, level));
    CHECK(resize(images, 2, 17).pixels == Bytes(34, level));
  }
}

TEST_CASE("resize: fine stripes shrink to their mean, not to some of them") {
  LabeledImages stripes{1, 1, 160, 160, 10, {}, {0}};
  for (Index i = 0; i < 160 * 160; ++i) stripes.pixels.push_back(i % 2 == 0 ? 255 : 0);
  for (const int level : resize(stripes, 10, 10).pixels) CHECK(std::abs(level - 127.5) <= 3);
}

TEST_CASE("resize: the same size gives the same bytes") {
  const LabeledImages images = random_pictures(3, 3, 7, 12);
  CHECK(resize(images, 7, 12).pixels == images.pixels);
}

TEST_CASE("resize: bad sizes are errors") {
  const LabeledImages images = random_pictures(1, 1, 2, 2);
  check_error<ArgumentError>([&] { resize(images, 0, 3); }, {"resize", "at least 1 x 1", "0 x 3"});
  check_error<ArgumentError>([&] { resize(images, 3, -1); }, {"resize", "at least 1 x 1", "3 x -1"});
  check_error<ArgumentError>([] { resize(LabeledImages{}, 3, 3); }, {"resize", "extent below 1"});
}

TEST_CASE("resize: a dataset's images of both parts, with the normalization that they have then") {
  Dataset dataset{"own", {}, random_pictures(20, 3, 9, 6), random_pictures(4, 3, 9, 6), {}, {"a", "b"}};
  dataset.normalization = compute_normalization(dataset.train);
  const Dataset resized = resize(dataset, 5, 8);
  CHECK(resized.name == "own");
  CHECK(resized.class_names == dataset.class_names);
  CHECK(resized.train.pixels == resize(dataset.train, 5, 8).pixels);
  CHECK(resized.test.pixels == resize(dataset.test, 5, 8).pixels);
  CHECK(resized.test.height == 5);
  CHECK(resized.test.width == 8);
  CHECK(resized.train.labels == dataset.train.labels);
  CHECK(resized.normalization.std == compute_normalization(resized.train).std);
  CHECK(resized.normalization.std != dataset.normalization.std);
  dataset.normalization = {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};  // of one that is not resized it stays
  CHECK(resize(dataset, 9, 6).normalization.std == dataset.normalization.std);
}

TEST_CASE("resize_and_crop: the middle of the picture that resize makes, in proportion") {
  struct Sizes {
    Index height, width, shorter, size, to_height, to_width;
  };
  for (const Sizes s : {Sizes{20, 30, 8, 7, 8, 12},
                        {30, 20, 8, 7, 12, 8},
                        {9, 9, 16, 14, 16, 16},
                        {10, 33, 16, 14, 16, 52},
                        {40, 1, 3, 3, 120, 3},
                        {5, 7, 5, 5, 5, 7}}) {
    CAPTURE(s.height);
    CAPTURE(s.width);
    const LabeledImages images = random_pictures(2, 3, s.height, s.width);
    const LabeledImages whole = resize(images, s.to_height, s.to_width);
    const LabeledImages cut = resize_and_crop(images, s.shorter, s.size);
    CHECK(cut.height == s.size);
    CHECK(cut.width == s.size);
    CHECK(cut.labels == images.labels);
    const Index top = (s.to_height - s.size) / 2, left = (s.to_width - s.size) / 2;
    Bytes expected;
    for (Index plane = 0; plane < 6; ++plane) {
      for (Index y = 0; y < s.size; ++y) {
        const auto row = whole.pixels.begin() + (plane * s.to_height + top + y) * s.to_width + left;
        expected.insert(expected.end(), row, row + s.size);
      }
    }
    CHECK(cut.pixels == expected);
  }
}

TEST_CASE("resize_and_crop: a very long picture takes memory for what is kept of it alone") {
  const LabeledImages line = random_pictures(1, 1, 1, 4000);
  const LabeledImages cut = resize_and_crop(line, 256, 224);  // of 256 x 1,024,000
  REQUIRE(cut.pixels.size() == 224 * 224);
  for (std::size_t row = 1; row < 224; ++row) {  // all rows are the one there is
    CHECK(std::equal(cut.pixels.begin(), cut.pixels.begin() + 224,
                     cut.pixels.begin() + static_cast<std::ptrdiff_t>(row * 224)));
  }
}

TEST_CASE("resize_and_crop: what cannot be cut out") {
  const LabeledImages images = random_pictures(1, 1, 4, 4);
  check_error<ArgumentError>([&] { resize_and_crop(images, 8, 9); }, {"resize_and_crop: cannot cut 9 x 9", "8"});
  CHECK_THROWS_AS(resize_and_crop(images, 8, 0), ArgumentError);
  CHECK_THROWS_AS(resize_and_crop(images, 0, 0), ArgumentError);
}
