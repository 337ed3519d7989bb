#include "hypertape/unroll/loss_derivatives.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "hypertape/nn/convnet.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/ops/stop_gradient.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("LossDerivatives: without a record there is nothing to differentiate") {
  const InnerLoop<double> loop = small_loop<double>(1, 1);
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    hypertape::detail::LossDerivatives<double, SmallLoss> derivatives(SmallLoss(), second);
    Tensor<double> gradient(loop.theta0.shape()), out(loop.theta0.shape());
    const auto differentiate = [&] { derivatives.gradient_vjp(loop.theta0.data(), {out.data()}); };
    const std::array data{loop.x[0], loop.y[0]};
    derivatives.record({loop.theta0, data}, 1, kernels::OutputMode::write, gradient.data());
    differentiate();
    CHECK_THROWS_WITH_AS(differentiate(), "LossDerivatives: nothing is recorded that could be differentiated",
                         ArgumentError);
  }
}

TEST_CASE("LossDerivatives: Hessian products are the sum over the records, and keep them") {
  const InnerLoop<double> loop = small_loop<double>(3, 1);
  const Tensor<double> direction = random_tensor<double>(loop.theta0.shape(), 3);
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    hypertape::detail::LossDerivatives<double, SmallLoss> derivatives(SmallLoss(), second);
    Tensor<double> unused(loop.theta0.shape()), out(loop.theta0.shape()), again = out, sum = out;
    CHECK_THROWS_WITH_AS(derivatives.hessian_product(direction.data(), out.data()),
                         "LossDerivatives: nothing is recorded that could be differentiated", ArgumentError);
    std::vector<std::array<Tensor<double>, 2>> data;
    for (std::size_t s = 0; s < 3; ++s) data.push_back({loop.x[s], loop.y[s]});
    for (std::size_t s = 0; s < 3; ++s) {
      derivatives.record({loop.theta0, data[s]}, 0.5, kernels::OutputMode::write, unused.data());
    }
    derivatives.hessian_product(direction.data(), out.data());
    const std::size_t bytes = derivatives.reserved_bytes();
    for (int repeat = 0; repeat < 100; ++repeat) derivatives.hessian_product(direction.data(), again.data());
    CHECK(derivatives.reserved_bytes() == bytes);
    CHECK(equal(out, again));
    for (std::size_t s = 0; s < 3; ++s) {
      derivatives.gradient_vjp(direction.data(), {unused.data()});
      for (Index i = 0; i < sum.size(); ++i) sum[i] += unused[i];
    }
    CHECK(relative_error(out, sum) <= 1e-15);
  }
}

/// A small network of convolution and cheap operations on images that are large enough to be forgotten.
struct ImageLoss {
  nn::ConvNet net;

  ImageLoss() : net({.channels = 3, .size = 16, .classes = 4, .width = 8, .depth = 2}) {}

  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    return softmax_cross_entropy(net(theta, x), y);
  }
};

/// The same, but asks for the address of what could be forgotten.
struct AddressLoss : ImageLoss {
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    const Var<T> half = T(0.5) * x;
    return ImageLoss::operator()(theta, T(2) * half + stop_gradient(half), y);
  }
};

/// Checks the derivatives of several records against those of each alone; returns the bytes that the records held.
template <class Loss>
std::size_t check_records(const Loss& loss) {
  std::size_t bytes = 0;
  const Index P = loss.net.parameters().size(), N = 10;
  const Tensor<float> theta = random_tensor<float>({P}, 1), direction = random_tensor<float>({P}, 2);
  Tensor<float> labels(Shape::batch(N, 4));
  for (Index n = 0; n < N; ++n) labels[n % 4 * N + n] = 1;
  std::vector<std::array<Tensor<float>, 2>> data;
  for (std::uint64_t s = 0; s < 4; ++s) {
    data.push_back({random_tensor<float>(Shape::batch(N, 3, 16, 16), 10 + s), labels});
  }
  const auto mode = kernels::OutputMode::write;
  const std::array<char, 2> wanted{1, 0};
  const auto inputs = [&](std::size_t s) { return hypertape::detail::LossInputs<float>{theta, data[s], wanted}; };
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    hypertape::detail::LossDerivatives<float, Loss> many(loss, second);
    Tensor<float> g({P}), product({P}), dx(data[0][0].shape());
    for (std::size_t s = 0; s < data.size(); ++s) many.record(inputs(s), 0.5F, mode, g.data());
    bytes = many.reserved_bytes();
    Tensor<float> sum({P}), sum_of_one({P});
    many.hessian_product(direction.data(), sum.data());
    for (std::size_t s = data.size(); s-- > 0;) {
      hypertape::detail::LossDerivatives<float, Loss> one(loss, second);
      one.record(inputs(s), 0.5F, mode, g.data());
      Tensor<float> expected({P}), expected_dx = dx;
      std::array<float*, 2> to{expected_dx.data(), nullptr};
      const float expected_slope = one.gradient_vjp(direction.data(), {expected.data(), to});
      to[0] = dx.data();
      CHECK(many.gradient_vjp(direction.data(), {product.data(), to}) == expected_slope);
      CHECK(equal(product, expected));
      CHECK(equal(dx, expected_dx));
      if (s == 2) {  // and goes on in the middle
        many.record(inputs(0), 0.5F, mode, g.data());
        many.drop_record();
      }
      for (Index i = 0; i < P; ++i) sum_of_one[i] += expected[i];
    }
    CHECK(relative_error(sum, sum_of_one) <= 1e-5);
  }
  return bytes;
}

TEST_CASE("LossDerivatives: records forget what is cheap unless its address is known, and give the same bits") {
  const std::size_t forgetting = check_records(ImageLoss()), keeping = check_records(AddressLoss());
  CHECK(2 * forgetting < keeping);
}

}  // namespace
}  // namespace hypertape::testing
