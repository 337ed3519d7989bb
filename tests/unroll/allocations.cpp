#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/hypergradient.hpp"
#include "support/small_problem.hpp"

// In a steady state nothing reaches the heap. Counts every `new` of this program, those of all threads. Not inlined:
// g++ would take `free` for a mismatch with `new`.

namespace {
std::atomic<long> allocations{0};
}

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  ++allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace hypertape::testing {
namespace {

/// Allocations of the third and fourth call: the first two may take what they need.
template <class Call>
long steady_allocations(const Call& call) {
  call();
  call();
  const long before = allocations;
  call();
  call();
  return allocations - before;
}

/// Makes every thread take a part of the batch, which is left to chance otherwise: each waits until all have come.
template <class Outer>
void warm_up(Outer& outer, const Tensor<float>& theta, const Tensor<float>& x, const Tensor<float>& y, int threads) {
  std::atomic<int> come{0};
  const auto load = [&](Range range, Tensor<float>& x_block, Tensor<float>& y_block) {
    for (++come; come < threads;) std::this_thread::yield();
    copy_samples(x, range.begin, range.size(), x_block);
    copy_samples(y, range.begin, range.size(), y_block);
  };
  Tensor<float> gradient_out;
  outer(theta, x.shape()[0], load, gradient_out);
}

/// A hypergradient with an outer loss on a batch, of this network's cross-entropy.
template <class Network>
void check_steady(const Network& net, const Shape& sample, Index classes, UnrollOptions options) {
  using Loss = nn::ClassificationLoss<Network>;
  Random random(1);
  InnerLoop<float> loop;
  loop.theta0 = net.parameters().template initialize<float>(nn::Initializer::xavier_normal, 1, random);
  for (std::uint64_t s = 0; s < 2; ++s) {
    loop.x.push_back(random_tensor<float>(sample.with_samples(4), s));
    loop.y.push_back(positive_tensor<float>(Shape{4, classes}, s));
  }
  loop.learning_rates = Tensor<float>(Shape{2, 2}, 0.01F);
  const Tensor<float> x = random_tensor<float>(sample.with_samples(9)), y = positive_tensor<float>(Shape{9, classes});
  options.samples_per_block = 2;
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    const WorkerTeam team(threads);
    Unroll<float, Loss> unroll(Loss{&net}, options, team);
    BatchGradient<float, Loss> outer(Loss{&net}, team, 4);
    warm_up(outer, loop.theta0, x, y, threads);
    CHECK(steady_allocations([&] {
            unroll(loop, [&](const Tensor<float>& theta, Tensor<float>& g) { return outer(theta, x, y, g); });
          }) == 0);
    CHECK(steady_allocations([&] { unroll.train(loop); }) == 0);
  }
}

TEST_CASE("allocations: the counter counts") {
  const long before = allocations;
  const auto a = std::make_unique<int>(1);
  const Tensor<float> b(Shape{3});
  CHECK(allocations - before >= 2);
}

TEST_CASE("allocations: none in the steady state of a hypergradient, fused or on a tape") {
  const nn::LeNet lenet;
  const nn::Mlp mlp({4, 5, 3}, nn::Activation::tanh);
  for (const auto second : {SecondDerivative::fastest, SecondDerivative::reverse_over_reverse}) {
    for (const auto memory : {MemoryPolicy::every_tape, MemoryPolicy::recompute, MemoryPolicy::checkpoints}) {
      UnrollOptions options;
      options.second_derivative = second;
      options.memory_policy = memory;
      options.differentiate_y = true;
      check_steady(lenet, Shape{1, 1, 28, 28}, 10, options);
      check_steady(mlp, Shape{1, 4}, 3, options);
    }
  }
}

}  // namespace
}  // namespace hypertape::testing
