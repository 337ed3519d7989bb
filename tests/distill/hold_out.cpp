#include "hypertape/distill/hold_out.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "support/check_error.hpp"

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

TEST_CASE("distill options: what depends on the images, and what does not fit") {
  const distill::DistillOptions defaults = distill::DistillOptions{}.resolved(images());
  CHECK(*defaults.hold_out == 60);
  CHECK(*defaults.batch == 240);
  CHECK(*defaults.hold_out_seed == defaults.seed);
  data::LabeledImages many = images();
  many.count = 60000;
  many.labels.resize(60000);
  CHECK(*distill::DistillOptions{}.resolved(many).hold_out == 5000);
  CHECK(*distill::DistillOptions{}.resolved(many).batch == 256);
  distill::DistillOptions given;
  given.hold_out = 20;
  given.batch = 280;
  CHECK(*given.resolved(images()).batch == 280);
  given.batch = 281;
  check_error<ArgumentError>([&] { given.resolved(images()); }, {"300 images", "hold-out of 20", "batch of 281"});
}

}  // namespace
}  // namespace hypertape::testing
