#include "hypertape/data/png.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/read_png.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;
using Names = std::vector<std::string>;

namespace {

const Normalization plain{{0}, {1}};

}  // namespace

TEST_CASE("write_png: grey and coloured pictures are read back by libpng") {
  const TemporaryFolder folder;
  const Bytes bytes{0, 1, 127, 128, 254, 255};
  write_png(folder / "grey.png", 3, 2, 1, bytes);
  write_png(folder / "colour.png", 1, 2, 3, bytes);
  const Pixels grey = read_png(folder / "grey.png", 1);
  CHECK(grey.width == 3);
  CHECK(grey.height == 2);
  CHECK(grey.bytes == bytes);
  const Pixels colour = read_png(folder / "colour.png", 3);
  CHECK(colour.width == 1);
  CHECK(colour.height == 2);
  CHECK(colour.bytes == bytes);
  CHECK(folder.names() == Names{"colour.png", "grey.png"});
}

TEST_CASE("write_png: arguments that do not fit are errors, and no file appears") {
  const TemporaryFolder folder;
  const auto write = [&](Index width, Index height, Index channels, std::size_t count) {
    return [=, &folder] { write_png(folder / "bad.png", width, height, channels, Bytes(count)); };
  };
  check_error<ArgumentError>(write(0, 1, 1, 0), {"write_png", "got 0 x 1 x 1 and 0 bytes"});
  check_error<ArgumentError>(write(1, 40000, 1, 40000), {"write_png", "got 1 x 40000 x 1"});
  check_error<ArgumentError>(write(1, 1, 2, 2), {"write_png", "1 or 3 channels", "got 1 x 1 x 2"});
  check_error<ArgumentError>(write(2, 2, 1, 3), {"write_png", "got 2 x 2 x 1 and 3 bytes"});
  const auto lost = folder / "missing" / "a.png";
  check_error<DataError>([&] { write_png(lost, 1, 1, 1, Bytes(1)); }, {lost.string(), "cannot create", "No such file"});
  CHECK(folder.names().empty());
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

TEST_CASE("write_image_grid: colours keep their proportions when stretched") {
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
