#include "hypertape/io/picture.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

using io::Picture;

TEST_CASE("Picture: white at first, filled row by row") {
  Picture picture(4, 3, 3);
  CHECK(picture.bytes() == std::vector<std::uint8_t>(36, 255));
  std::fill_n(picture.row(1), 12, std::uint8_t{7});
  CHECK(std::ranges::count(picture.bytes(), 7) == 12);
  CHECK(picture.bytes()[11] == 255);
  CHECK(picture.bytes()[12] == 7);
  CHECK(picture.bytes()[24] == 255);
}

TEST_CASE("Picture: sizes that do not fit are errors") {
  check_error<ArgumentError>([] { Picture(0, 1, 1); }, {"picture", "got 0 x 1 x 1"});
  check_error<ArgumentError>([] { Picture(1, 40000, 1); }, {"picture", "got 1 x 40000 x 1"});
  check_error<ArgumentError>([] { Picture(1, 1, 2); }, {"picture", "1 or 3 channels", "got 1 x 1 x 2"});
}

}  // namespace
}  // namespace hypertape::testing
