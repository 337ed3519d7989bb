#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/optimizer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "hypertape/optim/schedule.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("sgd: plain and with momentum, by hand") {
  std::vector<double> x = {1, 2}, g = {0.5, -1};
  optim::Sgd<double> plain;
  plain.step(x, g, 0.1);
  CHECK(std::abs(x[0] - 0.95) <= 1e-15);
  CHECK(std::abs(x[1] - 2.1) <= 1e-15);

  x = {0, 0};
  optim::Sgd<double> heavy(0.5);
  heavy.step(x, g, 1);  // velocity g
  heavy.step(x, g, 1);  // velocity 1.5 g
  CHECK(std::abs(x[0] + 2.5 * 0.5) <= 1e-15);
  CHECK_THROWS_AS(optim::Sgd<double>(1.0), ArgumentError);
  CHECK_THROWS_AS(optim::Sgd<double>(std::nan("")), ArgumentError);
}

TEST_CASE("adam: two steps of Algorithm 1 by hand") {
  std::vector<double> x = {1};
  optim::Adam<double> adam(0.9, 0.99, 1e-8);
  adam.step(x, std::vector<double>{2}, 0.1);
  CHECK(std::abs(x[0] - (1 - 0.1 * 2 / (2 + 1e-8))) <= 1e-14);  // the bias corrections cancel in the first step
  adam.step(x, std::vector<double>{-1}, 0.1);
  const double m = (0.9 * 0.1 * 2 + 0.1 * -1) / (1 - 0.81), v = (0.99 * 0.01 * 4 + 0.01) / (1 - 0.9801);
  CHECK(std::abs(x[0] - (1 - 0.1 * 2 / (2 + 1e-8) - 0.1 * m / (std::sqrt(v) + 1e-8))) <= 1e-14);
}

TEST_CASE("adam: finds the minimum of a quadratic") {
  std::vector<double> x = {3, -2};
  optim::Adam<double> adam;
  for (int i = 0; i < 4000; ++i) {
    adam.step(x, std::vector<double>{x[0] - 1, 10 * (x[1] - 2)}, 0.05 * optim::cosine_schedule(i, 4000));
  }
  CHECK(std::abs(x[0] - 1) <= 1e-3);
  CHECK(std::abs(x[1] - 2) <= 1e-3);
}

TEST_CASE("adam: arguments out of range") {
  CHECK_THROWS_AS(optim::Adam<float>(1.0), ArgumentError);
  CHECK_THROWS_AS(optim::Adam<float>(0.9, -0.1), ArgumentError);
  CHECK_THROWS_AS(optim::Adam<float>(0.9, 0.999, 0), ArgumentError);
}

TEST_CASE("adam: a state that no run of steps leaves is refused, and the present one kept") {
  const double nan = std::nan("");
  std::vector<double> x = {1, 2};
  optim::Adam<double> adam;
  adam.step(x, std::vector<double>{1, -1}, 0.1);
  const optim::Adam<double>::State good = adam.state();
  const auto refused = [&](const optim::Adam<double>::State& state, const char* error) {
    CHECK_THROWS_WITH_AS(adam.restore(state), error, ArgumentError);
    CHECK(adam.state().steps == good.steps);
    CHECK(adam.state().mean == good.mean);
  };
  refused({-1, {}, {}}, "Adam: a state cannot have -1 steps");
  refused({std::int64_t{1} << 53, {}, {}}, "Adam: a state cannot have 9007199254740992 steps");
  refused({1, {0, 0}, {0}}, "Adam: a state cannot have 2 means and 1 squares");
  refused({0, {0}, {0}}, "Adam: a state cannot have 1 means before the first step");
  refused({1, {0, nan}, {0, 0}}, "Adam: a state cannot have the mean nan at 1");
  refused({1, {0, 0}, {-1, 0}}, "Adam: a state cannot have the square -1 at 0");
  refused({1, {0, 0}, {0, HUGE_VAL}}, "Adam: a state cannot have the square inf at 1");
  adam.restore({3, {}, {}});
  CHECK_THROWS_AS(adam.step(x, std::vector<double>{1, -1}, 0.1), ArgumentError);  // a state of no values
  adam.restore(good);
  adam.step(x, std::vector<double>{1, -1}, 0.1);
  CHECK(adam.state().steps == 2);
}

TEST_CASE("optimizers: sizes that differ are refused") {
  std::vector<double> x = {1, 2};
  const std::vector<double> short_gradient = {1}, gradient = {1, 1};
  optim::Adam<double> adam;
  optim::Sgd<double> sgd;
  CHECK_THROWS_AS(adam.step(x, short_gradient, 0.1), ArgumentError);
  CHECK_THROWS_AS(sgd.step(x, short_gradient, 0.1), ArgumentError);
  adam.step(x, gradient, 0.1);
  std::vector<double> longer = {1, 2, 3};
  CHECK_THROWS_AS(adam.step(longer, std::vector<double>{1, 1, 1}, 0.1), ArgumentError);
}

}  // namespace
}  // namespace hypertape::testing
