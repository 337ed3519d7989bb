#include "hypertape/unroll/truncated_unroll.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/optim/adam.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

const auto final_loss = [](Var<double> theta) { return sum(square(theta)); };

InnerLoop<double> adam_loop() {
  InnerLoop<double> loop = small_loop<double>(3, 4);
  loop.rule = optim::Adam{};
  return loop;
}

TEST_CASE("truncated unroll: each call is the window of a loop that stops there, to the bit") {
  const InnerLoop<double> loop = adam_loop();  // of 12 steps
  for (const std::pair<Index, Index>& windows :
       {std::pair<Index, Index>{4, 4}, {4, 2}, {5, 5}, {5, 3}, {2, 4}, {3, 9}, {1, 5}, {12, 12}}) {
    const Index on = windows.first, back = windows.second;
    CAPTURE(on);
    CAPTURE(back);
    TruncatedUnroll<double> truncated(SmallLoss(), on, back);
    Index end = 0;
    while (!truncated.finished(loop)) {
      const Hypergradient<double>& h = truncated(loop, final_loss);
      const Index before = end;
      end = std::min<Index>(12, end + on);
      InnerLoop<double> shorter = loop;
      shorter.max_steps = end;
      const Index begin = on < back ? std::max<Index>(0, before + on - back) : std::max(before, end - back);
      const auto expected = hypergradient(shorter, SmallLoss(), final_loss, {.window = end - begin});
      CHECK(h.outer_loss == expected.outer_loss);
      CHECK(equal(h.theta0, expected.theta0));
      CHECK(equal(h.theta_T, expected.theta_T));
      CHECK(equal(h.learning_rates, expected.learning_rates));
      CHECK(equal(h.rule.coefficients, expected.rule.coefficients));
      CHECK(h.state_T.steps == end);
      for (std::size_t s = 0; s < 3; ++s) CHECK(equal(h.x[s], expected.x[s]));
    }
    CHECK(end == 12);
    CHECK_THROWS_WITH_AS(truncated(loop, final_loss), "TruncatedUnroll: all 12 steps have been taken; restart()",
                         ArgumentError);
    truncated.restart();
    CHECK(!truncated.finished(loop));
    truncated(loop, final_loss);
  }
}

TEST_CASE("truncated unroll: its inputs may change between calls, and weights carry on") {
  InnerLoop<double> loop = adam_loop();
  TruncatedUnroll<double> truncated(SmallLoss(), 6, 6);
  const Hypergradient<double> first = truncated(loop, final_loss);
  for (Tensor<double>& x : loop.x) x[0] += 0.5;
  const Hypergradient<double>& second = truncated(loop, final_loss);
  InnerLoop<double> rest = loop;
  rest.theta0 = first.theta_T;
  rest.state0 = first.state_T;
  rest.first_step = 6;
  const auto expected = hypergradient(rest, SmallLoss(), final_loss);
  CHECK(equal(second.theta_T, expected.theta_T));
  CHECK(equal(second.x[0], expected.x[0]));
}

TEST_CASE("truncated unroll: memory does not grow, and impossible windows are refused") {
  InnerLoop<double> loop = adam_loop();
  loop.learning_rates = Tensor<double>(Shape{400, 3}, 0.001);
  TruncatedUnroll<double> truncated(SmallLoss(), 10, 30);
  for (int call = 0; call < 6; ++call) truncated(loop, final_loss);
  const std::size_t before = truncated.reserved_bytes();
  while (!truncated.finished(loop)) truncated(loop, final_loss);
  CHECK(truncated.reserved_bytes() == before);
  using Truncated = TruncatedUnroll<double>;
  CHECK_THROWS_WITH_AS(Truncated(SmallLoss(), 4, 6),
                       "TruncatedUnroll: T2 must be a multiple of T1, or less; got T1 = 4 and T2 "
                       "= 6",
                       ArgumentError);
  CHECK_THROWS_AS(Truncated(SmallLoss(), 0, 1), ArgumentError);
  CHECK_THROWS_AS(Truncated(SmallLoss(), 1, 0), ArgumentError);
  CHECK_THROWS_WITH_AS(Truncated(SmallLoss(), 1, 1, {.window = 1}),
                       "TruncatedUnroll: the window is T2; the options must not set one", ArgumentError);
}

TEST_CASE("truncated unroll: a first call that failed leaves nothing behind") {
  const InnerLoop<double> loop = adam_loop();
  InnerLoop<double> bad = loop;
  bad.theta0[0] = std::numeric_limits<double>::quiet_NaN();
  TruncatedUnroll<double> truncated(SmallLoss(), 4, 4);
  CHECK_THROWS_AS(truncated(bad, final_loss), DivergenceError);
  InnerLoop<double> shorter = loop;
  shorter.max_steps = 4;
  CHECK(equal(truncated(loop, final_loss).theta_T, hypergradient(shorter, SmallLoss(), final_loss).theta_T));
}

}  // namespace
}  // namespace hypertape::testing
