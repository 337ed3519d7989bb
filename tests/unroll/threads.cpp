#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "hypertape/optim/adam.hpp"
#include "hypertape/unroll/forward_unroll.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("threads: two threads with an unroll each, of one loop and one rule") {
  InnerLoop<double> loop = small_loop<double>(2, 3);
  loop.rule = optim::Adam{};
  const auto outer = [](Var<double> theta) { return sum(square(theta)); };
  const Hypergradient<double> expected = hypergradient(loop, SmallLoss(), outer);
  std::vector<Hypergradient<double>> results(2);
  std::vector<Tensor<double>> forward(2);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      Unroll<double> unroll(SmallLoss(), {.schedule = i == 0 ? Schedule::store_all() : Schedule::binomial(2)});
      for (int call = 0; call < 5; ++call) results[i] = unroll(loop, outer);
      forward[i] = ForwardUnroll<double>(SmallLoss())(loop, outer).rule.coefficients;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(equal(results[i].theta0, expected.theta0));
    CHECK(equal(results[i].learning_rates, expected.learning_rates));
    CHECK(equal(results[i].rule.coefficients, expected.rule.coefficients));
    CHECK(relative_error(forward[i], expected.rule.coefficients) <= 1e-12);
  }
}

}  // namespace
}  // namespace hypertape::testing
