#include "hypertape/data/glyphs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

namespace {

/// FNV-1a.
std::uint64_t hash(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t value = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : bytes) value = (value ^ byte) * 0x100000001b3u;
  return value;
}

/// Per cent of the test images whose nearest mean of a class of the training images is that of their own class.
double nearest_mean_accuracy(const Dataset& glyphs) {
  const auto size = static_cast<std::size_t>(glyphs.train.bytes_per_image());
  std::vector<double> means(10 * size);
  for (std::size_t n = 0; n < glyphs.train.labels.size(); ++n) {
    const auto label = static_cast<std::size_t>(glyphs.train.labels[n]);
    const double each = 10 / static_cast<double>(glyphs.train.count);
    for (std::size_t i = 0; i < size; ++i) means[label * size + i] += each * glyphs.train.pixels[n * size + i];
  }
  int right = 0;
  for (std::size_t n = 0; n < glyphs.test.labels.size(); ++n) {
    std::vector<double> distances(10);
    for (std::size_t label = 0; label < 10; ++label) {
      for (std::size_t i = 0; i < size; ++i) {
        const double gap = glyphs.test.pixels[n * size + i] - means[label * size + i];
        distances[label] += gap * gap;
      }
    }
    const auto nearest = std::min_element(distances.begin(), distances.end()) - distances.begin();
    right += nearest == glyphs.test.labels[n] ? 1 : 0;
  }
  return 100. * right / static_cast<double>(glyphs.test.count);
}

}  // namespace

TEST_CASE("generate_glyphs: sizes, balanced classes, a normalization that fits") {
  const Dataset glyphs = generate_glyphs(200, 50, 1);
  CHECK(glyphs.name == "glyphs");
  for (const LabeledImages* images : {&glyphs.train, &glyphs.test}) {
    CHECK_NOTHROW(check_sizes(*images, "test"));
    CHECK(images->height == 28);
    CHECK(images->width == 28);
    CHECK(images->classes == 10);
    for (std::int32_t digit = 0; digit < 10; ++digit) {
      CHECK(static_cast<Index>(indices_of_class(*images, digit).size()) == images->count / 10);
    }
  }
  CHECK(glyphs.train.count == 200);
  CHECK(glyphs.test.count == 50);
  CHECK(glyphs.normalization.mean == compute_normalization(glyphs.train).mean);
}

TEST_CASE("generate_glyphs: an image depends on the seed and its number alone") {
  const Dataset few = generate_glyphs(20, 10, 1);
  const Dataset many = generate_glyphs(40, 30, 1);
  CHECK(std::equal(few.train.pixels.begin(), few.train.pixels.end(), many.train.pixels.begin()));
  CHECK(std::equal(few.test.pixels.begin(), few.test.pixels.end(), many.test.pixels.begin()));
  CHECK(!std::equal(few.test.pixels.begin(), few.test.pixels.end(), few.train.pixels.begin()));
  CHECK(generate_glyphs(20, 10, 2).train.pixels != few.train.pixels);
}

TEST_CASE("generate_glyphs: the same pixels on every compiler and machine") {
  CHECK(hash(generate_glyphs(1000, 1, 1).train.pixels) == 0xdd34378161e8ca2du);
}

TEST_CASE("generate_glyphs: the digits can be told apart, but not by their means alone") {
  const double accuracy = nearest_mean_accuracy(generate_glyphs(2000, 500, 1));
  CAPTURE(accuracy);
  CHECK(accuracy > 60);
  CHECK(accuracy < 95);
}

TEST_CASE("generate_glyphs: every image has ink") {
  const LabeledImages images = generate_glyphs(500, 1, 3).train;
  for (Index n = 0; n < images.count; ++n) {
    const std::uint8_t* image = images.pixels.data() + n * images.bytes_per_image();
    CHECK(std::count_if(image, image + images.bytes_per_image(), [](std::uint8_t pixel) { return pixel > 100; }) > 20);
  }
}

TEST_CASE("generate_glyphs: counts below 1 are errors") {
  check_error<ArgumentError>([] { generate_glyphs(0, 1, 1); }, {"generate_glyphs", "got 0 and 1"});
  check_error<ArgumentError>([] { generate_glyphs(1, -1, 1); }, {"generate_glyphs", "got 1 and -1"});
}
