#include "hypertape/unroll/implicit.hpp"

#include <doctest/doctest.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "hypertape/autodiff/slice.hpp"
#include "hypertape/optim/custom_rule.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/certify.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

using Data = std::span<const Var<double>>;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The small loss, its labels times the first extra tensor, plus a penalty on the distance of each layer's weights from
/// the second: exp(phi_0) and phi_1 times its square. Steps differ by their number, too.
struct DistancePenaltyLoss {
  Var<double> operator()(Var<double> theta, Data data, Var<double> phi, Index step) const {
    const Var<double> distance = theta - data[3];
    const Var<double> a = distance.slice(0, Shape{small_first_layer});
    const Var<double> b = distance.slice(small_first_layer, Shape{theta.size() - small_first_layer});
    return (1.0 + 0.1 * static_cast<double>(step)) * SmallLoss()(theta, data[0], data[1] * data[2]) +
           exp(phi.slice(0, Shape{})) * dot(a, a) + phi.slice(1, Shape{}) * dot(b, b);
  }
};

/// Two steps of 6 and 4 samples.
InnerLoop<double> distance_loop(Index epochs = 300) {
  InnerLoop<double> loop = small_loop<double>(2, 1);
  loop.x[1] = random_tensor<double>(Shape::batch(4, 4), 50);
  loop.y[1] = positive_tensor<double>(Shape::batch(4, 3), 51);
  loop.extra = {{positive_tensor<double>(loop.y[0].shape(), 52), positive_tensor<double>(loop.y[1].shape(), 53)},
                {random_tensor<double>(loop.theta0.shape(), 54), random_tensor<double>(loop.theta0.shape(), 55)}};
  for (Tensor<double>& center : loop.extra[1]) {
    for (double& value : center.values()) value *= 0.2;
  }
  loop.hyperparameters = Tensor<double>({2}, {-1.5, 0.3});
  loop.learning_rates = Tensor<double>(Shape{epochs, 2}, 0.02);
  return loop;
}

constexpr WantedData everything{.x = true, .y = true, .extra = true};
using Small = Implicit<double>;

/// The objective on one tape, and its whole Hessian.
struct Dense {
  Tape<double> tape;
  Var<double> theta;
  std::vector<Var<double>> inputs;  // in the order of for_each_input
  Var<double> g;
  Matrix hessian;

  Dense(const InnerLoop<double>& loop, const Tensor<double>& at) : theta(tape.leaf(at)) {
    for (const auto* tensors : {&loop.x, &loop.y, &loop.extra[0], &loop.extra[1]}) {
      for (const Tensor<double>& tensor : *tensors) inputs.push_back(tape.leaf(tensor));
    }
    inputs.push_back(tape.leaf(loop.hyperparameters));
    Var<double> objective = tape.scalar(0);
    for (std::size_t s = 0; s < 2; ++s) {
      const std::array data{inputs[s], inputs[2 + s], inputs[4 + s], inputs[6 + s]};
      objective = objective + DistancePenaltyLoss()(theta, data, inputs.back(), static_cast<Index>(s)) / 2.0;
    }
    g = gradient(objective, theta);
    const Index size = at.size();
    hessian = Matrix(size, size);
    for (Index j = 0; j < size; ++j) {
      Tensor<double> unit(at.shape());
      unit[j] = 1;
      hessian.col(j) = Eigen::Map<const Vector>(jvp(g, theta, tape.leaf(unit)).data(), size);
    }
  }
};

/// What the equations say, in the order of `for_each_input`.
std::vector<Tensor<double>> dense(const InnerLoop<double>& loop, const Tensor<double>& theta, double damping) {
  Dense at(loop, theta);
  at.hessian.diagonal().array() += damping;
  Tensor<double> v;
  weighted_square(theta, v);
  const Vector q = at.hessian.partialPivLu().solve(Eigen::Map<const Vector>(v.data(), v.size()));
  std::vector<Var<double>> derivatives(at.inputs.size());
  gradient<double>(-dot(at.g, at.tape.leaf(Tensor<double>(q))), at.inputs, derivatives);
  std::vector<Tensor<double>> out;
  for (const Var<double>& derivative : derivatives) out.push_back(derivative.value());
  return out;
}

/// A minimum, by Newton's method: with a shift that keeps it from maxima, then without.
Tensor<double> minimum(const InnerLoop<double>& loop) {
  Tensor<double> theta = loop.theta0;
  for (int iteration = 0; iteration < 60; ++iteration) {
    Dense at(loop, theta);
    if (iteration < 50) at.hessian.diagonal().array() += 1;
    const Vector step = at.hessian.ldlt().solve(Eigen::Map<const Vector>(at.g.data(), theta.size()));
    for (Index i = 0; i < theta.size(); ++i) theta[i] -= step[i];
  }
  return theta;
}

double error_of(const Hypergradient<double>& h, const std::vector<Tensor<double>>& expected) {
  double worst = 0;
  std::size_t i = 0;
  for_each_input(
      [&](const InputName&, const Tensor<double>& tensor) {
        const double error = relative_error(tensor, expected.at(i++));
        if (!(error <= worst)) worst = error;
      },
      h);
  return i == expected.size() ? worst : infinity;
}

TEST_CASE("implicit: every solver against a dense solve") {
  const InnerLoop<double> loop = distance_loop();
  const Tensor<double> theta = minimum(loop);
  struct Case {
    LinearSolver solver;
    double damping;
  };
  const std::vector<Case> cases{{ConjugateGradient{.tolerance = 1e-13}, 0},
                                {ConjugateGradient{.tolerance = 1e-13}, 0.2},
                                {NeumannSeries{.step = 0.05, .tolerance = 1e-13}, 0},
                                {FixedPoint{.tolerance = 1e-13}, 0},
                                {Nystrom{.rank = theta.size(), .seed = 3, .tolerance = 1e-11}, 0.2}};
  for (const auto& [solver, damping] : cases) {
    const std::size_t kind = solver.index();
    CAPTURE(kind);
    const auto expected = dense(loop, theta, damping);
    for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
      ImplicitOptions options{.differentiate = everything, .solver = solver, .damping = damping};
      options.second_derivative = second;
      Small implicit(DistancePenaltyLoss(), options);
      CHECK(error_of(implicit.at(loop, theta, weighted_square), expected) <= 1e-10);
      CHECK(implicit.residual() <= 1e-11);
      CHECK(implicit.iterations() > 0);
      CHECK(implicit.products() > implicit.iterations());
      CHECK(implicit.relative_gradient() <= 1e-12);
    }
  }
}

TEST_CASE("implicit: trains as the unroll does, and differentiates there") {
  const InnerLoop<double> loop = distance_loop();
  Unroll<double> unroll{DistancePenaltyLoss()};
  const Tensor<double> theta = unroll.train(loop);
  // Steps on data of their own circle about a minimum of their mean.
  const ImplicitOptions options{
      .differentiate = everything, .solver = ConjugateGradient{.tolerance = 1e-13}, .stationarity = infinity};
  Small implicit(DistancePenaltyLoss(), options);
  const Hypergradient<double> h = implicit(loop, weighted_square);
  CHECK(equal(h.theta_T, theta));
  CHECK(equal(h.inner_losses, unroll.inner_losses()));
  CHECK(h.state_T.steps == loop.length());
  CHECK(error_of(h, dense(loop, theta, 0)) <= 1e-10);
  const auto same = [](const InputName&, const Tensor<double>& a, const Tensor<double>& b) { CHECK(equal(a, b)); };
  for_each_input(same, h, implicit.at(loop, theta, weighted_square));
  CHECK(implicit.at(loop, theta, weighted_square).state_T.steps == 0);
  const Hypergradient<double> by_function =
      implicit_hypergradient(loop, DistancePenaltyLoss(), weighted_square, options);
  for_each_input(same, h, by_function);
}

TEST_CASE("implicit: the fixed-point iteration is training's, with its momentum and its groups of weights") {
  InnerLoop<double> loop = distance_loop();
  const Tensor<double> theta = minimum(loop);
  const auto expected = dense(loop, theta, 0);
  Small implicit(DistancePenaltyLoss(), {.differentiate = everything, .solver = FixedPoint{.tolerance = 1e-12}});
  loop.learning_rates.fill(0.05);
  CHECK(error_of(implicit.at(loop, theta, weighted_square), expected) <= 1e-10);
  const Index plain = implicit.iterations();

  // The sums of the Neumann series with the learning rate as its step.
  Small series(DistancePenaltyLoss(),
               {.differentiate = everything, .solver = NeumannSeries{.step = 0.05, .tolerance = 1e-12}});
  series.at(loop, theta, weighted_square);
  CHECK(series.iterations() == plain);

  loop.rule = optim::HeavyBall{.momentum = 0.5};
  CHECK(error_of(implicit.at(loop, theta, weighted_square), expected) <= 1e-10);
  CHECK(implicit.iterations() < plain * 2 / 3);

  loop.rule = optim::GradientDescent{};
  loop.groups = {small_first_layer, theta.size() - small_first_layer};
  loop.learning_rates = Tensor<double>(Shape{1, 2, 2}, 0.0);  // the last step's count
  loop.learning_rates[2] = 0.05;
  loop.learning_rates[3] = 0.02;
  CHECK(error_of(implicit.at(loop, theta, weighted_square), expected) <= 1e-10);
}

/// Mean of (x theta - y)^2 / 2, plus phi / 2 |theta|^2.
struct RidgeLoss {
  Var<double> operator()(Var<double> theta, Var<double> x, Var<double> y, Var<double> phi) const {
    const Var<double> rest = linear(x, reshape(theta, {1, theta.size()})) - y;
    return 0.5 * mean(square(rest)) + 0.5 * phi.slice(0, Shape{}) * dot(theta, theta);
  }
};

/// Ridge regression in closed form: theta*, and a validation loss's derivatives with respect to X, y and phi.
struct Ridge {
  static constexpr Index N = 12, M = 7, P = 5;
  InnerLoop<double> loop;
  Tensor<double> x_valid = random_tensor<double>(Shape::batch(M, P), 3);
  Tensor<double> y_valid = random_tensor<double>(Shape::batch(M, 1), 4);
  Tensor<double> theta, dx, dy;
  double value, dphi;

  explicit Ridge(double phi = 0.05) {
    loop.x = {random_tensor<double>(Shape::batch(N, P), 1)};
    loop.y = {random_tensor<double>(Shape::batch(N, 1), 2)};
    loop.theta0 = Tensor<double>(Shape{P});
    loop.hyperparameters = Tensor<double>({1}, {phi});
    loop.learning_rates = Tensor<double>(Shape{1, 1}, 0.5);
    const Matrix X = loop.x[0].matrix(), V = x_valid.matrix();
    const Vector y = loop.y[0].matrix().col(0), target = y_valid.matrix().col(0);
    const Matrix H = X.transpose() * X / N + phi * Matrix::Identity(P, P);
    const Vector t = H.llt().solve(X.transpose() * y / N), rest = V * t - target;
    const Vector q = H.llt().solve(V.transpose() * rest / M);
    theta = Tensor<double>(t);
    value = rest.squaredNorm() / (2 * M);
    dphi = -q.dot(t);
    dy = Tensor<double>(Matrix(X * q / N));
    dx = Tensor<double>(Matrix(-((X * t - y) * q.transpose() + X * q * t.transpose()) / N));
  }

  auto outer() const {
    return [this](Var<double> weights) {
      Tape<double>& tape = weights.tape();
      const Var<double> x = tape.view(x_valid.shape(), x_valid.data()), y = tape.view(y_valid.shape(), y_valid.data());
      return 0.5 * mean(square(linear(x, reshape(weights, {1, weights.size()})) - y));
    };
  }
};

TEST_CASE("implicit: ridge regression in closed form") {
  for (const double phi : {0.01, 0.05, 2.0}) {
    const Ridge ridge(phi);
    Implicit<double> implicit(RidgeLoss(),
                              {.differentiate = everything, .solver = ConjugateGradient{.tolerance = 1e-13}});
    const auto& h = implicit.at(ridge.loop, ridge.theta, ridge.outer());
    CHECK(std::abs(h.outer_loss - ridge.value) <= 1e-13 * ridge.value);
    CHECK(std::abs(h.hyperparameters[0] - ridge.dphi) <= 1e-9 * std::abs(ridge.dphi));
    CHECK(relative_error(h.x[0], ridge.dx) <= 1e-9);
    CHECK(relative_error(h.y[0], ridge.dy) <= 1e-9);
    CHECK(implicit.iterations() <= Ridge::P + 1);  // as many as there are eigenvalues, and rounding
    CHECK(implicit.gradient_norm() <= 1e-14);
    // The loop trains to the same point.
    InnerLoop<double> loop = ridge.loop;
    loop.learning_rates = Tensor<double>(Shape{4000, 1}, 0.2);
    const Hypergradient<double> trained = implicit(loop, ridge.outer());
    CHECK(relative_error(trained.x[0], ridge.dx) <= 1e-9);
    CHECK(certify(loop, RidgeLoss(), ridge.outer(), trained).difference <= 1e-9);
  }
}

TEST_CASE("implicit: the derivative through the steps of training tends to it") {
  const Ridge ridge(0.003);
  Unroll<double> unroll(RidgeLoss(), {.differentiate = everything, .schedule = Schedule::every(100)});
  double before = infinity;
  for (const Index steps : {10, 100, 1000, 10000}) {
    CAPTURE(steps);
    InnerLoop<double> loop = ridge.loop;
    loop.learning_rates = Tensor<double>(Shape{steps, 1}, 0.01);
    const auto& h = unroll(loop, ridge.outer());
    const double error = std::max({relative_error(h.x[0], ridge.dx), relative_error(h.y[0], ridge.dy),
                                   std::abs(h.hyperparameters[0] / ridge.dphi - 1)});
    CHECK(error < before);
    before = error;
  }
  CHECK(before <= 1e-6);
}

TEST_CASE("implicit: an outer loss may depend on what training was given") {
  const Ridge ridge;
  Implicit<double> implicit(RidgeLoss(), {.solver = ConjugateGradient{.tolerance = 1e-13}});
  const auto& h = implicit.at(ridge.loop, ridge.theta, [&](Var<double> theta, GivenVars<double>& given) {
    const Var<double> phi = given(given.loop.hyperparameters), x = given(given.loop.x[0]);
    return ridge.outer()(theta) + 3.0 * dot(phi, phi) + sum(x) + 0.0 * sum(given(given.loop.learning_rates));
  });
  const double expected = ridge.dphi + 6 * ridge.loop.hyperparameters[0];
  CHECK(std::abs(h.hyperparameters[0] - expected) <= 1e-9 * std::abs(expected));
  Tensor<double> dx = ridge.dx;
  for (double& value : dx.values()) value += 1;
  CHECK(relative_error(h.x[0], dx) <= 1e-9);
  CHECK(h.y.empty());
  // One that is flat in theta leaves nothing to solve.
  const auto flat = [](const Tensor<double>& theta, Tensor<double>& gradient) {
    gradient = Tensor<double>(theta.shape());
    return 1.0;
  };
  CHECK(implicit.at(ridge.loop, ridge.theta, flat).hyperparameters[0] == 0);
  CHECK(implicit.residual() == 0);
  CHECK(implicit.iterations() == 0);
}

TEST_CASE("implicit: what a stationary point does not depend on has no derivative, and asking for it is an error") {
  InnerLoop<double> loop = Ridge().loop;
  loop.rule = optim::HeavyBall{.momentum = 0.5};
  loop.state0.slot = {Tensor<double>(loop.theta0.shape())};
  const Ridge ridge;
  Implicit<double> implicit(RidgeLoss(), {});
  const auto& h = implicit.at(loop, ridge.theta, ridge.outer());
  CHECK(&implicit.derivative(loop, loop.x[0]) == &h.x[0]);
  for (const auto& [tensor, name] : {std::pair{&loop.theta0, "initial weights"},
                                     {&loop.learning_rates, "learning rates"},
                                     {&loop.rule.coefficients, "coefficients of the rule"},
                                     {&loop.state0.slot[0], "initial slot 1"}}) {
    check_error<ArgumentError>([&, t = tensor] { implicit.derivative(loop, *t); },
                               {"no derivative with respect to", name, "Unroll has it"});
  }
  CHECK_THROWS_WITH_AS(implicit.derivative(loop, loop.y[0]),
                       "implicit: ImplicitOptions::differentiate does not ask for y of step 0", ArgumentError);
  CHECK_THROWS_WITH_AS(implicit.derivative(loop, ridge.theta),
                       "implicit: this tensor of shape (5) is not one of the loop's", ArgumentError);
  // Who reads them all the same does not get a zero.
  CHECK(h.learning_rates.shape() == Shape{});
  CHECK(std::isnan(h.learning_rates[0]));
  CHECK(std::isnan(h.theta0[0]));
  CHECK_THROWS_AS(h.rule["momentum"], ArgumentError);
  CHECK(h.state0.slot.empty());
}

TEST_CASE("implicit: hyperparameters of the rule alone are among these") {
  InnerLoop<double> loop = Ridge().loop;  // its penalty is now what scales the steps
  const auto loss = [](Var<double> theta, Data data) { return RidgeLoss()(theta, data[0], data[1], theta); };
  const auto step = [](Var<double> theta, auto, Var<double> g, Var<double> rate, Var<double> phi) {
    return optim::Stepped<double>{theta - scale(rate * phi.slice(0, Shape{}), g), {}};
  };
  loop.rule = optim::CustomRule{0, step};
  Implicit<double> implicit(loss, {.damping = 1, .stationarity = infinity});
  const auto& h = implicit(loop, [](Var<double> theta) { return sum(square(theta - 1.0)); });
  CHECK(std::isnan(h.hyperparameters[0]));
  check_error<ArgumentError>([&] { implicit.derivative(loop, loop.hyperparameters); },
                             {"no derivative with respect to hyperparameters"});
  CHECK(implicit.derivative(loop, loop.x[0]).shape() == loop.x[0].shape());
}

TEST_CASE("implicit: refuses what did not converge") {
  const InnerLoop<double> loop = distance_loop();
  const Tensor<double> theta = minimum(loop);
  const auto refuses = [&](LinearSolver solver, double damping, std::initializer_list<std::string_view> words) {
    Small implicit(DistancePenaltyLoss(), {.solver = solver, .damping = damping});
    check_error<DivergenceError>([&] { implicit.at(loop, theta, weighted_square); }, words);
    CHECK(implicit.residual() > 1e-6);
  };
  refuses(ConjugateGradient{.tolerance = 1e-10, .max_iterations = 3}, 0,
          {"conjugate gradients left a relative residual", "3 iterations", "1e-10", "damping"});
  refuses(NeumannSeries{.step = 0.1, .max_terms = 4}, 0, {"the Neumann series left", "4 iterations", "terms"});
  refuses(NeumannSeries{.step = 10}, 0, {"the Neumann series diverges", "its step 10"});
  refuses(FixedPoint{.max_iterations = 5}, 0, {"the fixed-point iteration left", "5 iterations"});
  refuses(Nystrom{.rank = 2}, 0.001, {"the Nystrom method left a relative residual", "2 iterations", "rank"});

  InnerLoop<double> wild = loop;
  wild.learning_rates.fill(30);
  Small fixed_point(DistancePenaltyLoss(), {.solver = FixedPoint{}});
  check_error<DivergenceError>([&] { fixed_point.at(wild, theta, weighted_square); },
                               {"the fixed-point iteration diverges", "learning rates"});
  // Rounding ends what asks for too much.
  Small exact(DistancePenaltyLoss(), {.solver = ConjugateGradient{.tolerance = 1e-30}});
  check_error<DivergenceError>([&] { exact.at(loop, theta, weighted_square); },
                               {"relative residual", "above the tolerance"});
  CHECK(exact.residual() <= 1e-14);
  CHECK(exact.iterations() < 500);
  // The same object serves the next call.
  CHECK(error_of(fixed_point.at(loop, theta, weighted_square),
                 {dense(loop, theta, 0)[0], dense(loop, theta, 0)[1], dense(loop, theta, 0).back()}) <= 1e-4);
}

/// sum of c_i theta_i^2 / 2, c = x: curvatures as given.
struct Curvatures {
  Var<double> operator()(Var<double> theta, Data data) const { return 0.5 * dot(data[0], square(theta)); }
};

TEST_CASE("implicit: refuses negative curvature, which a damping may outweigh") {
  InnerLoop<double> loop;
  loop.theta0 = Tensor<double>(Shape{3});
  loop.extra = {{Tensor<double>({3}, {2, -0.5, 1})}};
  loop.learning_rates = Tensor<double>(Shape{1, 1}, 0.1);
  const Tensor<double> theta({3});  // stationary
  const auto tilted = [](Var<double> t) { return sum(t); };
  const auto call = [&](LinearSolver solver, double damping) {
    Implicit<double> implicit(Curvatures(), {.solver = solver, .damping = damping});
    implicit.at(loop, theta, tilted);
  };
  check_error<DivergenceError>([&] { call(ConjugateGradient{}, 0); },
                               {"conjugate gradients met the curvature -", "not a minimum", "raise the damping"});
  check_error<DivergenceError>([&] { call(Nystrom{.rank = 3}, 0.25); },
                               {"the Nystrom method met the curvature -0.25", "raise the damping by more than 0.25"});
  check_error<DivergenceError>([&] { call(NeumannSeries{.step = 0.5}, 0); }, {"the Neumann series diverges"});
  check_error<DivergenceError>([&] { call(FixedPoint{}, 0); }, {"the fixed-point iteration diverges"});
  CHECK_NOTHROW(call(ConjugateGradient{}, 0.75));
  // Where the Hessian is singular, and v within its range, the answer is the one of smallest norm.
  loop.extra = {{Tensor<double>({3}, {2, 0, 1})}};
  const auto within = [](Var<double> t) { return t.slice(0, Shape{}) + t.slice(2, Shape{}); };
  CHECK_THROWS_AS(call(ConjugateGradient{}, 0), DivergenceError);
  Implicit<double> implicit(Curvatures(), {.differentiate = everything});
  CHECK_NOTHROW(implicit.at(loop, theta, within));
  Implicit<double> nystrom(Curvatures(), {.solver = Nystrom{.rank = 3}, .damping = 1e-3});
  CHECK_NOTHROW(nystrom.at(loop, theta, within));
  CHECK(nystrom.residual() <= 1e-12);
}

TEST_CASE("implicit: refuses a point that is not stationary, and values that are not finite") {
  const Ridge ridge;
  Implicit<double> implicit(RidgeLoss(), {});
  Tensor<double> theta = ridge.theta;
  for (double& value : theta.values()) value *= 1.2;
  check_error<DivergenceError>([&] { implicit.at(ridge.loop, theta, ridge.outer()); },
                               {"the point is not stationary", "ImplicitOptions::stationarity allows 0.05"});
  // g = H (theta - theta*), and theta is 1.2 theta*.
  CHECK(std::abs(implicit.relative_gradient() - 0.2 / 1.2) <= 1e-13);
  CHECK_THROWS_AS(implicit(ridge.loop, ridge.outer()), DivergenceError);  // one step of training is not enough
  CHECK_NOTHROW(Implicit<double>(RidgeLoss(), {.stationarity = infinity}).at(ridge.loop, theta, ridge.outer()));

  theta[2] = std::numeric_limits<double>::quiet_NaN();
  check_error<DivergenceError>([&] { implicit.at(ridge.loop, theta, ridge.outer()); }, {"not finite"});
  InnerLoop<double> loop = ridge.loop;
  loop.x[0][3] = std::numeric_limits<double>::quiet_NaN();
  check_error<DivergenceError>([&] { implicit.at(loop, ridge.theta, ridge.outer()); }, {"inner loss is NaN", "step 0"});
  const auto nan = [](Var<double> t) { return sum(t) * std::numeric_limits<double>::quiet_NaN(); };
  check_error<DivergenceError>([&] { implicit.at(ridge.loop, ridge.theta, nan); }, {"outer loss is NaN"});
  // A gradient that is finite where its derivative is not: |theta|^1.5 at 0.
  const auto kink = [](Var<double> t, Data) { return sum(sqrt(square(t) * sqrt(square(t)))) * 0.0; };
  InnerLoop<double> flat;
  flat.theta0 = Tensor<double>(Shape{2});
  flat.learning_rates = Tensor<double>(Shape{1, 1}, 0.1);
  Implicit<double> kinked(kink, {.stationarity = infinity});
  CHECK_THROWS_AS(kinked.at(flat, flat.theta0, [](Var<double> t) { return sum(t); }), DivergenceError);
}

TEST_CASE("implicit: refuses options, points and losses that do not fit") {
  const auto refuses = [](ImplicitOptions options, std::initializer_list<std::string_view> words) {
    check_error<ArgumentError>([&] { Implicit<double>(RidgeLoss(), options); }, words);
  };
  refuses({.damping = -1}, {"damping", "-1"});
  refuses({.damping = infinity}, {"damping", "inf"});
  refuses({.stationarity = 0}, {"stationarity", "0"});
  refuses({.solver = ConjugateGradient{.tolerance = 0}}, {"ConjugateGradient", "tolerance"});
  refuses({.solver = ConjugateGradient{.max_iterations = 0}}, {"ConjugateGradient", "iteration"});
  refuses({.solver = NeumannSeries{}}, {"NeumannSeries", "step"});
  refuses({.solver = FixedPoint{.tolerance = -1}}, {"FixedPoint", "tolerance"});
  refuses({.solver = Nystrom{}}, {"Nystrom", "damping"});
  refuses({.solver = Nystrom{.rank = 0}, .damping = 1}, {"Nystrom"});
  const Ridge ridge;
  Implicit<double> nystrom(RidgeLoss(), {.solver = Nystrom{.rank = 6}, .damping = 1});
  check_error<ArgumentError>([&] { nystrom.at(ridge.loop, ridge.theta, ridge.outer()); }, {"rank 6", "5 weights"});
  Implicit<double> implicit(RidgeLoss(), {});
  CHECK_THROWS_AS(implicit.at(ridge.loop, Tensor<double>(Shape{4}), ridge.outer()), ShapeError);
  InnerLoop<double> without = ridge.loop;
  without.hyperparameters = Tensor<double>();
  check_error<ArgumentError>([&] { implicit.at(without, ridge.theta, ridge.outer()); }, {"takes hyperparameters"});
}

TEST_CASE("implicit: the same bits for every number of threads, and for blocks the same values") {
  const InnerLoop<double> loop = distance_loop();
  const Tensor<double> theta = minimum(loop);
  for (const LinearSolver solver : {LinearSolver(ConjugateGradient{}), LinearSolver(NeumannSeries{.step = 0.05}),
                                    LinearSolver(FixedPoint{}), LinearSolver(Nystrom{.rank = 43})}) {
    ImplicitOptions options{.differentiate = everything, .solver = solver, .damping = 0.1};
    const auto call = [&](int threads) -> Hypergradient<double> {
      return Small(DistancePenaltyLoss(), options, WorkerTeam(threads)).at(loop, theta, weighted_square);
    };
    const Hypergradient<double> at_once = call(1);
    options.samples_per_block = 2;
    const Hypergradient<double> expected = call(1);
    for (const int threads : {2, 3}) {
      const Hypergradient<double> h = call(threads);
      for_each_input([](const InputName&, const Tensor<double>& a, const Tensor<double>& b) { CHECK(equal(a, b)); }, h,
                     expected);
    }
    for_each_input([](const InputName&, const Tensor<double>& a,
                      const Tensor<double>& b) { CHECK(relative_error(a, b) <= 1e-12); },
                   expected, at_once);
  }
}

TEST_CASE("implicit: a thousand calls take no more memory than a few; single precision") {
  const InnerLoop<double> loop = distance_loop(1);
  const Tensor<double> theta = minimum(distance_loop());
  for (const LinearSolver solver :
       {LinearSolver(ConjugateGradient{}), LinearSolver(Nystrom{.rank = 3, .tolerance = 10})}) {
    Small implicit(DistancePenaltyLoss(), {.solver = solver, .damping = 0.1});
    const Tensor<double> first = implicit.at(loop, theta, weighted_square).hyperparameters;
    implicit.at(loop, theta, weighted_square);
    const std::size_t bytes = implicit.reserved_bytes();
    CHECK(bytes > static_cast<std::size_t>(theta.size()) * 4 * sizeof(double));
    for (int call = 0; call < 1000; ++call) implicit.at(loop, theta, weighted_square);
    CHECK(implicit.reserved_bytes() == bytes);
    CHECK(equal(implicit.at(loop, theta, weighted_square).hyperparameters, first));
  }
  InnerLoop<float> single = small_loop<float>(1, 1);
  single.learning_rates = Tensor<float>(Shape{1000, 1}, 0.1F);
  single.hyperparameters = Tensor<float>({1}, {0.03F});
  const auto loss = []<class T>(Var<T> t, Var<T> x, Var<T> y, Var<T> phi) {
    return SmallLoss()(t, x, y) + phi.slice(0, Shape{}) * dot(t, t);
  };
  const auto h = implicit_hypergradient(single, loss, [](Var<float> t) { return sum(square(t)); }, {.damping = 0.05});
  InnerLoop<double> same;
  same.theta0 = cast<double>(single.theta0);
  same.x = {cast<double>(single.x[0])};
  same.y = {cast<double>(single.y[0])};
  same.learning_rates = cast<double>(single.learning_rates);
  same.hyperparameters = cast<double>(single.hyperparameters);
  Implicit<double> exact(loss, {.solver = ConjugateGradient{.tolerance = 1e-12}, .damping = 0.05});
  const auto& expected = exact.at(same, cast<double>(h.theta_T), [](Var<double> t) { return sum(square(t)); });
  CHECK(relative_error(h.x[0], expected.x[0]) <= 1e-5);
  CHECK(relative_error(h.hyperparameters, expected.hyperparameters) <= 1e-5);
}

}  // namespace
}  // namespace hypertape::testing
