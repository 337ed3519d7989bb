#include "hypertape/ops/broadcast.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// Element i, in C order, of x broadcast to a shape, by the definition.
double element(const std::vector<double>& x, const Shape& from, const Shape& to, Index i) {
  Index at = 0, stride = 1;
  for (int axis = to.rank() - 1; axis >= 0; --axis) {
    const int own = axis - to.rank() + from.rank();
    const Index index = i % to[axis];
    i /= to[axis];
    if (own < 0) continue;
    if (from[own] > 1) at += index * stride;
    stride *= from[own];
  }
  return x[static_cast<std::size_t>(at)];
}

}  // namespace

TEST_CASE("broadcast_to: values and derivatives, in every layout") {
  const std::pair<Shape, Shape> cases[] = {{{}, {2, 3}},
                                           {{1}, {4}},
                                           {{3}, {2, 3}},
                                           {{2, 1}, {2, 3}},
                                           {{1, 3}, {2, 3}},
                                           {{1, 1, 4}, {2, 3, 4}},
                                           {{3, 1}, {2, 3, 4}},
                                           {{2, 1, 4}, {2, 3, 4}},
                                           {{1}, {2, 1, 2, 1, 2}},
                                           {{3, 1, 1}, {2, 3, 2, 2}},
                                           {{2, 3, 1, 4}, {2, 3, 5, 4}}};
  for (const auto& pair : cases) {
    const Shape &from = pair.first, &to = pair.second;
    for (const Layout layout : all_layouts) {
      for (const Layout wanted : all_layouts) {
        CAPTURE(to.str());
        const Tensor<double> x = random_tensor<double>(from.with_layout(layout));
        const Shape shape = to.with_layout(wanted);
        const auto f = [&](auto v) { return broadcast_to(v[0], shape); };
        const std::vector<double> in = to_row_major(x), out = to_row_major(evaluate(f, std::vector{x}));
        for (Index i = 0; i < to.size(); ++i) {
          CHECK(out[static_cast<std::size_t>(i)] == element(in, from, to, i));
        }
        if (layout == wanted) check_operation(f, {x});
      }
    }
  }
}

TEST_CASE("arithmetic: operands are broadcast") {
  const std::pair<Shape, Shape> cases[] = {{{2, 3}, {3}},
                                           {{3}, {2, 3}},
                                           {{2, 1}, {1, 3}},
                                           {{4, 1, 2}, {3, 1}},
                                           {Shape::batch(4, 3), {3}},
                                           {{3, 1, 1}, Shape::batch(4, 3, 2, 2)},
                                           {Shape::batch(4, 1), {1, 3}},
                                           {Shape::batch(4, 3), {4, 1}}};
  for (const auto& pair : cases) {
    const Shape &a = pair.first, &b = pair.second;
    const Shape to = hypertape::detail::broadcast_shape("add", a, b);
    CAPTURE(to.str());
    const Tensor<double> x = positive_tensor<double>(a, 1), y = positive_tensor<double>(b, 2);
    const std::vector<double> in_x = to_row_major(x), in_y = to_row_major(y);
    const auto check = [&](const auto& f) {
      const auto of_vars = [&](auto v) { return f(v[0], v[1]); };
      const Tensor<double> value = evaluate(of_vars, std::vector{x, y});
      CHECK(value.shape() == to);
      const std::vector<double> out = to_row_major(value);
      for (Index i = 0; i < to.size(); ++i) {
        CHECK(out[static_cast<std::size_t>(i)] == f(element(in_x, a, to, i), element(in_y, b, to, i)));
      }
      check_operation(of_vars, {x, y});
    };
    check([](auto p, auto q) { return p + q; });
    check([](auto p, auto q) { return p - q; });
    check([](auto p, auto q) { return p * q; });
    check([](auto p, auto q) { return p / q; });
  }
  CHECK(hypertape::detail::broadcast_shape("add", Shape::batch(4, 3), {3}).layout() == Layout::samples_innermost);
}

TEST_CASE("broadcast: errors name the shapes") {
  Tape<double> tape;
  const Var<double> a = tape.full({2, 3}, 1), batch = tape.full(Shape::batch(2, 3), 1);
  CHECK_THROWS_WITH_AS(broadcast_to(a, {2, 4}), "broadcast_to: (2, 3) does not fit into (2, 4)", ShapeError);
  CHECK_THROWS_WITH_AS(broadcast_to(a, {3}), "broadcast_to: (2, 3) does not fit into (3)", ShapeError);
  CHECK_THROWS_WITH_AS(a + batch,
                       "add: operands must have the same layout, got (2, 3) and batch (2, 3); relayout one of them",
                       ShapeError);
}

TEST_CASE("arithmetic: an operand that fits several layouts goes with each of them") {
  const Shape images = Shape{2, 3, 4, 5}.with_layout(Layout::channels_innermost);
  const Tensor<double> x = random_tensor<double>(images, 1);
  for (const Shape& shape :
       {Shape{2, 3, 1, 1}, Shape{2, 1, 4, 5}.with_layout(Layout::channels_innermost), Shape{3, 1, 1}}) {
    const Tensor<double> g = random_tensor<double>(shape, 2);
    const auto f = [](auto v) { return v[0] * v[1]; };
    CHECK(evaluate(f, std::vector{x, g}).shape() == images);
    check_operation(f, {x, g});
  }
  Tape<double> tape;
  const Var<double> one = tape.full({1, 1}, 2), three = tape.full({3}, 1);
  CHECK((one * three).shape() == Shape{1, 3});
  CHECK((three + one).shape() == Shape{1, 3});
}

TEST_CASE("arithmetic: zeros keep their sign") {
  Tape<double> tape;
  const Var<double> zero = tape.scalar(0);
  CHECK(std::signbit((-zero).item()));
  CHECK(std::signbit((zero * -1).item()));
  CHECK(!std::signbit((-zero + 0).item()));
  CHECK(!std::signbit((zero - zero).item()));
}
