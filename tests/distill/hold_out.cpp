#include "hypertape/distill/hold_out.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "hypertape/data/glyphs.hpp"

namespace hypertape::testing {
namespace {

const data::LabeledImages& images() {
  static const data::Dataset dataset = data::generate_glyphs(300, 10, 1);
  return dataset.train;
}

TEST_CASE("hold-out: a fifth where nobody says, from one image to 5,000") {
  CHECK(distill::default_hold_out(60000) == 5000);
  CHECK(distill::default_hold_out(25000) == 5000);
  CHECK(distill::default_hold_out(180) == 36);
  CHECK(distill::default_hold_out(4) == 1);
}

TEST_CASE("hold-out: fewer images of the same seed are some of the more") {
  const data::Split few = distill::hold_out(images(), 20, 7), more = distill::hold_out(images(), 60, 7);
  CHECK(few.held_out.size() == 20);
  CHECK(more.train.size() == 240);
  CHECK(std::ranges::includes(more.held_out, few.held_out));
  CHECK(distill::hold_out(images(), 20, 8).held_out != few.held_out);
}

}  // namespace
}  // namespace hypertape::testing
