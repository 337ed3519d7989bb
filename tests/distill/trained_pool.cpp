#include "hypertape/distill/trained_pool.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "hypertape/distill/initial_images.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::InitialWeights;
using distill::RandomPurpose;
using distill::RidgeOptions;
using distill::TrainedPool;

const nn::Network<float>& network() {
  static const nn::Network<float> mlp("mlp", nn::Mlp({8, 5, 3}));
  return mlp;
}
const InitialWeights& weights() {
  static const InitialWeights random(network(), {}, 1, RandomPurpose::theta);
  return random;
}

distill::DistilledSet small_set() {
  distill::DistilledSet set;
  set.images = {random_tensor<float>(Shape::batch(6, 2, 2, 2), 1)};
  set.labels = {distill::balanced_labels(3, 2)};
  set.learning_rates = Tensor<float>(Shape{1, 1}, 0.1f);
  set.unordered = {1, 6};
  return set;
}

TrainedPool pool_of(Index networks, Index steps, int threads = 1) {
  const RidgeOptions options{.pool_networks = networks, .pool_steps = steps, .pool_learning_rate = 0.01};
  return TrainedPool(network(), weights(), options, 2, WorkerTeam(threads));
}

TEST_CASE("trained pool: a step is one of Adam along the squared loss of all images") {
  TrainedPool pool = pool_of(2, 10);
  const distill::DistilledSet set = small_set();
  const Tensor<float> before = pool[1];
  CHECK(equal(before, weights()[1]));
  pool.train(1, set.images[0], set.labels[0]);
  pool.train(1, set.images[0], set.labels[0]);
  CHECK(pool.age(1) == 2);
  CHECK(equal(pool[0], weights()[0]));
  Tensor<float> theta = before;
  optim::Optimizer<float> adam{optim::Adam{}};
  for (int step = 0; step < 2; ++step) {
    Tape<float> tape;
    const auto v = tape.leaf(theta), x = tape.leaf(set.images[0]), y = tape.leaf(set.labels[0]);
    adam.step(theta.values(), gradient(nn::SquaredLoss{&network()}(v, x, y), v).value().values(), 0.01);
  }
  CHECK(relative_error(pool[1], theta) <= 1e-6);
}

TEST_CASE("trained pool: networks are replaced by new ones after their steps, the first ones one after the other") {
  TrainedPool pool = pool_of(4, 10);
  const distill::DistilledSet set = small_set();
  std::vector<Index> first_life(4);
  std::vector<Index> made;  // which network was replaced as number 4, 5, ...
  for (int step = 0; step < 10; ++step) {
    for (Index i = 0; i < 4; ++i) {
      const Index age = pool.age(i);
      pool.train(i, set.images[0], set.labels[0]);
      if (pool.age(i) == age + 1) continue;
      CHECK(pool.age(i) == 0);
      made.push_back(i);
      CHECK(equal(pool[i], weights()[3 + static_cast<Index>(made.size())]));
      if (first_life[static_cast<std::size_t>(i)] == 0) first_life[static_cast<std::size_t>(i)] = step + 1;
    }
  }
  CHECK(first_life == std::vector<Index>{3, 5, 8, 10});  // (i + 1)/4 of ten steps, rounded up
  CHECK(made == std::vector<Index>{0, 1, 2, 3});
  while (pool.age(0) != 0) pool.train(0, set.images[0], set.labels[0]);  // its second life has all steps
  for (int step = 0; step < 9; ++step) pool.train(0, set.images[0], set.labels[0]);
  CHECK(pool.age(0) == 9);
  pool.train(0, set.images[0], set.labels[0]);
  CHECK(pool.age(0) == 0);
}

TEST_CASE("trained pool: what is saved comes back, and goes on to the same bits") {
  TrainedPool pool = pool_of(3, 4), other = pool_of(3, 4, 2);
  const distill::DistilledSet set = small_set();
  for (const Index i : {0, 1, 1, 2, 1, 0, 0}) pool.train(i, set.images[0], set.labels[0]);
  io::Npz npz;
  pool.save(npz);
  other.train(2, set.images[0], set.labels[0]);  // whatever was there before is gone
  other.restore(npz, "checkpoint.npz");
  for (const Index i : {2, 0, 1, 2, 2, 1, 1, 1, 0}) {
    pool.train(i, set.images[0], set.labels[0]);
    other.train(i, set.images[0], set.labels[0]);
    for (Index k = 0; k < 3; ++k) {
      CHECK(equal(pool[k], other[k]));
      CHECK(pool.age(k) == other.age(k));
    }
  }
}

TEST_CASE("trained pool: what no run leaves is refused by the array's name") {
  TrainedPool pool = pool_of(2, 4);
  for (int i = 0; i < 3; ++i) pool.train(1, small_set().images[0], small_set().labels[0]);
  io::Npz right;
  pool.save(right);
  const auto refused = [&](const char* name, const auto& values, std::initializer_list<std::string_view> words) {
    io::Npz npz = right;
    REQUIRE(npz.contains(name));
    npz[name].values = values;
    check_error<DataError>([&] { pool.restore(npz, "checkpoint.npz"); }, words);
  };
  using Whole = std::vector<std::int64_t>;
  refused("pool.made", Whole{1}, {"checkpoint.npz", "'pool.made'", "a count in 2 ..", "1"});
  refused("pool.numbers", Whole{0, 2}, {"'pool.numbers'", "numbers below 2", "2"});
  refused("pool.numbers", Whole{-1, 1}, {"'pool.numbers'", "-1"});
  refused("pool.1.adam_steps", Whole{4}, {"'pool.1.adam_steps'", "less than 4", "4"});
  refused("pool.1.adam_steps", Whole{-1}, {"'pool.1.adam_*'", "-1 steps"});
  std::vector<float> theta = std::get<std::vector<float>>(right["pool.0"].values);
  theta[3] = std::nanf("");
  refused("pool.0", theta, {"'pool.0'", "finite values", "nan"});
  std::vector<float> squares(theta.size(), -1.0f);
  refused("pool.1.adam_square", squares, {"'pool.1.adam_*'"});
  for (const char* name : {"pool.made", "pool.numbers", "pool.0", "pool.1.adam_mean", "pool.0.adam_steps"}) {
    io::Npz npz = right;
    npz.erase(name);
    check_error<DataError>([&] { pool.restore(npz, "checkpoint.npz"); }, {"checkpoint.npz", name});
  }
  TrainedPool more = pool_of(3, 4);
  check_error<DataError>([&] { more.restore(right, "checkpoint.npz"); }, {"pool."});
}

TEST_CASE("trained pool: a network that diverges is named and replaced; weights that end do not do") {
  TrainedPool pool = pool_of(2, 4);
  distill::DistilledSet set = small_set();
  pool.train(1, set.images[0], set.labels[0]);
  set.images[0][0] = std::nanf("");
  check_error<DivergenceError>([&] { pool.train(1, set.images[0], set.labels[0]); }, {"pool network 1: ", "NaN"});
  CHECK(pool.age(1) == 0);
  CHECK(equal(pool[1], weights()[2]));
  const InitialWeights given({weights()[0]});
  check_error<ArgumentError>([&] { TrainedPool(network(), given, RidgeOptions{}, 2, WorkerTeam(1)); },
                             {"TrainedPool: needs random initial weights without end, got 1"});
}

}  // namespace
}  // namespace hypertape::testing
