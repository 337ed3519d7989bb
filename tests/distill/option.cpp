#include "hypertape/distill/option.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "hypertape/core/shape.hpp"
#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

using distill::Bounds;

TEST_CASE("option: bounds, in numbers and in words") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Bounds& bounds : {distill::positive, distill::not_negative, distill::positive_or_none, Bounds{0, 0.5}}) {
    for (const double value : {std::nan(""), infinity, -infinity, -1e-300}) CHECK(!bounds.contain(value));
    CHECK(bounds.contain(0.5));
    CHECK(bounds.contain(0) != bounds.low_excluded);
    CHECK(bounds.contain(bounds.high));
  }
  CHECK(!Bounds{0, 0.5}.contain(0.6));
  CHECK(!distill::positive.contain(1.1e9));
  CHECK(distill::positive.text() == "a number above zero and at most 1e9");
  CHECK(distill::not_negative.text() == "a number not below zero and at most 1e9");
  CHECK(Bounds{0, 0.5}.text() == "a number in [0 - 0.5]");
}

TEST_CASE("option: numbers are checked, optional ones if they are there; flags and names are not") {
  const distill::CheckOptions check{"operation"};
  const distill::Option option{"rate", "help", distill::positive_or_none};
  check(1.5, option);
  check(std::optional<double>(), option);
  check(false, option);
  check(std::string(), option, distill::Choices<std::string>{});
  check_error<ArgumentError>([&] { check(std::optional<double>(0), option); },
                             {"operation: rate needs a number above zero and at most 1e9, got 0"});
  check_error<ArgumentError>([&] { check(Index{-3}, option); }, {"rate", "got -3"});
}

}  // namespace
}  // namespace hypertape::testing
