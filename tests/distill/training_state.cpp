#include "hypertape/distill/training_state.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::TrainingState;

/// One step of two images of 2 x 2 pixels, of two classes; three epochs.
TrainingState small_state() {
  distill::DistilledSet set;
  set.images = {random_tensor<float>(Shape::batch(2, 1, 2, 2), 1)};
  set.labels = {Tensor<float>(Shape::batch(2, 2), {1, 0, 0, 1})};
  set.learning_rates = Tensor<float>(Shape{3, 1}, 0.2f);
  set.normalization = {{0.5F}, {0.5F}};
  return {distill::DistilledParameters(set, {})};
}

TrainingState later_state() {
  TrainingState state = small_state();
  state.iteration = 7;
  state.skipped = 2;
  state.best = {state.parameters.set(), 62.5, 5};
  return state;
}

TEST_CASE("training state: what is saved comes back, with the best state or without") {
  for (const bool scored : {false, true}) {
    TrainingState state = later_state();
    if (!scored) state.best.reset();
    io::Npz npz;
    state.save(npz);
    TrainingState other = small_state();
    other.best = later_state().best;
    other.restore(npz, "checkpoint.npz", 10);
    CHECK(other.iteration == 7);
    CHECK(other.skipped == 2);
    REQUIRE(other.best.has_value() == scored);
    if (!scored) continue;
    CHECK(other.best->score == 62.5);
    CHECK(other.best->iteration == 5);
    CHECK(equal(other.best->set.images[0], state.best->set.images[0]));
    CHECK(equal(other.best->set.labels[0], state.best->set.labels[0]));
    CHECK(equal(other.best->set.learning_rates, state.best->set.learning_rates));
  }
}

TEST_CASE("training state: what no run leaves is refused by the array's name") {
  io::Npz right;
  later_state().save(right);
  const auto refused = [&](const char* name, const auto& value, std::initializer_list<std::string_view> words) {
    io::Npz npz = right;
    REQUIRE(npz.contains(name));
    npz[name].values = std::vector{value};
    TrainingState state = small_state();
    check_error<DataError>([&] { state.restore(npz, "checkpoint.npz", 10); }, words);
  };
  refused("iteration", std::int64_t{11}, {"checkpoint.npz", "'iteration'", "a count in 0 .. 10", "11"});
  refused("iteration", std::int64_t{-1}, {"'iteration'", "-1"});
  refused("skipped", std::int64_t{8}, {"'skipped'", "a count in 0 .. 7", "8"});
  refused("best_iteration", std::int64_t{8}, {"'best_iteration'", "a count in 0 .. 7", "8"});
  refused("best_score", std::nan(""), {"'best_score'", "a finite number", "nan"});
  for (const char* name : {"best_score", "best_iteration", "best.images", "best.learning_rates", "iteration"}) {
    io::Npz npz = right;
    npz.erase(name);
    TrainingState state = small_state();
    const std::string array = std::string(name).starts_with("best.") ? name + 5 : name;
    check_error<DataError>([&] { state.restore(npz, "checkpoint.npz", 10); }, {"checkpoint.npz", array});
  }
  io::Npz other = right;
  other["best.learning_rates"] = {{1, 1}, std::vector<float>{0.5F}};
  TrainingState state = small_state();
  check_error<DataError>([&] { state.restore(other, "checkpoint.npz", 10); },
                         {"'best.*': expected the steps, epochs and images of this run"});
}

}  // namespace
}  // namespace hypertape::testing
