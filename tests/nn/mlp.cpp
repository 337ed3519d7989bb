#include "hypertape/nn/mlp.hpp"

#include <doctest/doctest.h>

#include <span>

#include "hypertape/autodiff/check_gradient.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("mlp: value against the obvious loop, derivatives for every activation") {
  for (const auto activation :
       {nn::Activation::relu, nn::Activation::tanh, nn::Activation::sigmoid, nn::Activation::softplus}) {
    const nn::Mlp net({3, 4, 2}, activation);
    CHECK(net.parameters().size() == 3 * 4 + 4 + 4 * 2 + 2);
    const auto f = [&](std::span<const Var<double>> in) { return net(in[0], in[1]); };
    const auto theta = random_tensor<double>(Shape{net.parameters().size()}, 1);
    CHECK(check_gradient<double>(f, {theta, random_tensor<double>(Shape::batch(5, 3), 2)}).within(1e-7, 1e-12));
  }
  const nn::Mlp linear_model({2, 2});
  Tape<double> tape;
  const auto theta = tape.leaf(Tensor<double>(Shape{6}, {1, 2, 3, 4, 10, 20}));
  const auto out = linear_model(theta, tape.leaf(Tensor<double>(Shape{1, 2}, {5, 6}))).value();
  CHECK(out(0, 0) == 1 * 5 + 2 * 6 + 10);
  CHECK(out(0, 1) == 3 * 5 + 4 * 6 + 20);
  CHECK_THROWS_AS(nn::Mlp({3}), ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
