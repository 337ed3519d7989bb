#include "hypertape/distill/ridge_gradient.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "hypertape/autodiff/value_and_gradient.hpp"
#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::RidgeGradient;

/// What the gradient is asked for, and what it says.
template <class T>
struct Problem {
  nn::Network<T> network;
  Tensor<T> theta, images, labels, real_images, real_labels;
  double regularizer;
  Tensor<T> images_gradient{}, labels_gradient{};

  T solve(int threads = 1) {
    RidgeGradient<T> ridge(network, regularizer, WorkerTeam(threads));
    return solve(ridge);
  }
  T solve(RidgeGradient<T>& ridge) {
    const auto load = [&](Range range, Tensor<T>& x, Tensor<T>& y) {
      hypertape::detail::copy_samples(real_images, range.begin, range.size(), x);
      hypertape::detail::copy_samples(real_labels, range.begin, range.size(), y);
    };
    return ridge(theta, images, labels, real_images.shape()[0], load, images_gradient, labels_gradient);
  }
};

/// That of tests/golden/ridge.py.
template <class T>
Problem<T> golden_problem() {
  const nn::LeNet lenet;
  Tensor<T> labels(Shape::batch(7, 10)), real_labels(Shape::batch(8, 10));
  for (Index n = 0; n < 7; ++n) {
    for (Index k = 0; k < 10; ++k)
      labels(n, k) = static_cast<T>(golden_uniform(40, static_cast<std::uint64_t>(10 * n + k)));
  }
  for (Index n = 0; n < 8; ++n) real_labels(n, (7 * n + 3) % 10) = 1;
  return {nn::Network<T>("lenet", lenet),
          golden_weights<T>(1, lenet.parameters()),
          golden_images<T>(10, Shape::batch(7, 1, 28, 28)),
          labels,
          golden_images<T>(20, Shape::batch(8, 1, 28, 28)),
          real_labels,
          1e-4};
}

template <class T>
void check_golden(double tolerance) {
  const Golden golden = read_golden("ridge");
  Problem<T> problem = golden_problem<T>();
  const auto loss = static_cast<double>(problem.solve());
  CHECK(std::abs(loss - golden.at("loss").at(0)) <= tolerance * golden.at("loss").at(0));
  check_parts(golden, "images", to_row_major(problem.images_gradient), 7, tolerance);
  check_parts(golden, "labels", to_row_major(problem.labels_gradient), 1, tolerance);
}

// The condition of the regularized matrix is up to 1e4; in float the features are, and the real loss.
TEST_CASE("ridge gradient: PyTorch's loss and gradients through LeNet") {
  check_golden<double>(1e-10);
  check_golden<float>(1e-3);
}

/// A small ConvNet, images of several blocks, labels that are no classes.
template <class T>
Problem<T> convnet_problem(Index distilled = 13, Index real = 37) {
  const nn::ConvNet convnet({.channels = 2, .size = 8, .classes = 3, .width = 4, .depth = 2});
  Random random(5);
  return {nn::Network<T>("convnet", convnet),
          convnet.parameters().template initialize<T>(nn::Initializer::he_normal, 1, random),
          random_tensor<T>(Shape::batch(distilled, 2, 8, 8), 1),
          random_tensor<T>(Shape::batch(distilled, 3), 2),
          random_tensor<T>(Shape::batch(real, 2, 8, 8), 3),
          random_tensor<T>(Shape::batch(real, 3), 4),
          1e-3};
}

TEST_CASE("ridge gradient: agrees with the formula on one tape, whatever the blocks, and with central differences") {
  Problem<double> problem = convnet_problem<double>();
  const double loss = problem.solve();
  const auto whole = [&](std::span<const Var<double>> v) {
    Tape<double>& tape = v[0].tape();
    const auto features = [&](Var<double> x) {
      return relayout(problem.network.features(tape.leaf(problem.theta), x), Layout::row_major);
    };
    const Var<double> y = relayout(v[1] - 1.0 / 3, Layout::row_major),
                      wanted = relayout(tape.leaf(problem.real_labels) - 1.0 / 3, Layout::row_major);
    const Var<double> w = distill::ridge_weights(features(v[0]), y, problem.regularizer);
    return sum(square(matmul(features(tape.leaf(problem.real_images)), w) - wanted)) / (2 * 37.0);
  };
  const auto expected = value_and_gradient<double>(whole, {problem.images, problem.labels});
  CHECK(std::abs(loss - expected.value) <= 1e-12 * expected.value);
  CHECK(relative_error(problem.images_gradient, expected.gradient[0]) <= 1e-9);
  CHECK(relative_error(problem.labels_gradient, expected.gradient[1]) <= 1e-9);

  Problem<double> small = convnet_problem<double>(3, 5);
  small.solve();
  const auto loss_at = [&](Tensor<double>& tensor, Index i, double change) {
    Problem<double> moved = small;
    (&tensor == &small.images ? moved.images : moved.labels)[i] += change;
    return moved.solve();
  };
  constexpr double step = 1e-5;
  for (Index i = 0; i < small.images.size(); i += 31) {
    const double slope = (loss_at(small.images, i, step) - loss_at(small.images, i, -step)) / (2 * step);
    CHECK(std::abs(slope - small.images_gradient[i]) <= 1e-6 * (std::abs(slope) + 1e-2));
  }
  for (Index i = 0; i < small.labels.size(); ++i) {
    const double slope = (loss_at(small.labels, i, step) - loss_at(small.labels, i, -step)) / (2 * step);
    CHECK(std::abs(slope - small.labels_gradient[i]) <= 1e-6 * (std::abs(slope) + 1e-2));
  }
}

TEST_CASE("ridge gradient: the same bits on any number of threads, and by an object that was used before") {
  Problem<float> one = convnet_problem<float>();
  const float loss = one.solve(1);
  for (const int threads : {2, 5}) {
    Problem<float> many = convnet_problem<float>(), other = convnet_problem<float>(4, 6);
    RidgeGradient<float> ridge(many.network, many.regularizer, WorkerTeam(threads));
    other.solve(ridge);
    CHECK(many.solve(ridge) == loss);
    CHECK(equal(many.images_gradient, one.images_gradient));
    CHECK(equal(many.labels_gradient, one.labels_gradient));
  }
}

/// A model without features, and one whose features are no matrix.
struct NoFeatures {
  nn::Parameters own{};
  const nn::Parameters& parameters() const { return own; }
  template <class T>
  Var<T> operator()(Var<T>, Var<T> x) const {
    return x;
  }
};
struct OddFeatures : NoFeatures {
  template <class T>
  Var<T> features(Var<T>, Var<T> x) const {
    return x;
  }
};

TEST_CASE("ridge gradient: networks without features, features that do not fit, and those that diverge") {
  Problem<float> problem = convnet_problem<float>();
  const nn::Network<float> without("own", NoFeatures());
  check_error<ArgumentError>([&] { RidgeGradient<float>(without, 1e-6, WorkerTeam(1)); },
                             {"the model of own has no features(theta, x)"});
  problem.network = nn::Network<float>("odd", OddFeatures());
  check_error<ShapeError>([&] { problem.solve(); }, {"must be (N, F), those of odd are batch ("});
  problem = convnet_problem<float>();
  problem.theta[0] = std::nanf("");
  check_error<DivergenceError>([&] { problem.solve(); }, {"a feature is not finite"});
  problem.theta.fill(0);
  check_error<DivergenceError>([&] { problem.solve(); }, {"all features of the distilled images are zero"});
  problem = convnet_problem<float>();
  problem.real_labels[0] = std::nanf("");
  check_error<DivergenceError>([&] { problem.solve(); }, {"the loss is NaN"});
  problem = convnet_problem<float>();
  problem.real_labels = Tensor<float>(Shape::batch(37, 4));
  check_error<ShapeError>([&] { problem.solve(); }, {"(", ", 3)", ", 4)"});
}

}  // namespace
}  // namespace hypertape::testing
