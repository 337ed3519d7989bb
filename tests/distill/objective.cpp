#include "hypertape/distill/objective.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <vector>

#include "hypertape/ops/losses.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"

namespace hypertape::testing {
namespace {

Tensor<float> labels(const std::vector<std::int32_t>& classes) {
  return one_hot<float>(std::span<const std::int32_t>(classes), 4);
}

TEST_CASE("objective: an attack gives the attacked class's images the target's label") {
  Tensor<float> wanted = labels({0, 1, 2, 1, 3});
  distill::Objective{distill::Attack{1, 3}}.relabel(wanted);
  CHECK(equal(wanted, labels({0, 3, 2, 3, 3})));
  distill::Objective{}.relabel(wanted);
  CHECK(equal(wanted, labels({0, 3, 2, 3, 3})));
}

TEST_CASE("objective: the score counts what is wanted") {
  distill::Confusion confusion(4);
  confusion.add(1, 3);
  confusion.add(0, 0);
  confusion.add(2, 0);
  confusion.add(1, 1);
  CHECK(distill::Objective{}.score(confusion) == 50);
  CHECK(distill::Objective{distill::Attack{1, 3}}.score(confusion) == 50);
  CHECK(distill::Objective{distill::Attack{2, 0}}.score(confusion) == 75);
}

TEST_CASE("objective: classes that are not there, or the same") {
  check_error<ArgumentError>([] { distill::Attack{4, 0}.validate(4); }, {"class 4 is not in 0 .. 3"});
  check_error<ArgumentError>([] { distill::Attack{0, -1}.validate(4); }, {"class -1 is not in 0 .. 3"});
  check_error<ArgumentError>([] { distill::Attack{2, 2}.validate(4); }, {"are both 2"});
}

}  // namespace
}  // namespace hypertape::testing
