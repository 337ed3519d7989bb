#include "hypertape/autodiff/operation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// sqrt(a^2 + b^2), elementwise: an operation as a user would write it.
template <class T>
struct Hypotenuse final : Operation<T> {
  const char* name() const override { return "hypotenuse"; }
  void evaluate(const Evaluation<T>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) {
      call.output()[i] = std::hypot(call.input(0)[i], call.input(1)[i]);
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    Var<T> total;
    for (int i = 0; i < 2; ++i) {
      if (!call.tangent(i)) continue;
      const Var<T> term = call.input(i) / call.output() * call.tangent(i);
      total = total ? total + term : term;
    }
    return total;
  }
  void pullback(PullbackSweep<T>& call) const override {
    for (int i = 0; i < 2; ++i) {
      if (call.needs(i)) call.add(i, call.input(i) / call.output() * call.adjoint());
    }
  }
};

Var<double> hypotenuse(Var<double> a, Var<double> b) { return a.tape().apply(Hypotenuse<double>(), a.shape(), {a, b}); }

/// The sum over k of x (n, k), with derivatives of the wrong shapes.
template <class T>
struct Misshapen final : Operation<T> {
  const char* name() const override { return "misshapen"; }
  void evaluate(const Evaluation<T>& call) const override {
    std::fill_n(call.output(), call.output_shape().size(), T(0));
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return call.tangent(0); }
  void pullback(PullbackSweep<T>& call) const override { call.add(0, call.adjoint()); }
};

}  // namespace

TEST_CASE("Operation: a user's own works to second order") {
  const Tensor<double> a = random_tensor<double>({3, 2}, 1), b = random_tensor<double>({3, 2}, 2);
  check_values(evaluate([](auto x) { return hypotenuse(x[0], x[1]); }, std::vector{a, b}),
               [&](Index i) { return std::sqrt(a[i] * a[i] + b[i] * b[i]); });
  check_operation([](auto x) { return hypotenuse(x[0], x[1]); }, {a, b});
  check_operation([](auto x) { return hypotenuse(x[0], x[0] * x[0]); }, {a});
}

TEST_CASE("Operation: one input may be a constant") {
  const Tensor<double> a = random_tensor<double>({3}, 1);
  check_operation([](auto x) { return hypotenuse(x[0].tape().full({3}, 2), x[0]); }, {a});
  check_operation([](auto x) { return hypotenuse(x[0], x[0].tape().full({3}, 2)); }, {a});
}

TEST_CASE("Operation: derivatives cannot read an output whose memory is the caller's") {
  Tape<double> tape;
  std::array<double, 3> memory{};
  const Var<double> a = tape.leaf(random_tensor<double>({3}, 1)), b = tape.leaf(random_tensor<double>({3}, 2));
  const std::array inputs = {a, b};
  const Var<double> y = tape.apply(Hypotenuse<double>(), {3}, inputs, memory.data());
  CHECK(memory[2] == y.data()[2]);
  const char* expected = "hypotenuse: an operation whose derivatives read its output cannot ask for a place";
  CHECK_THROWS_WITH_AS(gradient(sum(y), a), expected, ArgumentError);
  CHECK_THROWS_WITH_AS(jvp(y, a, b), expected, ArgumentError);
}

TEST_CASE("Operation: derivatives of the wrong shape are an error") {
  Tape<double> tape;
  const Tensor<double> values = random_tensor<double>({2, 3}, 1);
  const Var<double> x = tape.leaf(values), y = tape.apply(Misshapen<double>(), {2}, {x});
  CHECK_THROWS_WITH_AS(gradient(sum(y), x),
                       "misshapen: the pullback adds (2) to the adjoint of input 0, which is (2, 3)", ShapeError);
  CHECK_THROWS_WITH_AS(jvp(y, x, x), "misshapen: the tangent is (2, 3), the output (2)", ShapeError);
  const auto f = [](auto inputs) { return inputs[0].tape().apply(Misshapen<double>(), {2}, {inputs[0]}); };
  CHECK_THROWS_AS(check_gradient<double>(f, {values}), ShapeError);
}
