#include "hypertape/data/checksum.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace hypertape;

namespace {

template <class... Parts>
std::int64_t checksum_of(const Parts&... parts) {
  data::Checksum checksum;
  (checksum.add(parts), ...);
  return checksum.value();
}

}  // namespace

TEST_CASE("Checksum: CRC-32, as it is known of nine digits") {
  const std::string digits = "123456789";
  CHECK(checksum_of(std::span<const char>(digits)) == 0xCBF43926);
  CHECK(checksum_of() == 0);
}

TEST_CASE("Checksum: every part of images counts, and where texts end") {
  const data::LabeledImages images{2, 1, 1, 3, 10, {1, 2, 3, 4, 5, 6}, {7, 8}};
  const std::int64_t before = checksum_of(images);
  CHECK(checksum_of(images) == before);
  data::LabeledImages other = images;
  other.pixels[4] = 0;
  CHECK(checksum_of(other) != before);
  other = images;
  other.labels = {8, 7};
  CHECK(checksum_of(other) != before);
  other = images;
  std::swap(other.height, other.width);
  CHECK(checksum_of(other) != before);
  CHECK(checksum_of(std::string("ab"), std::string("c")) != checksum_of(std::string("a"), std::string("bc")));
}
