#include "hypertape/unroll/checkpoint_schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"

using namespace hypertape;
using Kind = ScheduleAction::Kind;

namespace {

/// Does what a schedule says, with the number of the step before which it is for a point.
class Interpreter {
 public:
  Interpreter(const Schedule& schedule, Index first, Index window_begin, Index end)
      : window_begin_(window_begin), end_(end), next_reversed_(end - 1), trajectory_{first} {
    schedule.for_each_action(first, window_begin, end, [this](ScheduleAction action) { execute(action); });
    ok(next_reversed_ == window_begin - 1);
    ok(checkpoints_.empty());
    ok(records_.empty());
  }

  bool right = true;  // every action was possible, and all steps were reversed
  Index advances_in_window = 0, most_checkpoints = 0, most_records = 0;

 private:
  void ok(bool condition) { right = right && condition; }

  void execute(ScheduleAction action) {
    const Index t = action.step;
    switch (action.kind) {
      case Kind::advance:
        ok(trajectory_.back() == t);
        ok(records_.empty());
        trajectory_.back() = t + 1;
        if (t >= window_begin_) ++advances_in_window;
        break;
      case Kind::save:
        ok(trajectory_.back() == t);
        checkpoints_.push_back(t);
        break;
      case Kind::restore:
        ok(records_.empty());
        ok(!checkpoints_.empty() && checkpoints_.back() == t);
        trajectory_ = {t};
        break;
      case Kind::drop:
        ok(!checkpoints_.empty() && checkpoints_.back() == t);
        if (!checkpoints_.empty()) checkpoints_.pop_back();
        break;
      case Kind::record:
        ok(trajectory_.back() == t);
        ok(t >= window_begin_);
        records_.push_back(t);
        trajectory_.push_back(t + 1);
        break;
      case Kind::reverse:
        ok(t != end_ - 1 || trajectory_.back() == end_);  // where the outer loss is asked
        ok(!records_.empty() && records_.back() == t);
        ok(t == next_reversed_--);
        if (!records_.empty()) records_.pop_back();
        if (trajectory_.size() > 1) trajectory_.pop_back();
        break;
    }
    ok(trajectory_.size() == records_.size() + 1);
    most_checkpoints = std::max(most_checkpoints, static_cast<Index>(checkpoints_.size()));
    most_records = std::max(most_records, static_cast<Index>(records_.size()));
  }

  Index window_begin_, end_, next_reversed_;
  std::vector<Index> trajectory_, checkpoints_, records_;
};

std::vector<Schedule> all_schedules(Index steps) {
  std::vector<Schedule> all{Schedule::store_all(), Schedule::recompute(), Schedule::every()};
  for (Index k = 1; k <= steps + 1; ++k) all.push_back(Schedule::every(k));
  for (Index c = 1; c <= steps + 1; ++c) all.push_back(Schedule::binomial(c));
  return all;
}

std::string name(const Schedule& schedule) { return hypertape::detail::concat(schedule); }

std::string message(const auto& f) {
  try {
    f();
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no ArgumentError";
}

std::string letters(const Schedule& schedule, Index first, Index window_begin, Index end) {
  std::string all;
  schedule.for_each_action(first, window_begin, end, [&](ScheduleAction action) {
    all += "a+=-rR"[static_cast<int>(action.kind)] + std::to_string(action.step) + ' ';
  });
  return all;
}

/// (s + r)! / (s! r!), by Pascal's triangle; 0 for r < 0.
Index beta(Index s, Index r) {
  static std::map<std::pair<Index, Index>, Index> known;
  if (r < 0) return 0;
  if (s == 0 || r == 0) return 1;
  if (const auto found = known.find({s, r}); found != known.end()) return found->second;
  return known[{s, r}] = beta(s - 1, r) + beta(s, r - 1);
}

/// The fewest advances that reverse so many steps, in any order of actions: a search through all states.
Index fewest_advances(int steps, int checkpoints) {
  struct State {
    int at, end;
    unsigned saved;
    bool operator<(const State& b) const { return std::tie(at, end, saved) < std::tie(b.at, b.end, b.saved); }
  };
  std::map<State, Index> cost{{{0, steps, 0}, 0}};
  std::deque<State> open{{0, steps, 0}};  // those that cost nothing more come first
  while (!open.empty()) {
    const State state = open.front();
    open.pop_front();
    const Index paid = cost[state];
    if (state.end == 0) return paid;
    const auto reach = [&](State next, Index price) {
      const auto [found, is_new] = cost.try_emplace(next, paid + price);
      if (!is_new && found->second <= paid + price) return;
      found->second = paid + price;
      price == 0 ? open.push_front(next) : open.push_back(next);
    };
    const unsigned here = 1U << static_cast<unsigned>(state.at);
    if (std::popcount(state.saved) < checkpoints) reach({state.at, state.end, state.saved | here}, 0);
    for (int i = 0; i < state.end; ++i) {
      const unsigned bit = 1U << static_cast<unsigned>(i);
      if (!(state.saved & bit)) continue;
      reach({i, state.end, state.saved}, 0);
      reach({state.at, state.end, state.saved & ~bit}, 0);
    }
    if (state.at == state.end - 1) reach({state.at, state.at, state.saved}, 0);  // recorded and reversed
    if (state.at + 1 < state.end) reach({state.at + 1, state.end, state.saved}, 1);
  }
  return -1;
}

/// Bytes where points and records all have one size.
auto predictor(Index point, Index record, Index steps) {
  return [=](const Schedule& schedule) {
    const Index checkpoints = schedule.checkpoints(steps), records = schedule.records(steps);
    return static_cast<std::size_t>((checkpoints + records + 1) * point + records * record);
  };
}

}  // namespace

TEST_CASE(
    "checkpoint schedule: each step of the window is reversed once, from the right points, in what was promised") {
  for (Index length = 1; length <= 14; ++length) {
    for (const Index first : {0, 3}) {
      for (Index window = 0; window <= length; ++window) {
        const Index end = first + length, window_begin = end - window;
        for (const Schedule& schedule : all_schedules(length)) {
          CAPTURE(name(schedule));
          CAPTURE(length);
          CAPTURE(window);
          const Interpreter run(schedule, first, window_begin, end);
          CHECK(run.right);
          CHECK(run.most_checkpoints == schedule.checkpoints(window));
          CHECK(run.most_records == schedule.records(window));
          CHECK(run.advances_in_window == schedule.extra_gradients(window));
        }
      }
    }
  }
}

TEST_CASE("checkpoint schedule: the actions, one after the other") {
  // a: advance, +: save, =: restore, -: drop, r: record, R: reverse
  CHECK(letters(Schedule::store_all(), 0, 1, 4) == "a0 r1 r2 r3 R3 R2 R1 ");
  CHECK(letters(Schedule::every(2), 0, 0, 5) == "+0 a0 a1 +2 a2 a3 r4 R4 =2 -2 r2 r3 R3 R2 =0 -0 r0 r1 R1 R0 ");
  CHECK(letters(Schedule::every(2), 2, 3, 5) == "a2 r3 r4 R4 R3 ");
  CHECK(letters(Schedule::recompute(), 0, 0, 3) == "+0 a0 +1 a1 r2 R2 =1 -1 r1 R1 =0 -0 r0 R0 ");
  CHECK(letters(Schedule::binomial(1), 0, 0, 3) == "+0 a0 a1 r2 R2 =0 a0 r1 R1 =0 -0 r0 R0 ");
  CHECK(letters(Schedule::binomial(2), 0, 0, 4) == "+0 a0 a1 +2 a2 r3 R3 =2 -2 r2 R2 =0 a0 r1 R1 =0 -0 r0 R0 ");
  CHECK(letters(Schedule::binomial(2), 4, 4, 5) == "r4 R4 ");

  for (Index steps = 1; steps <= 20; ++steps) {
    CHECK(letters(Schedule::store_all(), 0, 0, steps) == letters(Schedule::every(steps), 0, 0, steps));
    CHECK(letters(Schedule::recompute(), 0, 0, steps) == letters(Schedule::every(1), 0, 0, steps));
  }
}

TEST_CASE("checkpoint schedule: a list of actions replaces what was in it") {
  std::vector<ScheduleAction> actions{{Kind::drop, 7}};
  Schedule::every(1).plan(1, 2, 4, actions);
  const std::vector<ScheduleAction> expected{{Kind::advance, 1}, {Kind::save, 2},    {Kind::advance, 2},
                                             {Kind::record, 3},  {Kind::reverse, 3}, {Kind::restore, 2},
                                             {Kind::drop, 2},    {Kind::record, 2},  {Kind::reverse, 2}};
  CHECK(actions == expected);
}

TEST_CASE("checkpoint schedule: as many records as the interval has steps") {
  CHECK(Schedule::store_all().records(30) == 30);
  CHECK(Schedule::recompute().records(30) == 1);
  CHECK(Schedule::every().records(30) == 5);
  CHECK(Schedule::every().records(1000) == 32);
  CHECK(Schedule::every().records(9) == 3);
  CHECK(Schedule::every(7).records(30) == 7);
  CHECK(Schedule::every(7).checkpoints(30) == 4);
  CHECK(Schedule::every(7).extra_gradients(30) == 28);
  CHECK(Schedule::every(50).records(30) == 30);
  CHECK(Schedule::every(50).checkpoints(30) == 0);
  CHECK(Schedule::binomial(10).checkpoints(3003) == 10);
  CHECK(Schedule::binomial(10).records(3003) == 1);
}

TEST_CASE("checkpoint schedule: binomial takes the fewest extra gradients, by formula and by recursion") {
  constexpr Index most_steps = 200, most_checkpoints = 20;
  std::vector<std::vector<Index>> fewest(most_checkpoints + 1);  // [c][l]: the first checkpoint m steps on, m the best
  for (Index c = 0; c <= most_checkpoints; ++c) {
    auto& of = fewest[static_cast<std::size_t>(c)];
    of.assign(most_steps + 1, std::numeric_limits<Index>::max() / 4);
    of[0] = of[1] = 0;
    for (Index l = 2; c > 0 && l <= most_steps; ++l) {
      for (Index m = 1; m < l; ++m) {
        const Index behind = fewest[static_cast<std::size_t>(c - 1)][static_cast<std::size_t>(l - m)];
        of[static_cast<std::size_t>(l)] =
            std::min(of[static_cast<std::size_t>(l)], m + behind + of[static_cast<std::size_t>(m)]);
      }
    }
  }
  for (Index c = 1; c <= most_checkpoints; ++c) {
    for (Index l = 1; l <= most_steps; ++l) {
      CAPTURE(c);
      CAPTURE(l);
      Index r = 0;
      while (beta(c, r) < l) ++r;
      const Interpreter run(Schedule::binomial(c), 0, 0, l);
      CHECK(run.right);
      CHECK(run.most_checkpoints <= c);
      CHECK(run.most_records == 1);
      CHECK(run.advances_in_window == r * l - beta(c + 1, r - 1));
      CHECK(run.advances_in_window == fewest[static_cast<std::size_t>(c)][static_cast<std::size_t>(l)]);
      CHECK(run.advances_in_window == Schedule::binomial(c).extra_gradients(l));
    }
  }
}

TEST_CASE("checkpoint schedule: no order of actions takes fewer extra gradients than binomial") {
  for (int steps = 1; steps <= 8; ++steps) {
    for (int c = 1; c <= 4; ++c) {
      CAPTURE(steps);
      CAPTURE(c);
      CHECK(Schedule::binomial(c).extra_gradients(steps) == fewest_advances(steps, c));
    }
  }
}

TEST_CASE("checkpoint schedule: many steps from few checkpoints") {
  constexpr Index steps = 100000;
  const Interpreter three(Schedule::binomial(3), 0, 0, steps);
  CHECK(three.right);
  CHECK(three.most_checkpoints == 3);
  CHECK(three.advances_in_window == 83 * steps - beta(4, 82));  // beta(3, 82) = 98770, beta(3, 83) = 102340
  CHECK(three.advances_in_window == Schedule::binomial(3).extra_gradients(steps));
  const Interpreter root(Schedule::every(), 0, 0, steps);
  CHECK(root.right);
  CHECK(root.most_checkpoints == 316);
  CHECK(root.most_records == 316);
  CHECK(Schedule::binomial(1).extra_gradients(steps) == steps * (steps - 1) / 2);
}

TEST_CASE("checkpoint schedule: a budget gets the fewest extra gradients that fit, as trying everything does") {
  for (const std::pair<Index, Index> bytes_of : {std::pair{1, 0}, {1, 1}, {2, 1}, {1, 10}, {1, 300}, {10, 7}}) {
    const Index point = bytes_of.first, record = bytes_of.second;
    for (Index steps = 1; steps <= 60; steps += steps < 20 ? 1 : 5) {
      const auto predict = predictor(point, record, steps);
      std::vector<std::pair<std::size_t, Index>> all;  // bytes, and extra gradients by what is done
      for (const Schedule& schedule : all_schedules(steps)) {
        all.emplace_back(predict(schedule), Interpreter(schedule, 0, 0, steps).advances_in_window);
      }
      const std::size_t least = std::min_element(all.begin(), all.end())->first;
      const std::size_t most = predict(Schedule::store_all());
      for (std::size_t bytes = 1; bytes <= most + 1; bytes += std::max<std::size_t>(1, (most - least) / 200)) {
        CAPTURE(steps);
        CAPTURE(point);
        CAPTURE(record);
        CAPTURE(bytes);
        if (bytes < least) {
          CHECK_THROWS_AS(Schedule::memory_budget(bytes).fitted(steps, predict), ArgumentError);
          continue;
        }
        Index fewest = std::numeric_limits<Index>::max();
        for (const auto& [needed, advances] : all) {
          if (needed <= bytes) fewest = std::min(fewest, advances);
        }
        const Schedule chosen = Schedule::memory_budget(bytes).fitted(steps, predict);
        CAPTURE(name(chosen));
        CHECK(predict(chosen) <= bytes);
        CHECK(Interpreter(chosen, 0, 0, steps).advances_in_window == fewest);
      }
    }
  }
}

TEST_CASE("checkpoint schedule: a budget for many steps needs some hundred predictions") {
  constexpr Index steps = 100000;
  for (const Index record : {0, 1, 100, 10000}) {
    const auto predict = predictor(10, record, steps);
    const std::size_t least = predict(Schedule::binomial(1)), most = predict(Schedule::store_all());
    std::vector<std::size_t> budgets{least, most - 1, most};
    for (const Index n : {2, 10, 100, 316, 1000, 50000})
      budgets.push_back(predict(Schedule::every((steps + n - 1) / n)));
    for (const Index c : {2, 10, 100}) budgets.push_back(predict(Schedule::binomial(c)));
    for (const std::size_t bytes : budgets) {
      CAPTURE(record);
      CAPTURE(bytes);
      int calls = 0;
      const Schedule chosen = Schedule::memory_budget(bytes).fitted(steps, [&](const Schedule& schedule) {
        ++calls;
        return predict(schedule);
      });
      CHECK(calls <= 360);
      CHECK(predict(chosen) <= bytes);
      CHECK(chosen.is_concrete());
    }
  }
}

TEST_CASE("checkpoint schedule: a prediction that does not grow as it should costs the best fit, not the budget") {
  constexpr Index steps = 50;
  const auto predict = [](const Schedule& schedule) {
    const auto seed = static_cast<std::size_t>(schedule.records(steps) * 31 + schedule.checkpoints(steps) * 17);
    return seed * 2654435761U % 1000 + 1;
  };
  int fitted = 0;
  for (std::size_t bytes = 1; bytes <= 1001; bytes += 10) {
    try {
      const Schedule chosen = Schedule::memory_budget(bytes).fitted(steps, predict);
      CHECK(predict(chosen) <= bytes);
      ++fitted;
    } catch (const ArgumentError& error) {
      CHECK(std::string(error.what()).find("50 steps do not fit into") != std::string::npos);
    }
  }
  CHECK(fitted > 50);
  CHECK(fitted < 101);
}

TEST_CASE("checkpoint schedule: what does not fit is refused, with the least that would do") {
  const auto predict = predictor(1000, 500, 60);
  CHECK(predict(Schedule::binomial(1)) == 3500);
  CHECK(
      message([&] { Schedule::memory_budget(3499).fitted(60, predict); }) ==
      "Schedule::memory_budget: 60 steps do not fit into 3499 bytes; the least is 3500 bytes (binomial, 1 checkpoint)");
  CHECK(Schedule::memory_budget(3500).fitted(60, predict) == Schedule::binomial(1));
  CHECK(message([&] { Schedule::memory_budget(10).fitted(1, predictor(1000, 500, 1)); }) ==
        "Schedule::memory_budget: 1 step does not fit into 10 bytes; the least is 2500 bytes (store all)");
}

TEST_CASE("checkpoint schedule: a concrete one fits as it is, a budget has no actions of its own") {
  for (const Schedule& schedule : all_schedules(5)) {
    CHECK(schedule.is_concrete());
    CHECK(schedule.fitted(5, [](const Schedule&) { return std::numeric_limits<std::size_t>::max(); }) == schedule);
  }
  const Schedule budget = Schedule::memory_budget(64'000'000);
  CHECK(!budget.is_concrete());
  const std::string expected = "Schedule: a budget of 64 MB has no actions, only the schedule that is fitted to it";
  std::vector<ScheduleAction> actions;
  CHECK(message([&] { budget.plan(0, 0, 5, actions); }) == expected);
  CHECK(message([&] { budget.records(5); }) == expected);
  CHECK(message([&] { budget.checkpoints(5); }) == expected);
  CHECK(message([&] { budget.extra_gradients(5); }) == expected);
}

TEST_CASE("checkpoint schedule: numbers out of range are refused") {
  CHECK(message([] { Schedule::every(-1); }) ==
        "Schedule::every: the interval must be positive, or 0 for sqrt(T), got -1");
  CHECK(message([] { Schedule::binomial(0); }) == "Schedule::binomial: needs at least one checkpoint, got 0");
  CHECK(message([] { Schedule::memory_budget(0); }) == "Schedule::memory_budget: needs at least one byte");
  std::vector<ScheduleAction> actions;
  CHECK(message([&] { Schedule::every().plan(2, 1, 5, actions); }) ==
        "Schedule: the window from step 1 is not within steps 2 to 5");
  CHECK(message([&] { Schedule::every().plan(0, 6, 5, actions); }) ==
        "Schedule: the window from step 6 is not within steps 0 to 5");
}

TEST_CASE("checkpoint schedule: values with names") {
  CHECK(name(Schedule::store_all()) == "store all");
  CHECK(name(Schedule::recompute()) == "recompute");
  CHECK(name(Schedule::every(7)) == "every 7");
  CHECK(name(Schedule::every()) == "every sqrt(T)");
  CHECK(name(Schedule::binomial(5)) == "binomial, 5 checkpoints");
  CHECK(name(Schedule::binomial(1)) == "binomial, 1 checkpoint");
  CHECK(name(Schedule::memory_budget(64'000'000)) == "a budget of 64 MB");
  CHECK(name(Schedule::memory_budget(1'500)) == "a budget of 0.0015 MB");
  CHECK(Schedule::every(7) == Schedule::every(7));
  CHECK(Schedule::every(7) != Schedule::every(8));
  CHECK(Schedule::every(7) != Schedule::binomial(7));
}
