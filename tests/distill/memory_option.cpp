#include "hypertape/distill/memory_option.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hypertape;
using distill::schedule_from_text, distill::text_of;

TEST_CASE("memory option: every schedule has a text, and every text its schedule") {
  const auto check = [](const char* text, const Schedule& schedule) {
    CHECK(schedule_from_text(text) == schedule);
    CHECK(schedule_from_text(text_of(schedule)) == schedule);
  };
  check("all", Schedule::store_all());
  check("recompute", Schedule::recompute());
  check("checkpoints", Schedule::every());
  check("checkpoints:7", Schedule::every(7));
  check("binomial:3", Schedule::binomial(3));
  check("450MB", Schedule::memory_budget(450000000));
  check("1.5GiB", Schedule::memory_budget(std::size_t{3} << 29));
  check("12kB", Schedule::memory_budget(12000));
  CHECK(text_of(Schedule::memory_budget(450000000)) == "450MB");
}

TEST_CASE("memory option: anything else is refused, with what there is") {
  for (const char* text : {"",
                           "al",
                           "checkpoints:",
                           "checkpoints:0",
                           "checkpoints:-1",
                           "checkpoints:1.5",
                           "binomial",
                           "binomial:0",
                           "450",
                           "450 MB",
                           "MB",
                           "-1MB",
                           "0MB",
                           "0.0001kB",
                           "450mb",
                           "nanMB",
                           "infMB",
                           "1e300GB",
                           "450MBx",
                           "binomial:1e30"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(
        schedule_from_text(text),
        (std::string("memory: needs all, recompute, checkpoints, checkpoints:K, binomial:C, or an amount "
                     "such as 450MB, got '") +
         text + "'")
            .c_str(),
        ArgumentError);
  }
}
