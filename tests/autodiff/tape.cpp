#include "hypertape/autodiff/tape.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <new>
#include <span>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE("Tape: a leaf copies, a view reads the caller's memory, full and scalar fill") {
  Tape<double> tape;
  Tensor<double> tensor({2}, {1, 2});
  const Var<double> leaf = tape.leaf(tensor);
  const Var<double> view = tape.view(tensor.shape(), tensor.data());
  tensor[0] = 5;
  CHECK(equal(leaf.value(), Tensor<double>({2}, {1, 2})));
  CHECK(equal(view.value(), Tensor<double>({2}, {5, 2})));
  CHECK(equal(tape.full({2, 1}, 3).value(), Tensor<double>({2, 1}, {3, 3})));
  CHECK(tape.scalar(4).item() == 4);
}

TEST_CASE("Tape: nodes are in the order of recording, and name their operation") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(2), y = tape.scalar(3), product = x * y;
  CHECK(tape.size() == 3);
  CHECK(tape.node(x.id()).operation == nullptr);
  CHECK(tape.node(product.id()).operation->name() == std::string("multiply"));
  CHECK(tape.input(product.id(), 0) == x.id());
  CHECK(tape.input(product.id(), 1) == y.id());
}

TEST_CASE("Tape: rewind drops what came after the mark, and keeps what came before") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(random_tensor<double>({100}));
  const Tensor<double> before = x.value();
  const auto mark = tape.mark();
  for (int round = 0; round < 3; ++round) {
    exp(x) + x;
    CHECK(tape.size() == 3);
    tape.rewind(mark);
    CHECK(tape.size() == 1);
  }
  CHECK(equal(x.value(), before));
  tape.reset();
  CHECK(tape.size() == 0);
  CHECK_THROWS_WITH_AS(tape.rewind(mark), "Tape: cannot rewind to a mark of 1 nodes, the tape has 0", ArgumentError);
}

TEST_CASE("Tape: recording again takes no more memory, nor changes the result") {
  Tape<float> tape;
  const Tensor<float> values = random_tensor<float>({300, 20});
  const auto record = [&] {
    const Var<float> x = tape.leaf(values);
    const Var<float> g = gradient(sum(square(exp(x) * x.slice(0, x.shape()))), x);
    return gradient(dot(g, g), x).value();
  };
  const Tensor<float> first = record();
  const std::size_t reserved = tape.reserved_bytes();
  for (int round = 0; round < 5; ++round) {
    tape.reset();
    CHECK(equal(record(), first));
    CHECK(tape.reserved_bytes() == reserved);
  }
}

TEST_CASE("Tape: operands of two tapes, or none, are an error") {
  Tape<double> one, other;
  const Var<double> x = one.scalar(1), y = other.scalar(2);
  const char* expected = "combine: every operand must be recorded on the same tape";
  CHECK_THROWS_WITH_AS(x + y, expected, ArgumentError);
  CHECK_THROWS_WITH_AS(x * y, "multiply: every operand must be recorded on the same tape", ArgumentError);
  CHECK_THROWS_WITH_AS(one.apply(hypertape::detail::Combination<double>(nullptr, 0), {}, {x, Var<double>()}), expected,
                       ArgumentError);
}

TEST_CASE("Tape: an operand that was dropped is an error") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(2);
  const auto mark = tape.mark();
  const Var<double> y = square(x);
  tape.rewind(mark);
  CHECK_THROWS_WITH_AS(sum(y), "Var: its tape was rewound past it", ArgumentError);
  const Var<double> other = square(x);  // takes its number
  CHECK(other.id() == y.id());
  CHECK(other.is_recorded());
  CHECK(!y.is_recorded());
  CHECK_THROWS_WITH_AS(sum(y), "Var: its tape was rewound past it", ArgumentError);
  CHECK_THROWS_WITH_AS(gradient(other, y), "vjp: one argument was dropped when the tape was rewound", ArgumentError);
  tape.reset();
  tape.scalar(1);
  CHECK_THROWS_AS(sum(x), ArgumentError);
}

TEST_CASE("Tape: a Var of what a tape was before it was moved from, or into, is an error") {
  Tape<double> a;
  const Var<double> u = a.scalar(1);
  Tape<double> b = std::move(a);
  const Var<double> v = a.scalar(7);
  CHECK(v.item() == 7);
  CHECK_THROWS_AS(u.item(), ArgumentError);
  a = Tape<double>();
  a.scalar(8);
  CHECK_THROWS_AS(v.item(), ArgumentError);
  CHECK(b.size() == 1);
}

TEST_CASE("Tape: a mark above the present memory is an error, also where the nodes are as many") {
  Tape<double> tape(256);
  const Var<double> x = tape.full({3}, 1);
  const auto low = tape.mark();
  for (int i = 0; i < 20; ++i) tape.allocate<double>(50);
  const auto high = tape.mark();
  tape.rewind(low);
  CHECK_THROWS_AS(tape.rewind(high), ArgumentError);
  CHECK(x.size() == 3);
}

TEST_CASE("Tape: a mark below which the tape was rewound is an error, however far it has grown again") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(2);
  square(x);
  const auto mark = tape.mark();
  square(x);
  tape.rewind(mark);
  CHECK(tape.size() == 2);
  tape.reset();
  tape.rewind(tape.mark());
  for (int i = 0; i < 3; ++i) tape.scalar(1);
  CHECK_THROWS_WITH_AS(tape.rewind(mark), "Tape: cannot rewind to a mark of 2 nodes, which have been replaced since",
                       ArgumentError);
}

namespace {

/// Large enough to lie apart.
constexpr Index large = 5000;

/// y = x^2 whose derivative reads x by its address: what no operation should do with values that can be forgotten.
struct SquareByAddress final : Operation<double> {
  const double* x;
  explicit SquareByAddress(const double* x_) : x(x_) {}
  const char* name() const override { return "square_by_address"; }
  void evaluate(const Evaluation<double>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) call.output()[i] = x[i] * x[i];
  }
  Var<double> tangent(const TangentSweep<double>&) const override { return {}; }
  void pullback(PullbackSweep<double>&) const override {}
};

}  // namespace

TEST_CASE("Tape: what is cheap is forgotten, and computed again to the same bits") {
  Tape<double> tape;
  const Tensor<double> start = random_tensor<double>({large}, 1);
  const Var<double> x = tape.leaf(start);
  tape.keep_apart(true);
  const auto first = static_cast<Tape<double>::NodeId>(tape.size());
  const Var<double> y = relu(2.0 * x), folded = reshape(y, {large / 2, 2}), small = sum(y), costly = tanh(y);
  CHECK(tape.keep_apart(false));
  const auto last = static_cast<Tape<double>::NodeId>(tape.size());
  std::size_t apart = 0;
  for (auto id = first; id < last; ++id) apart += tape.node(id).apart ? 1 : 0;
  CHECK(apart == 3);  // the product, its relu, and the view of that
  CHECK(tape.can_forget(first, last));
  CHECK(tape.apart().used_bytes() >= 2 * large * sizeof(double));
  CHECK(tape.used_bytes() >= tape.apart().used_bytes());
  CHECK(tape.reserved_bytes() >= tape.apart().reserved_bytes());

  std::vector<double> expected;
  for (const double value : start.values()) expected.push_back(value > 0 ? 2 * value : 0);
  for (int round = 0; round < 2; ++round) {
    tape.forget(first, last);
    tape.apart().rewind({});
    double* others = tape.apart().allocate<double>(2 * large);  // somebody else's, over it
    std::fill_n(others, 2 * large, -1.0);
    tape.bring_back(first, last);
    const Tensor<double> again = round == 0 ? folded.value() : y.value();
    CHECK(std::equal(expected.begin(), expected.end(), again.values().begin()));
  }
  CHECK(relative_error(costly.value(), tanh(y).value()) == 0);
  CHECK(small.item() > 0);
}

namespace {

/// Twice x, but not the second time.
struct FailsTheSecondTime final : Operation<double> {
  int* times;
  explicit FailsTheSecondTime(int* times_) : times(times_) {}
  const char* name() const override { return "fails_the_second_time"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<double>& call) const override {
    if (++*times == 2) throw std::bad_alloc();
    for (Index i = 0; i < call.output_shape().size(); ++i) call.output()[i] = 2 * call.input(0)[i];
  }
  Var<double> tangent(const TangentSweep<double>&) const override { return {}; }
  void pullback(PullbackSweep<double>&) const override {}
};

}  // namespace

TEST_CASE("Tape: a value that could not be computed again is not there, until it can") {
  Tape<double> tape;
  const Var<double> x = tape.full({large}, 3);
  int times = 0;
  tape.keep_apart(true);
  const auto first = static_cast<Tape<double>::NodeId>(tape.size());
  const Var<double> y = tape.apply(FailsTheSecondTime(&times), {large}, {x});
  const auto last = static_cast<Tape<double>::NodeId>(tape.size());
  tape.forget(first, last);
  tape.apart().rewind({});
  tape.bring_back(first, last);
  CHECK_THROWS_AS(y.value(), std::bad_alloc);
  CHECK(y.value()[large - 1] == 6);
  CHECK(times == 3);
}

TEST_CASE("Tape: what somebody has the address of, or may change behind the tape, is not forgotten") {
  Tape<double> tape;
  const Tensor<double> start = random_tensor<double>({large}, 1);
  Tensor<double> own({large});
  const Var<double> x = tape.leaf(start);
  tape.keep_apart(true);
  const auto first = static_cast<Tape<double>::NodeId>(tape.size());
  const auto nodes = [&] { return static_cast<Tape<double>::NodeId>(tape.size()); };
  const Var<double> twice = 2.0 * x;
  CHECK(tape.can_forget(first, nodes()));
  tape.apply(SquareByAddress(reshape(twice, {large, 1}).data()), {large}, {twice});
  CHECK(!tape.can_forget(first, nodes()));
  const double* factor = tape.leaf(Tensor<double>({1}, 1.0)).data();
  const Var<double> placed = tape.apply(hypertape::detail::Combination<double>(factor, 0), {large},
                                        std::span<const Var<double>>(&x, 1), own.data());
  CHECK(!tape.node(placed.id()).apart);
  CHECK(!tape.node((2.0 * placed).id()).apart);
  CHECK(!tape.node((2.0 * reshape(placed, {large / 2, 2})).id()).apart);
  CHECK(!tape.node((2.0 * tape.full({10}, 1)).id()).apart);  // not large
}

TEST_CASE("Tape: a chain of deferred values may be longer than a stack is deep") {
  constexpr Index nodes = 300000;
  Tape<double> tape;
  Var<double> y = tape.scalar(0);
  tape.defer(true);
  for (Index i = 0; i < nodes; ++i) y = y + 1.0;
  tape.defer(false);
  CHECK(y.item() == nodes);
}

TEST_CASE("Tape: a node of a scalar takes little") {
  constexpr Index nodes = 1000;
  Tape<double> tape;
  const Var<double> a = tape.scalar(0.5);
  const auto bytes = [&](auto step) {
    const std::size_t before = tape.used_bytes();
    Var<double> y = a;
    for (Index i = 0; i < nodes; ++i) y = step(y);
    return static_cast<double>(tape.used_bytes() - before) / nodes;
  };
  CHECK(bytes([](auto y) { return sin(y); }) <= 84);
  CHECK(bytes([&](auto y) { return a * y; }) <= 80);
  CHECK(bytes([&](auto y) { return y + a; }) <= 88);
}
