#include "hypertape/unroll/batch_gradient.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>

#include "support/compare.hpp"
#include "support/rank_threads.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

template <class T>
struct Batch {
  Tensor<T> theta = random_tensor<T>(Shape{small_network().parameters().size()}, 1);
  Tensor<T> x, y;
  explicit Batch(Index samples)
      : x(random_tensor<T>(Shape::batch(samples, 4), 2)), y(positive_tensor<T>(Shape::batch(samples, 3), 3)) {}
};

TEST_CASE("batch_gradient: blocks add up to the whole batch") {
  for (const Index samples : {1, 15, 16, 17, 100, 300}) {
    const Batch<double> batch(samples);
    Tape<double> tape;
    const Var<double> theta = tape.leaf(batch.theta);
    const Var<double> loss = SmallLoss()(theta, tape.leaf(batch.x), tape.leaf(batch.y));
    const Tensor<double> expected = gradient(loss, theta).value();
    for (const Index samples_per_block : {0, 1, 7, 16}) {
      BatchGradient<double> batch_gradient(SmallLoss(), WorkerTeam(2), samples_per_block);
      Tensor<double> got;
      const double value = batch_gradient(batch.theta, batch.x, batch.y, got);
      CHECK(std::abs(value - loss.item()) <= 1e-13 * std::abs(loss.item()));
      CHECK(relative_error(got, expected) <= 1e-13);
    }
  }
}

TEST_CASE("batch_gradient: the same bits whatever the number of threads") {
  const Batch<float> batch(333);
  BatchGradient<float> one{SmallLoss()};
  Tensor<float> expected;
  const float loss = one(batch.theta, batch.x, batch.y, expected);
  for (const int threads : {2, 3, 5}) {
    BatchGradient<float> many{SmallLoss(), WorkerTeam(threads)};
    Tensor<float> got;
    for (int call = 0; call < 3; ++call) {
      CHECK(many(batch.theta, batch.x, batch.y, got) == loss);
      CHECK(equal(got, expected));
    }
  }
}

TEST_CASE("batch_gradient: the same bits on any number of ranks, also where there are more of them than blocks") {
  for (const Index samples : {20, 333}) {
    const Batch<float> batch(samples);
    BatchGradient<float> one{SmallLoss()};
    Tensor<float> expected;
    const float loss = one(batch.theta, batch.x, batch.y, expected);
    for (const int size : {2, 3, 4, 7}) {
      RankThreads::run(size, [&](const Communicator& ranks) {
        BatchGradient<float> many(SmallLoss(), WorkerTeam(1 + size % 2), hypertape::detail::outer_samples_per_block,
                                  ranks);
        Tensor<float> got;
        for (int call = 0; call < 2; ++call) {
          if (many(batch.theta, batch.x, batch.y, got) != loss || !equal(got, expected)) {
            throw ArgumentError("other bits on rank ", ranks.rank(), " of ", size);
          }
        }
      });
    }
  }
}

TEST_CASE("batch_gradient: impossible batches are refused") {
  const Batch<double> batch(4);
  BatchGradient<double> batch_gradient{SmallLoss()};
  Tensor<double> got;
  CHECK_THROWS_AS(batch_gradient(batch.theta, batch.x, Batch<double>(5).y, got), ShapeError);
  const auto load = [](Range, Tensor<double>&, Tensor<double>&) {};
  CHECK_THROWS_AS(batch_gradient(batch.theta, 0, load, got), ArgumentError);
  const auto load_too_many = [&](Range, Tensor<double>& x, Tensor<double>& y) { x = batch.x, y = batch.y; };
  CHECK_THROWS_WITH_AS(batch_gradient(batch.theta, 3, load_too_many, got),
                       "BatchGradient: load must give 3 samples, got batch (4, 4)", ShapeError);
  CHECK_THROWS_AS(hypertape::detail::MicroBatches(4, -1), ArgumentError);
}

TEST_CASE("batch_gradient: a loss or a gradient that is not finite is not returned") {
  Batch<double> batch(20);
  Tensor<double> got;
  batch.x[7] = std::nan("");
  BatchGradient<double> batch_gradient{SmallLoss()};
  CHECK_THROWS_WITH_AS(batch_gradient(batch.theta, batch.x, batch.y, got), "BatchGradient: the loss is NaN",
                       DivergenceError);
  // sqrt(0) is finite, its slope is not.
  const auto root = [](Var<double> theta, Var<double> x, Var<double>) { return sum(sqrt(theta)) + sum(x); };
  BatchGradient<double> root_gradient(root);
  CHECK_THROWS_WITH_AS(root_gradient(Tensor<double>(Shape{3}), Batch<double>(4).x, Batch<double>(4).y, got),
                       "BatchGradient: the gradient is not finite", DivergenceError);
}

TEST_CASE("batch_gradient: samples are loaded once each") {
  const Batch<double> batch(50);
  std::vector<std::atomic<int>> loaded(50);
  BatchGradient<double> batch_gradient(SmallLoss(), WorkerTeam(2), 8);
  Tensor<double> got;
  const auto load = [&](Range range, Tensor<double>& x, Tensor<double>& y) {
    for (Index n = range.begin; n < range.end; ++n) ++loaded[static_cast<std::size_t>(n)];
    x = samples(batch.x, range.begin, range.size());
    y = samples(batch.y, range.begin, range.size());
  };
  batch_gradient(batch.theta, 50, load, got);
  for (const auto& count : loaded) CHECK(count == 1);
}

}  // namespace
}  // namespace hypertape::testing
