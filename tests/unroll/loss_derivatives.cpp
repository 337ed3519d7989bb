#include "hypertape/unroll/loss_derivatives.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <vector>

#include "hypertape/nn/convnet.hpp"
#include "hypertape/ops/activations.hpp"
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
    hypertape::detail::LossDerivatives<double> derivatives(SmallLoss(), second);
    Tensor<double> gradient(loop.theta0.shape()), out(loop.theta0.shape());
    const auto differentiate = [&] { derivatives.gradient_vjp(loop.theta0.data(), {out.data()}); };
    const std::array data{loop.x[0], loop.y[0]};
    derivatives.record({loop.theta0, data}, 1, kernels::OutputMode::write, gradient.data());
    differentiate();
    CHECK_THROWS_WITH_AS(differentiate(), "LossDerivatives: there is no record to differentiate", ArgumentError);
  }
}

TEST_CASE("LossDerivatives: Hessian products are the sum over the records, and keep them") {
  const InnerLoop<double> loop = small_loop<double>(3, 1);
  const Tensor<double> direction = random_tensor<double>(loop.theta0.shape(), 3);
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    hypertape::detail::LossDerivatives<double> derivatives(SmallLoss(), second);
    Tensor<double> unused(loop.theta0.shape()), out(loop.theta0.shape()), again = out, sum = out;
    CHECK_THROWS_WITH_AS(derivatives.hessian_product(direction.data(), out.data()),
                         "LossDerivatives: there is no record to differentiate", ArgumentError);
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
    hypertape::detail::LossDerivatives<float> many(loss, second);
    Tensor<float> g({P}), product({P}), dx(data[0][0].shape());
    for (std::size_t s = 0; s < data.size(); ++s) many.record(inputs(s), 0.5F, mode, g.data());
    bytes = many.reserved_bytes();
    Tensor<float> sum({P}), sum_of_one({P});
    many.hessian_product(direction.data(), sum.data());
    for (std::size_t s = data.size(); s-- > 0;) {
      hypertape::detail::LossDerivatives<float> one(loss, second);
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

/// Cheap values, of which those of size y are exposed: whether they lie apart depends on their number.
struct PartlyExposedLoss {
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    const Var<T> h = relu(theta.slice(0, x.shape()) * x), s = theta.slice(0, y.shape()) * y;
    return sum(h * h * h) + sum(stop_gradient(s) * s * s);
  }
};

TEST_CASE("LossDerivatives: records that can forget beside some that cannot, in any order") {
  const Index P = 10'000;
  const Tensor<double> theta = random_tensor<double>({P}, 1), direction = random_tensor<double>({P}, 2);
  Random random(7);
  for (int round = 0; round < 30; ++round) {
    const auto second =
        round % 2 == 0 ? SecondDerivative::forward_over_reverse : SecondDerivative::reverse_over_reverse;
    using Derivatives = hypertape::detail::LossDerivatives<double>;
    Derivatives many(PartlyExposedLoss(), second);
    std::deque<std::array<Tensor<double>, 2>> data;
    Tensor<double> g({P}), out({P});
    const auto of_one = [&](std::size_t s) {
      Derivatives one(PartlyExposedLoss(), second);
      Tensor<double> product({P});
      one.record({theta, data[s]}, 1, kernels::OutputMode::write, g.data());
      one.gradient_vjp(direction.data(), {product.data()});
      return product;
    };
    for (int call = 0; call < 25; ++call) {
      const Index what = data.empty() ? 0 : random.below(4);
      if (what <= 1 && data.size() < 5) {
        const auto any = [&](Index large) {
          const Index size = random.below(2) == 0 ? 1'000 : large;
          return random_tensor<double>({size}, static_cast<std::uint64_t>(50 + random.below(99)));
        };
        data.push_back({any(8'000), any(6'000)});
        many.record({theta, data.back()}, 1, kernels::OutputMode::write, g.data());
      } else if (what == 2) {
        Tensor<double> sum({P});
        for (std::size_t s = 0; s < data.size(); ++s) {
          const Tensor<double> product = of_one(s);
          for (Index i = 0; i < P; ++i) sum[i] += product[i];
        }
        many.hessian_product(direction.data(), out.data());
        CHECK(equal(out, sum));
      } else {
        many.gradient_vjp(direction.data(), {out.data()});
        CHECK(equal(out, of_one(data.size() - 1)));
        data.pop_back();
      }
    }
  }
}

TEST_CASE("LossDerivatives: predicted bytes, also of records that cannot forget") {
  using Call = hypertape::detail::LossCall;
  const Index P = 10'000;
  const Tensor<double> theta = random_tensor<double>({P}, 1);
  Tensor<double> g({P}), out({P});
  for (const Index exposed : {1'000, 6'000}) {
    for (const bool at_once : {false, true}) {
      const std::array data{random_tensor<double>({8'000}, 2), random_tensor<double>({exposed}, 3)};
      const hypertape::detail::LossInputs<double> inputs{theta, data};
      std::vector<Call> calls;
      hypertape::detail::LossDerivatives<double> real((PartlyExposedLoss())), probe((PartlyExposedLoss()));
      const auto record = [&] {
        calls.push_back({Call::What::record, 0});
        real.record(inputs, 1, kernels::OutputMode::write, g.data());
      };
      const auto back = [&] {
        calls.push_back({Call::What::gradient_vjp, 0});
        real.gradient_vjp(theta.data(), {out.data()});
      };
      for (int i = 0; i < 40; ++i) {
        record();
        if (!at_once) back();
      }
      for (int i = 0; at_once && i < 40; ++i) back();
      const std::size_t predicted = probe.predicted_bytes({&inputs, 1}, calls, theta.data(), g.data(), {out.data()});
      const auto held = static_cast<double>(real.reserved_bytes());
      CHECK(std::abs(static_cast<double>(predicted) - held) <= 0.01 * held);
    }
  }
}

TEST_CASE("LossDerivatives: records forget what is cheap unless its address is known, and give the same bits") {
  const std::size_t forgetting = check_records(ImageLoss()), keeping = check_records(AddressLoss());
  CHECK(2 * forgetting < keeping);
}

}  // namespace
}  // namespace hypertape::testing
