#include "hypertape/nn/layers.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/activations.hpp"
#include "support/check_error.hpp"
#include "support/check_operation.hpp"

namespace hypertape::testing {
namespace {

/// A network as a user writes it.
struct Small {
  nn::Parameters parameters;
  nn::Conv2d conv{parameters, "conv", 2, 3, 3, {.padding = 1}};
  nn::InstanceNorm norm{parameters, "norm", 3};
  nn::Linear out{parameters, "out", 3 * 4 * 4, 5};

  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    const Var<T> h = tanh(norm(theta, conv(theta, x)));
    return out(theta, reshape(h, {x.shape()[0], 3 * 4 * 4}));
  }
};

TEST_CASE("layers: each takes its weights from the parameters, in the order in which they are made") {
  const Small net;
  std::vector<std::string> names;
  for (const nn::Parameter& entry : net.parameters.entries()) names.push_back(entry.name);
  CHECK(names ==
        std::vector<std::string>{"conv.weight", "conv.bias", "norm.weight", "norm.bias", "out.weight", "out.bias"});
  CHECK(net.parameters.size() == 3 * 2 * 9 + 3 + 3 + 3 + 48 * 5 + 5);
  CHECK(net.parameters.entries()[0].shape == Shape{3, 2, 3, 3});
  CHECK(net.parameters.entries()[4].shape == Shape{5, 48});
}

TEST_CASE("layers: a network of them is what its operations are") {
  const Small net;
  Tape<double> tape;
  const Var<double> theta = tape.leaf(random_tensor<double>(Shape{net.parameters.size()}, 1));
  const Var<double> x = tape.leaf(random_tensor<double>(Shape::batch(2, 2, 4, 4), 2));
  const auto p = [&](const char* name) { return net.parameters.get(theta, name); };
  const Var<double> convolved = conv2d(x, p("conv.weight"), p("conv.bias"), {.padding = 1});
  const Var<double> h = tanh(instance_norm(convolved, p("norm.weight"), p("norm.bias")));
  CHECK(equal(net(theta, x).value(), linear(reshape(h, {2, 48}), p("out.weight"), p("out.bias")).value()));
  check_operation([&](auto v) { return net(v[0], v[1]); }, {theta.value(), x.value()});
}

TEST_CASE("layers: group normalization of any number of groups that divide the channels") {
  for (const Index groups : {1, 2, 6}) {
    nn::Parameters parameters;
    const nn::GroupNorm norm(parameters, "norm", 6, groups);
    CHECK(parameters.entries()[0].name == "norm.weight");
    CHECK(parameters.size() == 12);
    const auto theta = random_tensor<double>(Shape{12}, 1), x = random_tensor<double>(Shape::batch(3, 6, 2, 3), 2);
    const Function f = [&](auto v) { return norm(v[0], v[1]); };
    const Function usual = [&](auto v) {
      return group_norm(v[1], groups, parameters.get(v[0], "norm.weight"), parameters.get(v[0], "norm.bias"));
    };
    CHECK(relative_error(evaluate<double>(f, {theta, x}), evaluate<double>(usual, {theta, x})) <= 1e-14);
    check_operation(f, {theta, x});
  }
  nn::Parameters parameters;
  CHECK_THROWS_WITH_AS(nn::GroupNorm(parameters, "norm", 6, 4), "GroupNorm: norm: 4 groups do not divide 6 channels",
                       ArgumentError);
  CHECK_THROWS_AS(nn::GroupNorm(parameters, "zero", 6, 0), ArgumentError);
  CHECK_THROWS_AS(nn::GroupNorm(parameters, "none", 0, 1), ShapeError);
}

TEST_CASE("layers: a copy of a network works by itself") {
  Small copy;
  {
    const Small net;
    copy = net;
  }
  Tape<double> tape;
  const Var<double> theta = tape.leaf(random_tensor<double>(Shape{copy.parameters.size()}, 1));
  CHECK(copy(theta, tape.full(Shape::batch(2, 2, 4, 4), 1)).shape() == Shape::batch(2, 5));
}

TEST_CASE("layers: two of one name, and sizes that cannot be, are errors") {
  nn::Parameters parameters;
  const nn::Linear first(parameters, "fc", 3, 2);
  check_error<ArgumentError>([&] { nn::Linear(parameters, "fc", 2, 2); }, {"fc.weight"});
  CHECK_THROWS_AS(nn::Linear(parameters, "none", 0, 2), ShapeError);
  CHECK_THROWS_AS(nn::Conv2d(parameters, "conv", 1, 1, 0), ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
