#include "hypertape/core/error.hpp"

#include <doctest/doctest.h>

#include <locale>

using namespace hypertape;

TEST_CASE("error: concat streams its parts one after the other") {
  CHECK(hypertape::detail::concat("got ", 3, " of ", 2.5, '!') == "got 3 of 2.5!");
}

namespace {

/// One million as 1'000'000, one half as 0,5.
struct Grouped final : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '\''; }
  std::string do_grouping() const override { return "\3"; }
};

}  // namespace

TEST_CASE("error: numbers in messages do not follow the global locale") {
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Grouped));
  const std::string text = hypertape::detail::concat("got ", 1000000, " of ", 0.5);
  std::locale::global(before);
  CHECK(text == "got 1000000 of 0.5");
}

TEST_CASE_TEMPLATE("error: every kind is an Error, and keeps its text", Kind, ShapeError, ArgumentError, DataError,
                   DivergenceError) {
  CHECK_THROWS_AS(throw Kind("text"), Error);
  CHECK_THROWS_WITH_AS(throw Kind("text"), "text", std::runtime_error);
}
