#include "hypertape/autodiff/gradient.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("gradient: of a sum of squares is twice the argument", T, float, double) {
  Tape<T> tape;
  const Var<T> x = tape.leaf(whole_numbers<T>({3, 4}));
  CHECK(equal(gradient(sum(square(x)), x).value(), (x + x).value()));
}

TEST_CASE("gradient: derivatives of x^4 up to the fifth order") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(3);
  Var<double> y = x * x * x * x;
  for (const double expected : {108, 108, 72, 24, 0}) {
    y = gradient(y, x);
    CHECK(y.item() == expected);
  }
}

TEST_CASE("gradient: a variable that is used many times") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(2);
  CHECK(gradient(x * x + x * x * x + 5.0 * x, x).item() == 4 + 12 + 5);
  CHECK(gradient(x, x).item() == 1);
}

TEST_CASE("gradient: an argument that the loss does not use gets zeros") {
  Tape<double> tape;
  const Var<double> x = tape.full({2}, 1), unused = tape.full({3, 2}, 1), loss = sum(x);
  const Var<double> later = tape.full({2, 2}, 1);
  const auto g = gradient(loss, {unused, x, later});
  CHECK(equal(g[0].value(), Tensor<double>({3, 2})));
  CHECK(equal(g[1].value(), Tensor<double>({2}, 1.0)));
  CHECK(equal(g[2].value(), Tensor<double>({2, 2})));
  CHECK(equal(gradient(loss, later).value(), Tensor<double>({2, 2})));
}

TEST_CASE("gradient: an argument that is an intermediate result counts as independent") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(3), y = x * x, loss = x * y;
  CHECK(gradient(loss, y).item() == 3);
  const auto both = gradient(loss, {x, y});
  CHECK(both[0].item() == 9);  // y held constant
  CHECK(both[1].item() == 3);
  CHECK(gradient(loss, x).item() == 27);
}

TEST_CASE("gradient: an argument that is a slice or a reshape counts as independent of its whole") {
  Tape<double> tape;
  const Var<double> theta = tape.leaf(random_tensor<double>({8}, 1));
  const Var<double> w = reshape(theta.slice(0, {6}), {2, 3}), b = theta.slice(6, {2});
  CHECK(equal(gradient(sum(w * w), w).value(), (w + w).value()));
  const Var<double> v = tape.leaf(random_tensor<double>({2, 3}, 2));
  CHECK(equal(hvp(sum(w * w), w, v).value(), (v + v).value()));

  const Tensor<double> x(Shape::batch(4, 3), 1.0), fours({2, 3}, 4.0);
  const Var<double> rows = theta.slice(0, {2, 3}), loss = sum(linear(tape.leaf(x), rows, b));
  const auto both = gradient(loss, {theta, rows});
  CHECK(equal(both[1].value(), fours));
  CHECK(equal(both[0].value(), Tensor<double>({8}, {0, 0, 0, 0, 0, 0, 4, 4})));  // rows held constant
  CHECK(equal(gradient(loss, rows).value(), fours));
  CHECK(equal(gradient(loss, theta).value(), Tensor<double>({8}, 4.0)));
}

TEST_CASE("gradient: the loss must have one element") {
  Tape<double> tape;
  const Var<double> x = tape.full({2}, 1), single = tape.full({1, 1}, 2);
  CHECK_THROWS_WITH_AS(gradient(x, x), "gradient: the loss must be a scalar, its shape is (2)", ShapeError);
  CHECK(equal(gradient(square(single), single).value(), Tensor<double>({1, 1}, 4.0)));
}

TEST_CASE("vjp: the transposed Jacobian of several outputs") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({2}, {1, 2})), y = tape.leaf(Tensor<double>({2}, {3, 4}));
  const Var<double> outputs[] = {x * y, dot(x, x)};
  const Var<double> cotangents[] = {tape.leaf(Tensor<double>({2}, {10, 100})), tape.scalar(1000)};
  const Var<double> arguments[] = {x, y};
  Var<double> result[2];
  vjp<double>(outputs, cotangents, arguments, result);
  CHECK(equal(result[0].value(), Tensor<double>({2}, {3 * 10 + 2 * 1 * 1000, 4 * 100 + 2 * 2 * 1000})));
  CHECK(equal(result[1].value(), Tensor<double>({2}, {1 * 10, 2 * 100})));
}

TEST_CASE("vjp: one output twice, and an output that is an argument") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(3), y = x * x;
  const Var<double> outputs[] = {y, y, x};
  const Var<double> cotangents[] = {tape.scalar(1), tape.scalar(10), tape.scalar(100)};
  Var<double> result;
  vjp<double>(outputs, cotangents, std::span(&x, 1), std::span(&result, 1));
  CHECK(result.item() == 6 * 11 + 100);
}

TEST_CASE("vjp: errors") {
  Tape<double> tape, other;
  const Var<double> x = tape.full({2}, 1), y = square(x);
  Var<double> result;
  CHECK_THROWS_WITH_AS(vjp(y, tape.full({3}, 1), x), "vjp: output 0 is (2), its cotangent (3)", ShapeError);
  CHECK_THROWS_WITH_AS(vjp<double>({}, {}, std::span(&x, 1), std::span(&result, 1)),
                       "vjp: needs outputs, each with a cotangent, and arguments, each with a place for its result",
                       ArgumentError);
  CHECK_THROWS_AS(vjp<double>(std::span(&y, 1), {}, std::span(&x, 1), std::span(&result, 1)), ArgumentError);
  CHECK_THROWS_AS(vjp<double>(std::span(&y, 1), std::span(&x, 1), std::span(&x, 1), {}), ArgumentError);
  CHECK_THROWS_WITH_AS(vjp(y, x, other.full({2}, 1)), "vjp: every argument must be recorded on the same tape",
                       ArgumentError);
  CHECK_THROWS_AS(vjp(y, x, Var<double>()), ArgumentError);
}

TEST_CASE("gradient: an argument named twice is refused") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(2);
  CHECK_THROWS_WITH_AS(gradient(x * x, {x, x}), "derivative: an argument is named twice", ArgumentError);
}

namespace {

/// Sums of linear layers whose weights are slices of one vector: apart, side by side, overlapping, one used twice.
Var<double> loss_of_slices(Var<double> theta, Var<double> x) {
  const auto layer = [&](Index offset) { return linear(x, theta.slice(offset, {2, 3})); };
  const Var<double> twice = theta.slice(14, {2, 3});
  return sum(square(layer(0)) + layer(6) * layer(9) + linear(x, twice) * linear(square(x), twice));
}

}  // namespace

TEST_CASE("vjp and jvp: results go where the caller wants them, and are those of the tape's own memory") {
  Tape<double> tape;
  const Var<double> theta = tape.leaf(random_tensor<double>(Shape{21}, 1)),
                    x = tape.leaf(random_tensor<double>(Shape::batch(4, 3), 2));
  const Var<double> direction = tape.leaf(random_tensor<double>(Shape{21}, 3));
  const Var<double> arguments[] = {theta, x}, loss = loss_of_slices(theta, x), one = tape.scalar(1);
  const std::vector<Var<double>> expected = gradient(loss, {theta, x});
  Var<double> expected_tangents[2];
  jvp<double>(expected, std::span(&theta, 1), std::span(&direction, 1), expected_tangents);

  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const bool with_x : {false, true}) {
    Tensor<double> by_theta(Shape{21}, nan), by_x(Shape::batch(4, 3), nan), tangent(Shape{21}, nan),
        tangent_x(Shape::batch(4, 3), nan);
    double* destinations[] = {by_theta.data(), with_x ? by_x.data() : nullptr};
    Var<double> result[2], tangents[2];
    vjp<double>(std::span(&loss, 1), std::span(&one, 1), arguments, result, destinations, with_x ? 0 : 2);
    CHECK(relative_error(by_theta, expected[0].value()) <= 1e-15);  // there before anybody reads the result
    CHECK(result[0].data() == by_theta.data());
    CHECK((result[1].data() == by_x.data()) == with_x);
    CHECK(relative_error(by_theta, expected[0].value()) <= 1e-15);
    CHECK(relative_error(result[1].value(), expected[1].value()) <= 1e-15);

    destinations[0] = tangent.data();
    destinations[1] = with_x ? tangent_x.data() : nullptr;
    jvp<double>(result, std::span(&theta, 1), std::span(&direction, 1), tangents, destinations);
    CHECK(tangents[0].data() == tangent.data());
    CHECK((tangents[1].data() == tangent_x.data()) == with_x);
    CHECK(relative_error(tangent, expected_tangents[0].value()) <= 1e-15);
    CHECK(relative_error(tangents[1].value(), expected_tangents[1].value()) <= 1e-15);
    CHECK(relative_error(by_theta, expected[0].value()) <= 1e-15);  // still there
  }
}

TEST_CASE("gradient: of slices that overlap, by differences") {
  const std::vector<Tensor<double>> inputs{random_tensor<double>(Shape{21}, 1),
                                           random_tensor<double>(Shape::batch(4, 3), 2)};
  check_operation([](std::span<const Var<double>> in) { return loss_of_slices(in[0], in[1]); }, inputs);
}

TEST_CASE("vjp: as many destinations as arguments") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(2), y = x * x;
  Var<double> result;
  double* two[] = {nullptr, nullptr};
  CHECK_THROWS_AS(vjp<double>(std::span(&y, 1), std::span(&x, 1), std::span(&x, 1), std::span(&result, 1), two),
                  ArgumentError);
  CHECK_THROWS_AS(jvp<double>(std::span(&y, 1), std::span(&x, 1), std::span(&x, 1), std::span(&result, 1), two),
                  ArgumentError);
}

TEST_CASE("vjp, jvp and gradient: a Var of another tape, none or dropped, is an error wherever it comes in") {
  // Operations that hand on what they are given would let it pass.
  Tape<double> tape, other;
  const Var<double> x = tape.full({3}, 1), foreign = other.full({3}, 1);
  const auto mark = tape.mark();
  const Var<double> dropped = tape.full({3}, 1);
  tape.rewind(mark);
  const Var<double> outputs[] = {relu(x), x.slice(0, {3}), x, square(x)};
  const auto& stale = dropped;  // its number is another's now
  for (const Var<double>& y : outputs) {
    for (const Var<double>& wrong : {foreign, stale}) {
      CHECK_THROWS_AS(vjp(y, wrong, x), ArgumentError);
      CHECK_THROWS_AS(vjp(y, x, wrong), ArgumentError);
      CHECK_THROWS_AS(vjp(wrong, x, x), ArgumentError);
      CHECK_THROWS_AS(jvp(y, x, wrong), ArgumentError);
      CHECK_THROWS_AS(jvp(y, wrong, x), ArgumentError);
      CHECK_THROWS_AS(jvp(wrong, x, x), ArgumentError);
      CHECK_THROWS_AS(gradient(sum(y), wrong), ArgumentError);
      CHECK_THROWS_AS(hvp(sum(y), x, wrong), ArgumentError);
    }
    CHECK_THROWS_AS(vjp(y, Var<double>(), x), ArgumentError);
    CHECK_THROWS_AS(gradient(other.scalar(1), x), ArgumentError);
    CHECK_THROWS_AS(gradient(stale, x), ArgumentError);
  }
  CHECK_THROWS_WITH_AS(vjp(relu(x), foreign, x), "vjp: every cotangent must be recorded on the same tape",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(jvp(relu(x), x, foreign), "jvp: every tangent must be recorded on the same tape", ArgumentError);
  CHECK_THROWS_WITH_AS(jvp(relu(x), x, stale), "jvp: one tangent was dropped when the tape was rewound", ArgumentError);
}

namespace {

/// y = x, counting its evaluations; the pullback records another.
template <class T>
struct Counted final : Operation<T> {
  int* evaluations;
  explicit Counted(int* evaluations_) : evaluations(evaluations_) {}
  const char* name() const override { return "counted"; }
  void evaluate(const Evaluation<T>& call) const override {
    ++*evaluations;
    std::copy_n(call.input(0), call.output_shape().size(), call.output());
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return again(call.tangent(0)); }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, again(call.adjoint()));
  }
  Var<T> again(Var<T> v) const { return v.tape().apply(Counted(evaluations), v.shape(), {v}); }
};

}  // namespace

TEST_CASE("vjp: a result that nobody reads is recorded, but not evaluated until it is") {
  const Tensor<double> values = random_tensor<double>({4}, 1), weights = random_tensor<double>({4}, 2);
  int evaluations = 0;
  Tape<double> tape;
  const Var<double> x = tape.leaf(values), w = tape.leaf(weights), one = tape.scalar(1);
  const Var<double> h = tape.apply(Counted<double>(&evaluations), x.shape(), {x});
  const Var<double> loss = sum(exp(h.slice(0, {4}) * w));
  const Var<double> arguments[] = {w, x};
  Var<double> now[2], later[2];
  const auto sweep = [&](Var<double>(&results)[2], std::size_t read) {
    vjp<double>(std::span(&loss, 1), std::span(&one, 1), arguments, results, {}, read);
  };
  sweep(now, 2);
  CHECK(evaluations == 2);
  sweep(later, 1);
  CHECK(evaluations == 2);
  CHECK(equal(later[0].value(), now[0].value()));

  SUBCASE("read") {
    CHECK(equal(later[1].value(), now[1].value()));
    CHECK(evaluations == 3);
    CHECK(equal(later[1].value(), now[1].value()));
    CHECK(evaluations == 3);
  }
  SUBCASE("used by what is recorded later") {
    CHECK(sum(later[1]).item() == sum(now[1]).item());
    CHECK(evaluations == 3);
  }
  SUBCASE("differentiated alone") {
    const Var<double> direction = tape.leaf(random_tensor<double>({4}, 3));
    const Tensor<double> expected = jvp(now[1], w, direction).value();
    const int before = evaluations;
    CHECK(equal(jvp(later[1], w, direction).value(), expected));
    CHECK(evaluations == before + 1);  // the tangent's own
  }
  SUBCASE("wanted at a place") {
    Tensor<double> place({4});
    double* const places[] = {nullptr, place.data()};
    vjp<double>(std::span(&loss, 1), std::span(&one, 1), arguments, later, places, 1);
    CHECK(equal(place, now[1].value()));
  }
  SUBCASE("read after the tape has grown and shrunk") {
    const auto mark = tape.mark();
    CHECK(jvp(later[1], w, w).size() == 4);
    tape.rewind(mark);
    CHECK(equal(later[1].value(), now[1].value()));
  }
}
