#include "hypertape/optim/gradient_clip.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("gradient clip: a constant bound") {
  optim::GradientClip clip(2);
  CHECK(clip.factor(1) == 1);
  CHECK(clip.factor(8) == 0.25);
  CHECK(clip.factor(0) == 1);
  CHECK(optim::GradientClip().factor(1e30) == 1);
}

TEST_CASE("gradient clip: a multiple of the moving average, which takes in what was bounded") {
  optim::GradientClip clip(0, 2);
  CHECK(clip.factor(1) == 1);  // the first sets the average
  CHECK(clip.factor(100) == 0.02);
  const double average = 0.99 * 1 + 0.01 * 2;
  CHECK(std::abs(clip.state().average - average) <= 1e-15);
  optim::GradientClip resumed(0, 2);
  resumed.restore(clip.state());
  CHECK(resumed.factor(10) == clip.factor(10));
}

TEST_CASE("gradient clip: a norm that is not finite leaves the average as it was") {
  optim::GradientClip clip(1, 2);
  clip.factor(1);
  check_error<DivergenceError>([&] { clip.factor(std::nan("")); }, {"norm", "nan"});
  check_error<DivergenceError>([&] { clip.factor(HUGE_VAL); }, {"norm", "inf"});
  CHECK(clip.state().average == 1);
}

TEST_CASE("gradient clip: an average that cannot be is refused, and the present one kept") {
  optim::GradientClip clip(1, 2);
  clip.factor(1);
  check_error<ArgumentError>([&] { clip.restore({-1}); }, {"average", "-1"});
  check_error<ArgumentError>([&] { clip.restore({std::nan("")}); }, {"average", "nan"});
  CHECK(clip.state().average == 1);
}

TEST_CASE("gradient clip: bounds that cannot be") {
  check_error<ArgumentError>([] { optim::GradientClip(-1); }, {"cannot be negative", "-1"});
  check_error<ArgumentError>([] { optim::GradientClip(0, std::nan("")); }, {"cannot be negative"});
}

}  // namespace
}  // namespace hypertape::testing
