#include "hypertape/unroll/unroll.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <span>

#include "hypertape/autodiff/check_gradient.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/optim/norm_clip.hpp"
#include "hypertape/optim/weight_decay.hpp"
#include "hypertape/unroll/check_hypergradient.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

Var<double> outer_loss(Var<double> theta) {
  Tape<double>& tape = theta.tape();
  return SmallLoss()(theta, tape.leaf(random_tensor<double>(Shape::batch(7, 4), 50)),
                     tape.leaf(positive_tensor<double>(Shape::batch(7, 3), 51)));
}

/// L(theta_T) by the loop as the equations have it, with no unrolling machinery, from step `first` on, where theta is
/// the loop's theta0 and the velocity is given; at the end it holds the final velocity.
double trained_loss(const InnerLoop<double>& loop, Index first, Tensor<double>& velocity, Tensor<double>& theta) {
  theta = loop.theta0;
  const double momentum = loop.rule->slot_count() > 0 ? loop.rule["momentum"] : 0;
  for (Index t = first; t < loop.range().end; ++t) {
    const auto s = static_cast<std::size_t>(t % loop.steps());
    Tape<double> tape;
    const Var<double> leaf = tape.leaf(theta);
    const Tensor<double> g = gradient(SmallLoss()(leaf, tape.leaf(loop.x[s]), tape.leaf(loop.y[s])), leaf).value();
    for (Index i = 0; i < theta.size(); ++i) {
      velocity[i] = momentum * velocity[i] + g[i];
      theta[i] -= loop.learning_rates[t] * velocity[i];
    }
  }
  Tape<double> tape;
  return outer_loss(tape.leaf(theta)).item();
}
double trained_loss(const InnerLoop<double>& loop) {
  Tensor<double> velocity(loop.theta0.shape()), theta;
  return trained_loss(loop, 0, velocity, theta);
}

/// Central differences of `loss(loop)` in every element of a part of the loop.
template <class Loss>
Tensor<double> differences(InnerLoop<double>& loop, std::span<double> part, const Shape& shape, const Loss& loss) {
  Tensor<double> out(shape);
  const double step = std::cbrt(std::numeric_limits<double>::epsilon());
  for (std::size_t i = 0; i < part.size(); ++i) {
    const double value = part[i];
    part[i] = value + step;
    const double above = loss(loop);
    part[i] = value - step;
    out[static_cast<Index>(i)] = (above - loss(loop)) / (2 * step);
    part[i] = value;
  }
  return out;
}

/// Every part of a hypergradient by central differences of `loss(loop)`.
template <class Loss>
Hypergradient<double> differences(InnerLoop<double> loop, const Loss& loss) {
  const auto of = [&](Tensor<double>& part) { return differences(loop, part.values(), part.shape(), loss); };
  Hypergradient<double> out;
  out.theta0 = of(loop.theta0);
  out.learning_rates = of(loop.learning_rates);
  for (Tensor<double>& x : loop.x) out.x.push_back(of(x));
  for (Tensor<double>& y : loop.y) out.y.push_back(of(y));
  out.rule = loop.rule;
  if (loop.rule->slot_count() > 0) out.rule.coefficients = of(loop.rule.coefficients);  // also below 0
  return out;
}

/// The sum of the relative errors of all parts; NaN if one is.
template <class T>
double distance(const Hypergradient<T>& a, const Hypergradient<T>& b) {
  double sum = relative_error(a.theta0, b.theta0) + relative_error(a.learning_rates, b.learning_rates) +
               relative_error(a.rule.coefficients, b.rule.coefficients);
  for (std::size_t s = 0; s < b.x.size(); ++s) sum += relative_error(a.x.at(s), b.x.at(s));
  for (std::size_t s = 0; s < b.y.size(); ++s) sum += relative_error(a.y.at(s), b.y.at(s));
  return sum;
}

InnerLoop<double> small_loop_with(double momentum, Index steps, Index epochs, Index samples = 6) {
  InnerLoop<double> loop = small_loop<double>(steps, epochs, samples);
  loop.rule = optim::HeavyBall{.momentum = momentum};
  return loop;
}

UnrollOptions all_derivatives(SecondDerivative second = SecondDerivative::forward_over_reverse,
                              Schedule schedule = Schedule::store_all()) {
  UnrollOptions options;
  options.second_derivative = second;
  options.schedule = schedule;
  options.differentiate.y = true;
  return options;
}

TEST_CASE("hypergradient: central differences through the whole unroll") {
  // Steps x epochs, T = 1, 2, 5, 4 and 6.
  for (const Shape& size : {Shape{1, 1}, Shape{1, 2}, Shape{5, 1}, Shape{2, 2}, Shape{3, 2}}) {
    for (const double momentum : {0.0, 0.5, 0.9}) {
      const Index steps = size[0], epochs = size[1];
      CAPTURE(steps);
      CAPTURE(epochs);
      CAPTURE(momentum);
      constexpr double tolerance = 1e-6;  // differences err by about step^2 = 4e-11 times higher derivatives
      const InnerLoop<double> loop = small_loop_with(momentum, steps, epochs);
      const auto h = hypergradient(loop, SmallLoss(), outer_loss, all_derivatives());
      CHECK(std::abs(h.outer_loss - trained_loss(loop)) <= 1e-13 * h.outer_loss);
      CHECK(distance(h, differences(loop, [](const auto& l) { return trained_loss(l); })) <= tolerance);
      CHECK((h.rule["momentum"] == 0) == (loop.length() == 1));  // a single step starts from a velocity of 0
    }
  }
}

TEST_CASE("hypergradient: both second derivatives agree to rounding") {
  for (const double momentum : {0.0, 0.9}) {
    const InnerLoop<double> loop = small_loop_with(momentum, 3, 2);
    const auto expected = hypergradient(loop, SmallLoss(), outer_loss, all_derivatives());
    const auto h =
        hypergradient(loop, SmallLoss(), outer_loss, all_derivatives(SecondDerivative::reverse_over_reverse));
    CHECK(distance(h, expected) <= 1e-12);
  }
}

void check_schedules(const InnerLoop<double>& loop, SecondDerivative second) {
  const auto expected = hypergradient(loop, SmallLoss(), outer_loss, all_derivatives(second));
  std::vector<Schedule> schedules{Schedule::recompute(), Schedule::memory_budget(std::size_t{1} << 30)};
  for (const Index interval : {0, 1, 2, 5, 11, 12, 100}) schedules.push_back(Schedule::every(interval));  // of 12 steps
  for (const Index checkpoints : {1, 2, 3, 12}) schedules.push_back(Schedule::binomial(checkpoints));
  for (const Schedule& schedule : schedules) {
    CAPTURE(schedule);
    CHECK(distance(hypergradient(loop, SmallLoss(), outer_loss, all_derivatives(second, schedule)), expected) <= 0);
  }
}

TEST_CASE("hypergradient: every schedule gives the same bits") {
  for (const double momentum : {0.0, 0.9}) {
    for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
      check_schedules(small_loop_with(momentum, 3, 4), second);
    }
  }
}

TEST_CASE("hypergradient: a window counts only the last steps") {
  const InnerLoop<double> loop = small_loop<double>(3, 2);
  for (const Index window : {1, 2, 4}) {
    for (const auto memory : {Schedule::store_all(), Schedule::recompute(), Schedule::every(), Schedule::binomial(2)}) {
      CAPTURE(window);
      // The last steps alone, from the weights that the first ones reach.
      InnerLoop<double> first = loop, last = loop;
      const Index start = loop.length() - window;
      last.x.clear();
      last.y.clear();
      first.x.clear();
      first.y.clear();
      first.learning_rates = Tensor<double>(Shape{1, start});
      last.learning_rates = Tensor<double>(Shape{1, window});
      for (Index t = 0; t < loop.length(); ++t) {
        InnerLoop<double>& part = t < start ? first : last;
        part.x.push_back(loop.x[static_cast<std::size_t>(t % 3)]);
        part.y.push_back(loop.y[static_cast<std::size_t>(t % 3)]);
        part.learning_rates[t < start ? t : t - start] = loop.learning_rates[t];
      }
      last.theta0 = Unroll<double>(SmallLoss()).train(first);
      const auto expected = hypergradient(last, SmallLoss(), outer_loss, all_derivatives());

      UnrollOptions options = all_derivatives(SecondDerivative::forward_over_reverse, memory);
      options.window = window;
      const auto h = hypergradient(loop, SmallLoss(), outer_loss, options);
      CHECK(equal(h.theta_T, expected.theta_T));
      CHECK(equal(h.theta0, expected.theta0));
      std::vector<Tensor<double>> dx(3, Tensor<double>(loop.x[0].shape())), dy(3, Tensor<double>(loop.y[0].shape()));
      for (Index t = loop.length() - 1; t >= 0; --t) {
        const auto s = static_cast<std::size_t>(t % 3);
        CHECK(h.learning_rates[t] == (t < start ? 0.0 : expected.learning_rates[t - start]));
        if (t < start) continue;
        const auto from = static_cast<std::size_t>(t - start);
        for (Index i = 0; i < dx[s].size(); ++i) dx[s][i] += expected.x[from][i];
        for (Index i = 0; i < dy[s].size(); ++i) dy[s][i] += expected.y[from][i];
      }
      for (std::size_t s = 0; s < 3; ++s) {
        CHECK(relative_error(h.x[s], dx[s]) <= 1e-15);
        CHECK(relative_error(h.y[s], dy[s]) <= 1e-15);
      }
    }
  }
}

TEST_CASE("hypergradient: a window counts the velocity at its start as given") {
  const InnerLoop<double> loop = small_loop_with(0.9, 3, 2);
  for (const Index window : {1, 2, 4}) {
    for (const auto memory : {Schedule::store_all(), Schedule::recompute(), Schedule::every(), Schedule::binomial(2)}) {
      CAPTURE(window);
      const Index start = loop.length() - window;
      InnerLoop<double> first = loop, last = loop;
      first.max_steps = start;
      Tensor<double> velocity(loop.theta0.shape());
      trained_loss(first, 0, velocity, last.theta0);
      auto expected = differences(last, [&](const InnerLoop<double>& l) {
        Tensor<double> from = velocity, theta;
        return trained_loss(l, start, from, theta);
      });
      UnrollOptions options = all_derivatives(SecondDerivative::forward_over_reverse, memory);
      options.window = window;
      const auto h = hypergradient(loop, SmallLoss(), outer_loss, options);
      CHECK(distance(h, expected) <= 1e-6);
    }
  }
}

TEST_CASE("hypergradient: a loop that stops early is a shorter loop") {
  for (const double momentum : {0.0, 0.9}) {
    for (const Index window : {0, 2}) {
      for (const auto memory :
           {Schedule::store_all(), Schedule::recompute(), Schedule::every(), Schedule::binomial(2)}) {
        UnrollOptions options = all_derivatives(SecondDerivative::forward_over_reverse, memory);
        options.window = window;
        Unroll<double> unroll(SmallLoss(), options);
        const auto outer = [](const Tensor<double>& theta, Tensor<double>& gradient_out) {
          gradient_out = theta;
          return 1.0;
        };
        InnerLoop<double> loop = small_loop_with(momentum, 3, 3);
        for (const Index stop : {1, 2, 3, 6, 9}) {
          CAPTURE(stop);
          loop.max_steps = stop;
          // The shorter loop has only the images that are used.
          InnerLoop<double> shorter = loop;
          shorter.max_steps = 0;
          shorter.x.resize(static_cast<std::size_t>(std::min<Index>(stop, 3)));
          shorter.y.resize(shorter.x.size());
          const auto steps = static_cast<Index>(shorter.x.size());
          shorter.learning_rates = Tensor<double>(Shape{stop / steps, steps},
                                                  loop.learning_rates.values().first(static_cast<std::size_t>(stop)));
          Hypergradient<double> expected = unroll(shorter, outer);
          CHECK(equal(unroll.train(loop), expected.theta_T));
          const Hypergradient<double>& h = unroll(loop, outer);
          CHECK(equal(h.theta_T, expected.theta_T));
          CHECK(equal(h.theta0, expected.theta0));
          CHECK(equal(h.rule.coefficients, expected.rule.coefficients));
          for (Index t = 0; t < loop.length(); ++t) {
            CHECK(h.learning_rates[t] == (t < stop ? expected.learning_rates[t] : 0.0));
          }
          for (std::size_t s = 0; s < 3; ++s) {
            const bool used = s < shorter.x.size();
            CHECK(equal(h.x[s], used ? expected.x[s] : Tensor<double>(loop.x[s].shape())));
            CHECK(equal(h.y[s], used ? expected.y[s] : Tensor<double>(loop.y[s].shape())));
          }
        }
      }
    }
  }
}

TEST_CASE("hypergradient: central differences through a loop that stops within an epoch") {
  InnerLoop<double> loop = small_loop_with(0.5, 3, 2);
  loop.max_steps = 4;
  const auto h = hypergradient(loop, SmallLoss(), outer_loss, all_derivatives());
  CHECK(std::abs(h.outer_loss - trained_loss(loop)) <= 1e-13 * h.outer_loss);
  CHECK(distance(h, differences(loop, [](const auto& l) { return trained_loss(l); })) <= 1e-6);
}

TEST_CASE("hypergradient: a window longer than the loop is the whole loop") {
  const InnerLoop<double> loop = small_loop<double>(2, 1);
  UnrollOptions options = all_derivatives();
  options.window = 7;
  CHECK(distance(hypergradient(loop, SmallLoss(), outer_loss, options),
                 hypergradient(loop, SmallLoss(), outer_loss, all_derivatives())) <= 0);
}

TEST_CASE("hypergradient: a negative window is refused") {
  UnrollOptions options;
  options.window = -1;
  CHECK_THROWS_WITH_AS((Unroll<double>(SmallLoss(), options)), "UnrollOptions: the window cannot be -1 steps",
                       ArgumentError);
}

/// The sum of squares, for whatever theta.
constexpr auto simple_outer = [](const Tensor<double>& theta, Tensor<double>& gradient_out) {
  gradient_out = theta;
  return kernels::dot(theta.size(), theta.data(), theta.data()) / 2;
};

TEST_CASE("hypergradient: memory is what was predicted, and grows with the root of T for checkpoints") {
  constexpr double unit = 1 << 20;  // in which an arena reserves memory
  const auto bytes = [&](Schedule schedule, Index epochs, Index samples_per_block = 0, double momentum = 0) {
    UnrollOptions options = all_derivatives(SecondDerivative::forward_over_reverse, schedule);
    options.samples_per_block = samples_per_block;
    Unroll<double> unroll(SmallLoss(), options);
    InnerLoop<double> loop = small_loop_with(momentum, 1, epochs, 1200);
    loop.learning_rates.fill(0.001);
    const auto predicted = static_cast<double>(unroll.predicted_bytes(loop));
    unroll(loop, simple_outer);
    const auto reserved = static_cast<double>(unroll.reserved_bytes());
    CHECK(std::abs(predicted - reserved) <= 0.01 * reserved);
    return reserved;
  };
  const double root4 = bytes(Schedule::every(), 16), root8 = bytes(Schedule::every(), 64);
  const double root12 = bytes(Schedule::every(), 144);
  CHECK(root8 - root4 > 1.5 * unit);  // four records more
  CHECK(std::abs((root12 - root8) - (root8 - root4)) <= 2 * unit);
  CHECK(bytes(Schedule::store_all(), 64) > 4 * root8);  // 64 records, not 8
  CHECK(bytes(Schedule::recompute(), 64) < root8);
  for (const Index samples_per_block : {600, 500, 77}) {
    for (const Index epochs : {1, 7, 30}) {
      for (const auto policy : {Schedule::store_all(), Schedule::recompute(), Schedule::every()}) {
        bytes(policy, epochs, samples_per_block, epochs == 7 ? 0.5 : 0);
      }
    }
  }
}

TEST_CASE("hypergradient: an object that is reused holds at most twice what its largest call needs") {
  const auto fresh_bytes = [](const InnerLoop<double>& loop, const UnrollOptions& options) {
    return static_cast<double>(Unroll<double>(SmallLoss(), options).predicted_bytes(loop));
  };
  Random random(1);
  for (const auto policy : {Schedule::store_all(), Schedule::every()}) {
    for (const Index samples_per_block : {0, 400}) {
      const UnrollOptions options{.schedule = policy, .samples_per_block = samples_per_block};
      Unroll<double> growing(SmallLoss(), options), mixed(SmallLoss(), options);
      double largest_growing = 0, largest_mixed = 0;
      for (Index call = 1; call <= 40; ++call) {
        InnerLoop<double> loop = small_loop<double>(1, 4, 50 * call);
        loop.learning_rates.fill(0.001);
        growing(loop, simple_outer);
        largest_growing = std::max(largest_growing, fresh_bytes(loop, options));
        CHECK(static_cast<double>(growing.reserved_bytes()) <= 2 * largest_growing);

        const auto draw = [&](double most) { return 1 + static_cast<Index>(random.uniform() * most); };
        loop = small_loop<double>(draw(3), draw(5), draw(1200));
        loop.learning_rates.fill(0.001);
        mixed(loop, simple_outer);
        largest_mixed = std::max(largest_mixed, fresh_bytes(loop, options));
        CHECK(static_cast<double>(mixed.reserved_bytes()) <= 2 * largest_mixed);
      }
    }
  }
}

TEST_CASE("hypergradient: the derivative with respect to a momentum of 0 is not 0") {
  // l = theta^2 / 2, so theta_1 = (1 - eta) theta_0 and theta_2 = (1 - eta) theta_1 - eta mu theta_0; L = theta_2.
  const InnerLoop<double> loop{Tensor<double>(Shape{1}, {3.0}),
                               {Tensor<double>(Shape{1, 1})},
                               {Tensor<double>(Shape{1, 1})},
                               Tensor<double>(Shape{2, 1}, 0.25),
                               optim::HeavyBall{.momentum = 0}};
  const auto inner = [](Var<double> theta, Var<double>, Var<double>) { return 0.5 * sum(square(theta)); };
  const auto outer = [](Var<double> theta) { return sum(theta); };
  const auto h = hypergradient(loop, inner, outer);
  CHECK(std::abs(h.rule["momentum"] - -0.25 * 3) <= 1e-15);
}

TEST_CASE("hypergradient: no derivative jumps where the momentum is 0") {
  const auto at = [](double momentum) {
    return hypergradient(small_loop_with(momentum, 3, 2), SmallLoss(), outer_loss, all_derivatives());
  };
  CHECK(distance(at(0), at(1e-300)) <= 1e-14);
}

TEST_CASE("hypergradient: velocities are kept only where they are needed, and predicted") {
  const nn::LeNet net;
  InnerLoop<float> loop;
  loop.theta0 = random_tensor<float>(Shape{net.parameters().size()}, 1);
  for (float& weight : loop.theta0.values()) weight *= 0.05F;
  loop.x.push_back(random_tensor<float>(Shape{1, 1, 28, 28}));
  loop.y.push_back(positive_tensor<float>(Shape{1, 10}));
  loop.learning_rates = Tensor<float>(Shape{25, 1}, 0.001F);
  const auto outer = [](const Tensor<float>& theta, Tensor<float>& gradient_out) {
    gradient_out = theta;
    return 1.0F;
  };
  for (const auto policy : {Schedule::store_all(), Schedule::recompute(), Schedule::every()}) {
    const UnrollOptions options{.differentiate = {.y = true}, .schedule = policy};
    const auto bytes = [&](const optim::Rule<float>& rule) {
      Unroll<float> unroll(nn::ClassificationLoss{&net}, options);
      loop.rule = rule;
      unroll(loop, outer);
      const auto reserved = static_cast<double>(unroll.reserved_bytes());
      CHECK(std::abs(static_cast<double>(unroll.predicted_bytes(loop)) - reserved) <= 0.01 * reserved);
      return reserved;
    };
    const double plain = bytes(optim::GradientDescent{}), with_momentum = bytes(optim::HeavyBall{});
    const double points = policy == Schedule::every() ? 10 : 26;
    const double theta_bytes = static_cast<double>(loop.theta0.size()) * sizeof(float);
    CHECK(std::abs(with_momentum - plain - (points + 4) * theta_bytes) <=
          0.01 * plain);  // and v_T, and dL/dv, dL/dv_0 and dL/dg
  }
}

TEST_CASE("hypergradient: a mean over blocks of samples is the mean over samples") {
  for (const double momentum : {0.0, 0.9}) {
    const InnerLoop<double> loop = small_loop_with(momentum, 2, 2, 7);
    const auto expected = hypergradient(loop, SmallLoss(), outer_loss, all_derivatives());
    for (const Index samples_per_block : {1, 2, 3, 100}) {
      UnrollOptions options = all_derivatives();
      options.samples_per_block = samples_per_block;
      CHECK(distance(hypergradient(loop, SmallLoss(), outer_loss, options), expected) <= 1e-12);
    }
  }
}

void check_thread_counts(const optim::Rule<float>& rule) {
  InnerLoop<float> loop = small_loop<float>(3, 2, 20);
  loop.rule = rule;
  const auto outer = [](const Tensor<float>& theta, Tensor<float>& gradient_out) {
    gradient_out = theta;
    return kernels::dot(theta.size(), theta.data(), theta.data()) / 2;
  };
  UnrollOptions options;
  options.samples_per_block = 3;
  Unroll<float> one(SmallLoss(), options, WorkerTeam(1));
  const Hypergradient<float> expected = one(loop, outer);
  for (const int threads : {1, 2, 5}) {
    Unroll<float> unroll(SmallLoss(), options, WorkerTeam(threads));
    for (int call = 0; call < 2; ++call) {
      const Hypergradient<float>& h = unroll(loop, outer);
      CHECK(equal(h.rule.coefficients, expected.rule.coefficients));
      CHECK(equal(h.theta0, expected.theta0));
      CHECK(equal(h.learning_rates, expected.learning_rates));
      for (std::size_t s = 0; s < loop.x.size(); ++s) CHECK(equal(h.x[s], expected.x[s]));
    }
  }
}

TEST_CASE("hypergradient: the same bits whatever the number of threads, and on every call") {
  check_thread_counts(optim::GradientDescent{});
  check_thread_counts(optim::HeavyBall{});
}

/// Half the sum of squares, whose Hessian is one.
struct SquaredNorm {
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T>, Var<T>) const {
    return T(0.5) * sum(square(theta));
  }
};

TEST_CASE("hypergradient: a long theta is shared out with the same bits") {
  InnerLoop<float> loop;
  loop.theta0 = random_tensor<float>(Shape{50001}, 1);
  loop.x.push_back(Tensor<float>(Shape{1, 1}));
  loop.y.push_back(Tensor<float>(Shape{1, 1}));
  loop.learning_rates = positive_tensor<float>(Shape{4, 1}, 2);
  loop.rule = optim::HeavyBall{.momentum = 0.9};
  const auto outer = [](const Tensor<float>& theta, Tensor<float>& gradient_out) {
    gradient_out = theta;
    return 1.0F;
  };
  Unroll<float> one(SquaredNorm{}), many(SquaredNorm(), {}, WorkerTeam(3));
  const Hypergradient<float>& h = many(loop, outer);
  CHECK(distance(h, one(loop, outer)) <= 0);
  CHECK(h.rule["momentum"] != 0);
}

TEST_CASE("hypergradient: an object is reused for loops of other sizes") {
  Unroll<double> unroll(SmallLoss(), all_derivatives());
  const auto outer = [](const Tensor<double>& theta, Tensor<double>& gradient_out) {
    gradient_out = theta;
    return 1.0;
  };
  for (const auto& [steps, samples] : {std::pair<Index, Index>{3, 8}, {1, 2}, {4, 5}}) {
    for (const double momentum : {0.5, 0.0}) {
      const InnerLoop<double> loop = small_loop_with(momentum, steps, 1, samples);
      Unroll<double> fresh(SmallLoss(), all_derivatives());
      CHECK(distance(unroll(loop, outer), fresh(loop, outer)) <= 0);
    }
  }
}

TEST_CASE("hypergradient: training alone gives the same weights") {
  for (const double momentum : {0.0, 0.9}) {
    const InnerLoop<double> loop = small_loop_with(momentum, 2, 3);
    Unroll<double> unroll{SmallLoss()};
    const Tensor<double> theta = unroll.train(loop);
    CHECK(equal(theta, hypergradient(loop, SmallLoss(), outer_loss).theta_T));
    CHECK(equal(unroll.train(loop), theta));
  }
}

TEST_CASE("hypergradient: a quadratic in closed form") {
  // l = |theta - x|^2 / 2, so theta_1 = theta - eta (theta - x); L = |theta_T|^2 / 2.
  InnerLoop<double> loop{Tensor<double>(Shape{1}, {3.0}),
                         {Tensor<double>(Shape{1, 1}, {1.0})},
                         {Tensor<double>(Shape{1, 1}, {0.0})},
                         Tensor<double>(Shape{2, 1}, {0.5, 0.25})};
  const auto inner = [](Var<double> theta, Var<double> x, Var<double>) {
    return 0.5 * sum(square(theta - reshape(x, Shape{1})));
  };
  const auto h = hypergradient(loop, inner, [](Var<double> theta) { return 0.5 * sum(square(theta)); });
  const double theta1 = 3 - 0.5 * 2, theta2 = theta1 - 0.25 * (theta1 - 1);
  CHECK(std::abs(h.theta_T[0] - theta2) <= 1e-15);
  CHECK(std::abs(h.theta0[0] - theta2 * 0.75 * 0.5) <= 1e-15);
  CHECK(std::abs(h.x[0][0] - theta2 * (0.25 + 0.75 * 0.5)) <= 1e-15);
  CHECK(std::abs(h.learning_rates[1] + theta2 * (theta1 - 1)) <= 1e-15);
  CHECK(std::abs(h.learning_rates[0] + theta2 * 0.75 * 2) <= 1e-15);
}

TEST_CASE("hypergradient: weights that end infinite are not returned") {
  InnerLoop<double> loop = small_loop<double>(1, 1);
  loop.learning_rates[0] = std::numeric_limits<double>::infinity();
  Unroll<double> unroll{SmallLoss()};
  CHECK_THROWS_WITH_AS(unroll.train(loop), "hypergradient: the weights are not finite after 1 inner steps",
                       DivergenceError);
  const auto blind = [](const Tensor<double>& theta, Tensor<double>& gradient_out) {  // its loss is finite
    gradient_out = theta;
    return 1.0;
  };
  CHECK_THROWS_WITH_AS(unroll(loop, blind), "hypergradient: the weights are not finite after 1 inner steps",
                       DivergenceError);
}

TEST_CASE("hypergradient: the inner losses are those at the weights before each step, however steps are kept") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  loop.max_steps = 3;
  for (const auto policy : {Schedule::store_all(), Schedule::recompute()}) {
    UnrollOptions options;
    options.schedule = policy;
    const auto h = hypergradient(loop, SmallLoss(), outer_loss, options);
    REQUIRE(h.inner_losses.shape() == Shape{2, 2});
    Tensor<double> theta = loop.theta0;
    for (Index t = 0; t < 3; ++t) {
      const auto s = static_cast<std::size_t>(t % 2);
      Tape<double> tape;
      const Var<double> weights = tape.leaf(theta);
      const Var<double> loss = SmallLoss()(weights, tape.leaf(loop.x[s]), tape.leaf(loop.y[s]));
      CHECK(std::abs(h.inner_losses[t] - loss.item()) <= 1e-14 * loss.item());
      const Tensor<double> g = gradient(loss, weights).value();
      for (Index i = 0; i < theta.size(); ++i) theta[i] -= loop.learning_rates[t] * g[i];
    }
    CHECK(h.inner_losses[3] == 0);
  }
}

TEST_CASE("hypergradient: derivatives that are not finite are not returned") {
  const InnerLoop<double> loop = small_loop<double>(1, 2);
  Unroll<double> unroll{SmallLoss()};
  const Tensor<double> end = unroll.train(loop);
  const auto distance = [&](Var<double> theta) {  // 0, where its derivative is 0 / 0
    const Var<double> difference = theta - theta.tape().leaf(end);
    return sqrt(dot(difference, difference));
  };
  CHECK_THROWS_WITH_AS(hypergradient(loop, SmallLoss(), distance),
                       "hypergradient: the gradient of the outer loss is not finite, or was not written",
                       DivergenceError);
}

TEST_CASE("hypergradient: the derivative that is not finite is named, whichever it is") {
  InnerLoop<double> loop{
      Tensor<double>({1}, {1}), {Tensor<double>({1})}, {Tensor<double>({1})}, Tensor<double>(Shape{1, 1}, 0.1)};
  loop.hyperparameters = Tensor<double>({1});
  const auto outer = [](Var<double> theta) { return sum(square(theta)); };
  const auto refuses = [&](const auto& inner, const char* by) {
    CHECK_THROWS_WITH_AS(hypergradient(loop, inner, outer, all_derivatives()), by, DivergenceError);
  };
  // sqrt has an infinite slope at 0; d/dtheta of theta sqrt(x) is sqrt(x).
  refuses([](auto theta, auto x, auto y, auto phi) { return sum(theta * sqrt(x) + y + phi); },
          "hypergradient: the derivative with respect to x of step 0 is not finite");
  refuses([](auto theta, auto x, auto y, auto phi) { return sum(theta * sqrt(y) + x + phi); },
          "hypergradient: the derivative with respect to y of step 0 is not finite");
  refuses([](auto theta, auto x, auto y, auto phi) { return sum(theta * sqrt(phi) + x + y); },
          "hypergradient: the derivative with respect to hyperparameters is not finite");
}

TEST_CASE("hypergradient: an outer loss finds room for its gradient") {
  const InnerLoop<double> loop = small_loop<double>(1, 2);
  Unroll<double> unroll(SmallLoss(), all_derivatives());
  const auto fills = [&](const Tensor<double>& theta, Tensor<double>& gradient_out) {
    REQUIRE(gradient_out.shape() == theta.shape());
    for (Index i = 0; i < theta.size(); ++i) gradient_out[i] = theta[i];
    return kernels::dot(theta.size(), theta.data(), theta.data()) / 2;
  };
  const Hypergradient<double> h = unroll(loop, fills);
  CHECK(distance(h, Unroll<double>(SmallLoss(), all_derivatives())(loop, simple_outer)) <= 0);
}

TEST_CASE("hypergradient: an outer loss that writes no gradient, or not all of it, does not get the last call's") {
  const InnerLoop<double> loop = small_loop<double>(1, 2);
  Unroll<double> unroll{SmallLoss()};
  unroll(loop, simple_outer);
  const char* error = "hypergradient: the gradient of the outer loss is not finite, or was not written";
  CHECK_THROWS_WITH_AS(unroll(loop, [](const Tensor<double>&, Tensor<double>&) { return 1.0; }), error,
                       DivergenceError);
  const auto forgets_one = [](const Tensor<double>&, Tensor<double>& gradient_out) {
    for (Index i = 1; i < gradient_out.size(); ++i) gradient_out[i] = 0;
    return 1.0;
  };
  CHECK_THROWS_WITH_AS(unroll(loop, forgets_one), error, DivergenceError);
}

TEST_CASE("hypergradient: an outer loss must write a gradient of theta's shape") {
  Unroll<double> unroll{SmallLoss()};
  const auto wrong = [](const Tensor<double>&, Tensor<double>& gradient_out) {
    gradient_out = Tensor<double>(Shape{1000});
    return 0.0;
  };
  CHECK_THROWS_AS(unroll(small_loop<double>(1, 1), wrong), ShapeError);
}

TEST_CASE("hypergradient: divergence names the inner step") {
  InnerLoop<double> loop = small_loop<double>(1, 3);
  loop.learning_rates[0] = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(hypergradient(loop, SmallLoss(), outer_loss),
                       "hypergradient: the inner loss is NaN at inner step 1", DivergenceError);
  loop = small_loop<double>(1, 3);
  CHECK_THROWS_WITH_AS(hypergradient(loop, SmallLoss(), [](Var<double> theta) { return sum(theta) * std::nan(""); }),
                       "hypergradient: the outer loss is NaN after 3 inner steps", DivergenceError);
}

TEST_CASE("hypergradient: training goes on from where it stopped, to the bit") {
  // Differences near 1 for beta2, or of the size of epsilon, would be rough.
  const std::vector<optim::Rule<double>> rules{optim::GradientDescent{}, optim::HeavyBall{},
                                               optim::Adam{.beta2 = 0.9, .epsilon = 0.01}};
  for (const optim::Rule<double>& rule : rules) {
    InnerLoop<double> loop = small_loop<double>(3, 3);
    loop.rule = rule;
    Unroll<double> unroll{SmallLoss()};
    const Tensor<double> expected = unroll.train(loop);
    const optim::State<double> end = unroll.state();
    for (const Index stop : {1, 4, 8}) {
      InnerLoop<double> first = loop, rest = loop;
      first.max_steps = stop;
      rest.theta0 = unroll.train(first);
      rest.state0 = unroll.state();
      rest.first_step = stop;
      CHECK(equal(unroll.train(rest), expected));
      CHECK(unroll.state().steps == 9);
      REQUIRE(unroll.state().slot.size() == end.slot.size());
      for (std::size_t i = 0; i < end.slot.size(); ++i) CHECK(equal(unroll.state().slot[i], end.slot[i]));
      // And so do the derivatives, those with respect to the state in the middle included. Means of squares are near
      // 1e-6 at first, so that differences with respect to them keep six digits.
      CHECK(check_hypergradient(rest, SmallLoss(), outer_loss).within(1e-5));
    }
  }
}

TEST_CASE("hypergradient: learning rates of groups of weights") {
  for (const optim::Rule<double>& rule :
       std::vector<optim::Rule<double>>{optim::GradientDescent{}, optim::HeavyBall{}, optim::Adam{}}) {
    InnerLoop<double> loop = small_loop<double>(2, 2);
    loop.rule = rule;
    const auto one = hypergradient(loop, SmallLoss(), outer_loss);
    const Tensor<double> rates = loop.learning_rates;
    loop.groups = {25, 10, 8};
    loop.learning_rates = Tensor<double>(Shape{2, 2, 3});
    for (Index i = 0; i < 12; ++i) loop.learning_rates[i] = rates[i / 3];
    const auto grouped = hypergradient(loop, SmallLoss(), outer_loss);
    CHECK(relative_error(grouped.theta0, one.theta0) <= 1e-14);
    for (Index t = 0; t < 4; ++t) {
      const double sum =
          grouped.learning_rates[3 * t] + grouped.learning_rates[3 * t + 1] + grouped.learning_rates[3 * t + 2];
      CHECK(std::abs(sum - one.learning_rates[t]) <= 1e-13 * std::abs(one.learning_rates[t]));
    }
    for (Index i = 0; i < 12; ++i) loop.learning_rates[i] *= 1 + 0.1 * static_cast<double>(i % 5);
    CHECK(check_hypergradient(loop, SmallLoss(), outer_loss).within(1e-6));
    CHECK(loop.rates(3).size() == 3);
  }
}

TEST_CASE("hypergradient: first order leaves out how gradients depend on weights") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  // With plain descent dL/dtheta_0 is then dL/dtheta_T, and d eta_t = - <dL/dtheta_T, g_t>.
  const UnrollOptions options{.differentiate = {.x = false}, .first_order = true};
  const auto h = hypergradient(loop, SmallLoss(), outer_loss, options);
  Tape<double> tape;
  const Var<double> end = tape.leaf(h.theta_T);
  const Tensor<double> at_end = gradient(outer_loss(end), end).value();
  CHECK(relative_error(h.theta0, at_end) <= 1e-14);
  Tensor<double> theta = loop.theta0;
  for (Index t = 0; t < 4; ++t) {
    const auto s = static_cast<std::size_t>(t % 2);
    const Var<double> leaf = tape.leaf(theta);
    const Tensor<double> g = gradient(SmallLoss()(leaf, tape.leaf(loop.x[s]), tape.leaf(loop.y[s])), leaf).value();
    CHECK(std::abs(h.learning_rates[t] + kernels::dot(g.size(), g.data(), at_end.data())) <= 1e-14);
    for (Index i = 0; i < theta.size(); ++i) theta[i] -= loop.learning_rates[t] * g[i];
  }
  // Data gets what its own step says: for the last step, that is all there is.
  InnerLoop<double> last = loop;
  last.learning_rates = Tensor<double>(Shape{1, 2}, loop.learning_rates.values().first(2));
  last.max_steps = 0;
  const UnrollOptions with_x{.first_order = true};
  CHECK(relative_error(hypergradient(last, SmallLoss(), outer_loss, with_x).x[1],
                       hypergradient(last, SmallLoss(), outer_loss).x[1]) <= 1e-14);
  // A heavy ball's own recursion stays.
  loop.rule = optim::HeavyBall{0.5};
  loop.max_steps = 2;
  const auto two = hypergradient(loop, SmallLoss(), outer_loss, options);
  for (Index i = 0; i < two.theta0.size(); ++i) CHECK(std::isfinite(two.theta0[i]));
  CHECK(two.rule["momentum"] != 0);
  for (const auto& schedule : {Schedule::recompute(), Schedule::every(), Schedule::binomial(1)}) {
    UnrollOptions other = options;
    other.schedule = schedule;
    CHECK(equal(hypergradient(loop, SmallLoss(), outer_loss, other).learning_rates, two.learning_rates));
    Unroll<double> unroll(SmallLoss(), other);
    unroll(loop, outer_loss);
    const auto reserved = static_cast<double>(unroll.reserved_bytes());
    CHECK(std::abs(static_cast<double>(unroll.predicted_bytes(loop)) - reserved) <= 0.05 * reserved);
  }
}

TEST_CASE("hypergradient: a budget of memory takes the fastest schedule that fits, or says what would") {
  const InnerLoop<double> loop = small_loop_with(0.9, 1, 64, 400);
  const auto bytes = [&](const Schedule& schedule) {
    return Unroll<double>(SmallLoss(), {.schedule = schedule}).predicted_bytes(loop);
  };
  const auto expected = hypergradient(loop, SmallLoss(), simple_outer);
  for (const Schedule& schedule :
       {Schedule::store_all(), Schedule::every(16), Schedule::every(), Schedule::binomial(3)}) {
    const std::size_t budget = bytes(schedule);
    Unroll<double> unroll(SmallLoss(), {.schedule = Schedule::memory_budget(budget)});
    CHECK(equal(unroll(loop, simple_outer).theta0, expected.theta0));
    CHECK(static_cast<double>(unroll.reserved_bytes()) <= 1.05 * static_cast<double>(budget));
    CHECK(unroll.predicted_bytes(loop) <= budget);
  }
  // A rule that keeps more has a schedule of its own.
  InnerLoop<double> plain = loop;
  plain.rule = optim::GradientDescent{};
  const std::size_t budget = Unroll<double>(SmallLoss()).predicted_bytes(plain);
  Unroll<double> changing(SmallLoss(), {.schedule = Schedule::memory_budget(budget)});
  changing(plain, simple_outer);
  CHECK(changing.predicted_bytes(plain) > changing.predicted_bytes(loop));
  changing(loop, simple_outer);
  Unroll<double> fresh(SmallLoss(), {.schedule = Schedule::memory_budget(budget)});
  fresh(loop, simple_outer);
  CHECK(static_cast<double>(fresh.reserved_bytes()) <= 1.05 * static_cast<double>(budget));
  CHECK(changing.reserved_bytes() >= fresh.reserved_bytes());

  // Also if training alone came between.
  Index calls = 0;
  const auto counting = [&](Var<double> theta, Var<double> x, Var<double> y) {
    ++calls;
    return SmallLoss()(theta, x, y);
  };
  const auto calls_of = [&](auto& unroll) {
    calls = 0;
    unroll(loop, simple_outer);
    return calls;
  };
  const UnrollOptions bounded{.schedule = Schedule::memory_budget(budget)};
  Unroll<double> trained(counting, bounded), anew(counting, bounded);
  trained(plain, simple_outer);
  trained.train(loop);
  CHECK(calls_of(trained) == calls_of(anew));

  Unroll<double> none(SmallLoss(), {.schedule = Schedule::memory_budget(1000)});
  CHECK_THROWS_WITH_AS(none(loop, simple_outer),
                       doctest::Contains("64 steps do not fit into 1000 bytes; the least is "), ArgumentError);
}

TEST_CASE("hypergradient: ten thousand calls take no more memory than ten") {
  InnerLoop<double> loop = small_loop<double>(2, 1, 2);
  loop.rule = optim::Adam{};
  Unroll<double> unroll{SmallLoss()};
  std::size_t before = 0;
  for (int call = 0; call < 10000; ++call) {
    unroll(loop, simple_outer);
    if (call == 10) before = unroll.reserved_bytes();
  }
  CHECK(unroll.reserved_bytes() == before);
}

TEST_CASE("hypergradient: predicted bytes over networks, rules and schedules") {
  const nn::LeNet lenet;
  InnerLoop<float> loop;
  loop.theta0 = random_tensor<float>(Shape{lenet.parameters().size()}, 1);
  for (float& weight : loop.theta0.values()) weight *= 0.05F;
  for (std::uint64_t s = 0; s < 3; ++s) {
    loop.x.push_back(random_tensor<float>(Shape::batch(4, 1, 28, 28), s));
    loop.y.push_back(positive_tensor<float>(Shape::batch(4, 10), s));
  }
  loop.learning_rates = Tensor<float>(Shape{4, 3}, 0.001F);
  const std::vector<optim::Rule<float>> rules{
      optim::GradientDescent{}, optim::HeavyBall{}, optim::Adam{},
      optim::ClippedByNorm{optim::WeightDecay{optim::GradientDescent{}, 0.1}, 1}};
  const nn::ClassificationLoss loss{&lenet};
  for (const optim::Rule<float>& rule : rules) {
    for (const Schedule& schedule :
         {Schedule::store_all(), Schedule::every(5), Schedule::recompute(), Schedule::binomial(3)}) {
      for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
        CAPTURE(rule->name());
        CAPTURE(schedule);
        loop.rule = rule;
        Unroll<float> unroll(loss, {.second_derivative = second, .schedule = schedule, .samples_per_block = 2});
        unroll(loop, [](const Tensor<float>& theta, Tensor<float>& gradient_out) {
          gradient_out = theta;
          return 1.0F;
        });
        const auto reserved = static_cast<double>(unroll.reserved_bytes());
        CHECK(std::abs(static_cast<double>(unroll.predicted_bytes(loop)) - reserved) <= 0.05 * reserved);
      }
    }
  }
}

}  // namespace
}  // namespace hypertape::testing
