#include "hypertape/data/picture.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

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
      picture.put_text("eta 7", 2 * scale, 4 * scale, scale);
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
  picture.put_image(image, 0, plain, DisplayRange::pixels, -1, -1);
  picture.put_image(image, 0, plain, DisplayRange::pixels, 3, 2);
  CHECK(level(picture, 0, 0) == 153);
  CHECK(level(picture, 3, 2) == 0);
  CHECK(level(picture, 2, 2) == 255);
  picture.put_text("##", -100, 0);
  picture.put_text("##", 3, 100);
  CHECK(level(picture, 1, 1) == 255);
}

TEST_CASE("picture: arguments that do not fit are errors") {
  check_error<ArgumentError>([] { Picture(0, 1, 1); }, {"picture", "got 0 x 1 x 1"});
  check_error<ArgumentError>([] { Picture(1, 40000, 1); }, {"picture", "got 1 x 40000 x 1"});
  check_error<ArgumentError>([] { Picture(1, 1, 2); }, {"picture", "1 or 3 channels", "got 1 x 1 x 2"});
  Picture picture(4, 4, 1);
  const auto put = [&](const Shape& shape, Index n, const Normalization& normalization, Index scale) {
    return
        [=, &picture] { picture.put_image(Tensor<float>(shape), n, normalization, DisplayRange::pixels, 0, 0, scale); };
  };
  check_error<ArgumentError>(put({2, 3, 2, 2}, 0, plain, 1), {"1 channels cannot show", "(2, 3, 2, 2)"});
  check_error<ArgumentError>(put({2, 1, 2, 2}, 2, plain, 1), {"image 2 of (2, 1, 2, 2)"});
  check_error<ArgumentError>(put({2, 1, 2, 2}, 0, {{0, 0}, {1, 1}}, 1), {"normalization of 2 channels"});
  check_error<ArgumentError>(put({2, 1, 2, 2}, 0, plain, 0), {"scale 0"});
  Tensor<float> bad(Shape{2, 1, 2, 2});
  bad(1, 0, 1, 1) = std::numeric_limits<float>::quiet_NaN();
  check_error<ArgumentError>([&] { picture.put_image(bad, 1, plain, DisplayRange::stretch, 0, 0); },
                             {"image 1 has a value of nan"});
}
