#include "support/allocations.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

/// Allocations of the third and fourth call: the first two may take what they need.
template <class Call>
std::size_t steady_allocations(const Call& call) {
  call();
  call();
  const std::size_t before = allocations();
  call();
  call();
  return allocations() - before;
}

/// Makes every thread take a part of the batch, which is left to chance otherwise: each waits until all have come.
template <class Outer>
void warm_up(Outer& outer, const Tensor<float>& theta, const Tensor<float>& x, const Tensor<float>& y, int threads) {
  std::atomic<int> come{0};
  const auto load = [&](Range range, Tensor<float>& x_block, Tensor<float>& y_block) {
    for (++come; come < threads;) std::this_thread::yield();
    hypertape::detail::copy_samples(x, range.begin, range.size(), x_block);
    hypertape::detail::copy_samples(y, range.begin, range.size(), y_block);
  };
  Tensor<float> gradient_out;
  outer(theta, x.shape()[0], load, gradient_out);
}

/// A hypergradient with an outer loss on a batch, of this network's cross-entropy.
template <class Network>
void check_steady(const Network& net, const Shape& sample, Index classes, UnrollOptions options) {
  Random random(1);
  InnerLoop<float> loop;
  loop.theta0 = net.parameters().template initialize<float>(nn::Initializer::xavier_normal, 1, random);
  for (std::uint64_t s = 0; s < 2; ++s) {
    loop.x.push_back(random_tensor<float>(sample.with_samples(4), s));
    loop.y.push_back(positive_tensor<float>(Shape::batch(4, classes), s));
  }
  loop.learning_rates = Tensor<float>(Shape{2, 2}, 0.01F);
  const Tensor<float> x = random_tensor<float>(sample.with_samples(9)),
                      y = positive_tensor<float>(Shape::batch(9, classes));
  options.samples_per_block = 2;
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    const WorkerTeam team(threads);
    Unroll<float> unroll(nn::ClassificationLoss{&net}, options, team);
    BatchGradient<float> outer(nn::ClassificationLoss{&net}, team, 4);
    warm_up(outer, loop.theta0, x, y, team.size());
    CHECK(steady_allocations([&] {
            unroll(loop, [&](const Tensor<float>& theta, Tensor<float>& g) { return outer(theta, x, y, g); });
          }) == 0);
    CHECK(steady_allocations([&] { unroll.train(loop); }) == 0);
  }
}

TEST_CASE("allocations: the counter counts") {
  const std::size_t before = allocations();
  const auto a = std::make_unique<int>(1);
  const Tensor<float> b(Shape{3});
  CHECK(allocations() - before >= 2);
}

TEST_CASE("allocations: none in the steady state of a hypergradient, fused or on a tape") {
  const nn::LeNet lenet;
  const nn::Mlp mlp({4, 5, 3}, nn::Activation::tanh);
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    for (const auto memory : {Schedule::store_all(), Schedule::recompute(), Schedule::every(), Schedule::binomial(2)}) {
      UnrollOptions options;
      options.second_derivative = second;
      options.schedule = memory;
      options.differentiate.y = true;
      check_steady(lenet, Shape{1, 1, 28, 28}, 10, options);
      check_steady(mlp, Shape{1, 4}, 3, options);
    }
  }
}

}  // namespace
}  // namespace hypertape::testing
