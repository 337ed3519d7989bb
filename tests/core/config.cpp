#include "hypertape/core/config.hpp"

#include <doctest/doctest.h>

#include "hypertape/core/error.hpp"

TEST_CASE("config: the text of the version is made of the three numbers") {
  CHECK(hypertape::detail::concat(HYPERTAPE_VERSION_MAJOR, '.', HYPERTAPE_VERSION_MINOR, '.',
                                  HYPERTAPE_VERSION_PATCH) == HYPERTAPE_VERSION);
}
