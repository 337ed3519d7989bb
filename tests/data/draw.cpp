#include "hypertape/data/draw.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/read_png.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::io;
using namespace hypertape::testing;
using Names = std::vector<std::string>;

namespace {

int level(const Picture& picture, Index x, Index y, Index channel = 0) {
  return picture.bytes()[static_cast<std::size_t>((y * picture.width() + x) * picture.channels() + channel)];
}

const Normalization plain{{0}, {1}};

}  // namespace

TEST_CASE("picture: text has ink where its characters have, at every scale, and nowhere else") {
  for (const Index scale : {1, 3}) {
    for (const Index channels : {1, 3}) {
      Picture picture(40 * scale, 20 * scale, channels);
      put_text(picture, "eta 7", 2 * scale, 4 * scale, scale);
      for (Index y = 0; y < picture.height(); ++y) {
        for (Index x = 0; x < picture.width(); ++x) {
          const Index column = x / scale - 2, row = y / scale - 4;
          const bool inside = column >= 0 && column < 5 * font_width && row >= 0 && row < font_height;
          const bool ink =
              inside && has_ink("eta 7"[static_cast<std::size_t>(column / font_width)], column % font_width, row);
          for (Index c = 0; c < channels; ++c) {
            if (level(picture, x, y, c) != (ink ? 0 : 255)) FAIL("pixel ", x, " ", y);
          }
        }
      }
    }
  }
}

TEST_CASE("picture: what is put beyond the edges is cut off") {
  Picture picture(4, 3, 1);
  const Tensor<float> image(Shape{1, 1, 2, 2}, {0.f, 0.2f, 0.4f, 0.6f});
  put_image(picture, image, 0, plain, DisplayRange::pixels, -1, -1);
  put_image(picture, image, 0, plain, DisplayRange::pixels, 3, 2);
  CHECK(level(picture, 0, 0) == 153);
  CHECK(level(picture, 3, 2) == 0);
  CHECK(level(picture, 2, 2) == 255);
  put_text(picture, "##", -100, 0);
  put_text(picture, "##", 3, 100);
  CHECK(level(picture, 1, 1) == 255);
}

TEST_CASE("picture: arguments that do not fit are errors") {
  check_error<ArgumentError>([] { Picture(0, 1, 1); }, {"picture", "got 0 x 1 x 1"});
  check_error<ArgumentError>([] { Picture(1, 40000, 1); }, {"picture", "got 1 x 40000 x 1"});
  check_error<ArgumentError>([] { Picture(1, 1, 2); }, {"picture", "1 or 3 channels", "got 1 x 1 x 2"});
  Picture picture(4, 4, 1);
  const auto put = [&](const Shape& shape, Index n, const Normalization& normalization, Index scale) {
    return [=, &picture] {
      put_image(picture, Tensor<float>(shape), n, normalization, DisplayRange::pixels, 0, 0, scale);
    };
  };
  check_error<ArgumentError>(put({2, 3, 2, 2}, 0, plain, 1), {"1 channels cannot show", "(2, 3, 2, 2)"});
  check_error<ArgumentError>(put({2, 1, 2, 2}, 2, plain, 1), {"image 2 of (2, 1, 2, 2)"});
  check_error<ArgumentError>(put({2, 1, 2, 2}, 0, {{0, 0}, {1, 1}}, 1), {"normalization of 2 channels"});
  check_error<ArgumentError>(put({2, 1, 2, 2}, 0, plain, 0), {"scale 0"});
  Tensor<float> bad(Shape{2, 1, 2, 2});
  bad(1, 0, 1, 1) = std::numeric_limits<float>::quiet_NaN();
  check_error<ArgumentError>([&] { put_image(picture, bad, 1, plain, DisplayRange::stretch, 0, 0); },
                             {"image 1 has a value of nan"});
}

TEST_CASE("write_image_grid: undoes the normalization, and cuts off what is no pixel") {
  const TemporaryFolder folder;
  const Tensor<float> images(Shape{1, 1, 1, 4}, {-1, 0, 1, 3});
  write_image_grid(folder / "grid.png", images, {{0.5f}, {0.25f}}, 1);
  CHECK(read_png(folder / "grid.png", 1).bytes == Bytes{64, 128, 191, 255});
}

TEST_CASE("write_image_grid: rows of images with white gaps, each pixel a square") {
  const TemporaryFolder folder;
  // Three images of 1 x 2 pixels, two a row, scale 2; in memory the samples are innermost.
  const float level = 1.f / 255;
  const Tensor<float> images(Shape{3, 1, 1, 2},
                             {10 * level, 20 * level, 30 * level, 11 * level, 21 * level, 31 * level});
  write_image_grid(folder / "grid.png", images, plain, 2, 2);
  const Pixels grid = read_png(folder / "grid.png", 1);
  CHECK(grid.width == 4 + 2 + 4);
  CHECK(grid.height == 2 + 2 + 2);
  const Bytes top{10, 10, 11, 11, 255, 255, 20, 20, 21, 21};
  const Bytes gap(10, 255);
  const Bytes bottom{30, 30, 31, 31, 255, 255, 255, 255, 255, 255};
  Bytes expected;
  for (const Bytes* row : {&top, &top, &gap, &gap, &bottom, &bottom}) {
    expected.insert(expected.end(), row->begin(), row->end());
  }
  CHECK(grid.bytes == expected);
}

TEST_CASE("write_image_grid: more columns than images make no empty ones") {
  const TemporaryFolder folder;
  write_image_grid(folder / "grid.png", Tensor<double>(Shape{2, 1, 3, 3}), plain, 10);
  CHECK(read_png(folder / "grid.png", 1).width == 3 + 2 + 3);
}

TEST_CASE("write_image_grid: stretch goes from the least to the greatest value of each image") {
  const TemporaryFolder folder;
  // Image 0 spans -2 .. 8, image 1 is constant; each is a row of 3 pixels.
  const Tensor<double> images(Shape{2, 1, 1, 3}, {-2, 5, 3, 5, 8, 5});
  write_image_grid(folder / "grid.png", images, {{0.1f}, {0.3f}}, 1, 1, DisplayRange::stretch);
  const Bytes bytes = read_png(folder / "grid.png", 1).bytes;
  CHECK(Bytes(bytes.begin(), bytes.begin() + 3) == Bytes{0, 128, 255});
  CHECK(Bytes(bytes.end() - 3, bytes.end()) == Bytes{128, 128, 128});
}

TEST_CASE("write_image_grid: colors keep their proportions when stretched") {
  const TemporaryFolder folder;
  // One image of 1 x 2: (red, green, blue) of pixel 0 is (0, 1, 2), of pixel 1 (3, 4, 5), the channels outermost.
  const Tensor<float> images(Shape{1, 3, 1, 2}, {0, 3, 1, 4, 2, 5});
  const Normalization normalization{{0, 0, 0}, {1, 1, 1}};
  write_image_grid(folder / "grid.png", images, normalization, 1, 1, DisplayRange::stretch);
  CHECK(read_png(folder / "grid.png", 3).bytes == Bytes{0, 51, 102, 153, 204, 255});
}

TEST_CASE("write_image_grid: arguments that do not fit are errors, and no file appears") {
  const TemporaryFolder folder;
  const auto write = [&](const Shape& shape, const Normalization& normalization, Index columns, Index scale) {
    return [=, &folder] { write_image_grid(folder / "bad.png", Tensor<float>(shape), normalization, columns, scale); };
  };
  check_error<ArgumentError>(write({2, 2, 3, 3}, {{0, 0}, {1, 1}}, 1, 1),
                             {"write_image_grid", "1 or 3", "(2, 2, 3, 3)"});
  check_error<ArgumentError>(write({2, 3, 3, 3}, plain, 1, 1), {"write_image_grid", "normalization", "1 channels"});
  check_error<ArgumentError>(write({2, 9}, plain, 1, 1), {"write_image_grid", "(2, 9)"});
  check_error<ArgumentError>(write({2, 1, 3, 3}, plain, 0, 1), {"write_image_grid", "0 columns"});
  check_error<ArgumentError>(write({2, 1, 3, 3}, plain, 1, 0), {"write_image_grid", "scale 0"});
  check_error<ArgumentError>(write({1, 1, 1, 1}, plain, 1, 40000), {"write_image_grid", "40000 pixels", "32768"});
  check_error<ArgumentError>(write({1, 1, 9, 9}, plain, 1, std::numeric_limits<Index>::max()), {"the most is 32768"});
  check_error<ArgumentError>(write({2000, 1, 1, 20}, plain, 2000, 1), {"2000 images of 20 pixels", "43998 pixels"});
  CHECK(folder.names().empty());
}

TEST_CASE("write_image_grid: a value that is not finite is an error that names its image") {
  const TemporaryFolder folder;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const DisplayRange range : {DisplayRange::pixels, DisplayRange::stretch}) {
      Tensor<float> images(Shape{3, 1, 2, 2});
      images(1, 0, 1, 0) = bad;
      check_error<ArgumentError>([&] { write_image_grid(folder / "bad.png", images, plain, 1, 1, range); },
                                 {"picture", "image 1"});
    }
  }
  CHECK(folder.names().empty());
}
