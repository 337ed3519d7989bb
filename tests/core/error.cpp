#include "hypertape/core/error.hpp"

#include <doctest/doctest.h>

using namespace hypertape;

TEST_CASE("error: message streams its parts one after the other") {
  CHECK(message("got ", 3, " of ", 2.5, '!') == "got 3 of 2.5!");
}

TEST_CASE_TEMPLATE("error: every kind is an Error, and keeps its text", Kind, ShapeError, ArgumentError, DataError,
                   DivergenceError) {
  CHECK_THROWS_AS(throw Kind("text"), Error);
  CHECK_THROWS_WITH_AS(throw Kind("text"), "text", std::runtime_error);
}
