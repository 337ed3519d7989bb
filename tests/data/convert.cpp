#include "hypertape/data/convert.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;
using Bytes = std::vector<std::uint8_t>;

namespace {

/// One image of two channels of 1 x 2 pixels.
LabeledImages two_channels() { return {1, 2, 1, 2, 10, {1, 2, 3, 4}, {7}}; }

/// Two images of one channel of 1 x 2 pixels.
LabeledImages gray() { return {2, 1, 1, 2, 10, {1, 2, 3, 4}, {7, 8}}; }

}  // namespace

TEST_CASE("pad: zero bytes around each channel of each image") {
  const LabeledImages padded = pad(two_channels(), 1);
  CHECK(padded.height == 3);
  CHECK(padded.width == 4);
  CHECK(padded.pixels == Bytes{0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0});
  CHECK(padded.labels == std::vector<std::int32_t>{7});
  CHECK_NOTHROW(check_sizes(padded, "test"));
  CHECK(pad(gray(), 0).pixels == gray().pixels);
  check_error<ArgumentError>([] { pad(gray(), -1); }, {"pad", "must not be negative", "-1"});
}

TEST_CASE("gray_to_rgb: the only channel three times") {
  const LabeledImages rgb = gray_to_rgb(gray());
  CHECK(rgb.channels == 3);
  CHECK(rgb.pixels == Bytes{1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4});
  CHECK(rgb.labels == std::vector<std::int32_t>{7, 8});
  CHECK_NOTHROW(check_sizes(rgb, "test"));
  check_error<ArgumentError>([] { gray_to_rgb(two_channels()); }, {"gray_to_rgb", "1 channel", "2"});
}

TEST_CASE("rgb_to_gray: the luma of each pixel, rounded") {
  const LabeledImages rgb{2, 3, 1, 2, 10, {255, 0, 0, 255, 0, 0, 10, 1, 20, 2, 30, 255}, {7, 8}};
  const LabeledImages gray = rgb_to_gray(rgb);
  CHECK(gray.channels == 1);
  CHECK(gray.pixels == Bytes{76, 150, 18, 31});  // 76.245, 149.685; 18.15, 30.543
  CHECK(gray.labels == std::vector<std::int32_t>{7, 8});
  CHECK_NOTHROW(check_sizes(gray, "test"));
  const LabeledImages white{1, 3, 1, 1, 10, {255, 255, 255}, {0}};
  CHECK(rgb_to_gray(white).pixels == Bytes{255});
  CHECK(rgb_to_gray(gray_to_rgb(gray)).pixels == gray.pixels);
  check_error<ArgumentError>([] { rgb_to_gray(two_channels()); }, {"rgb_to_gray", "3 channels", "2"});
}

TEST_CASE("is_gray: one channel, or three that are alike in every image") {
  CHECK(is_gray(gray()));
  LabeledImages rgb = gray_to_rgb(gray());
  CHECK(is_gray(rgb));
  rgb.pixels.back() = 5;
  CHECK(!is_gray(rgb));
}
