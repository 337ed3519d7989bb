#include "hypertape/ops/rearrange.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/concatenate.hpp"
#include "hypertape/ops/math.hpp"
#include "support/check_error.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

using Numbers = std::vector<double>;

/// 0, 1, 2, ... in C order, in each layout.
std::vector<Tensor<double>> counted(const Shape& shape) {
  std::vector<Tensor<double>> all;
  for (const Layout layout : {Layout::row_major, Layout::samples_innermost, Layout::channels_innermost}) {
    Numbers numbers;
    for (Index i = 0; i < shape.size(); ++i) numbers.push_back(static_cast<double>(i));
    all.push_back(from_row_major<double>(shape.with_layout(layout), numbers));
  }
  return all;
}

/// Checks the elements of f(x), and its derivatives, for x = 0, 1, 2, ... in each layout.
template <class F>
void check(const Shape& shape, const F& f, const Shape& expected_shape, const Numbers& expected) {
  for (const Tensor<double>& x : counted(shape)) {
    CAPTURE(x.shape().str());
    const auto of_vars = [&](auto v) { return f(v[0]); };
    const Tensor<double> y = evaluate(of_vars, std::vector{x});
    CHECK(y.shape().same_extents(expected_shape));
    CHECK(to_row_major(y) == expected);
    check_operation([&](auto v) { return f(v[0] * v[0]); }, {x});
  }
}

}  // namespace

TEST_CASE("permute, transpose: axes in another order") {
  check({2, 3}, [](auto x) { return transpose(x); }, {3, 2}, {0, 3, 1, 4, 2, 5});
  check({2, 2, 3}, [](auto x) { return transpose(x); }, {2, 3, 2}, {0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11});
  check({2, 2, 3}, [](auto x) { return permute(x, {2, 0, 1}); }, {3, 2, 2}, {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11});
  check({2, 2, 3}, [](auto x) { return permute(x, {-1, 0, 1}); }, {3, 2, 2}, {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11});
  // A large one goes through tiles.
  const Tensor<double> x = random_tensor<double>({5, 37, 41});
  const Tensor<double> y = evaluate([](auto v) { return permute(v[0], {2, 0, 1}); }, std::vector{x});
  for (Index i = 0; i < 5; ++i) {
    for (Index j = 0; j < 37; ++j) {
      for (Index k = 0; k < 41; ++k) CHECK(y(k, i, j) == x(i, j, k));
    }
  }
}

TEST_CASE("narrow, flip: entries of an axis") {
  check({2, 4}, [](auto x) { return narrow(x, 1, 1, 2); }, {2, 2}, {1, 2, 5, 6});
  check({2, 4}, [](auto x) { return narrow(x, -1, 0, 2, 2); }, {2, 2}, {0, 2, 4, 6});
  check({2, 4}, [](auto x) { return narrow(x, 1, 3, 2, -2); }, {2, 2}, {3, 1, 7, 5});
  check({2, 4}, [](auto x) { return narrow(x, 0, 1, 1); }, {1, 4}, {4, 5, 6, 7});
  check({2, 3}, [](auto x) { return flip(x, 1); }, {2, 3}, {2, 1, 0, 5, 4, 3});
  check({2, 3}, [](auto x) { return flip(x, {0, 1}); }, {2, 3}, {5, 4, 3, 2, 1, 0});
}

TEST_CASE("pad, diagonal: zeros beside") {
  check({2, 2}, [](auto x) { return pad(x, 1, 1, 2); }, {2, 5}, {0, 0, 1, 0, 0, 0, 2, 3, 0, 0});
  check({2, 2}, [](auto x) { return pad(x, 0, 0, 1); }, {3, 2}, {0, 1, 2, 3, 0, 0});
  check({2, 3}, [](auto x) { return diagonal(x); }, {2}, {0, 4});
  check({2, 2, 2}, [](auto x) { return diagonal(x); }, {2, 2}, {0, 3, 4, 7});
  check({3}, [](auto x) { return diagonal_matrix(x); }, {3, 3}, {0, 0, 0, 0, 1, 0, 0, 0, 2});
  check({2, 2}, [](auto x) { return diagonal_matrix(x); }, {2, 2, 2}, {0, 0, 0, 1, 2, 0, 0, 3});
}

TEST_CASE("concatenate, stack_along, split") {
  const auto twice = [](auto x) { return concatenate({x, x}, 1); };
  check({2, 2}, twice, {2, 4}, {0, 1, 0, 1, 2, 3, 2, 3});
  check({2, 2}, [](auto x) { return concatenate({x, narrow(x, 0, 1, 1)}, 0); }, {3, 2}, {0, 1, 2, 3, 2, 3});
  check({2, 4}, [](auto x) { return split(x, 1, {1, 3})[1]; }, {2, 3}, {1, 2, 3, 5, 6, 7});
  const Tensor<double> a({2, 2}, {0, 1, 2, 3}), b({2, 2}, {4, 5, 6, 7});
  for (const auto& entry : std::vector<std::pair<int, Numbers>>{
           {0, {0, 1, 2, 3, 4, 5, 6, 7}}, {1, {0, 1, 4, 5, 2, 3, 6, 7}}, {-1, {0, 4, 1, 5, 2, 6, 3, 7}}}) {
    const int axis = entry.first;
    const auto f = [axis](auto v) { return stack_along({v[0], v[1]}, axis); };
    const Tensor<double> y = evaluate(f, std::vector{a, b});
    CHECK(y.shape() == Shape{2, 2, 2});
    CHECK(to_row_major(y) == entry.second);
    check_operation([&](auto v) { return stack_along({v[0] * v[1], v[1]}, axis); }, {a, b});
  }
  // A part that nothing moves.
  check_operation([&](auto v) { return square(concatenate({v[0], v[0].tape().leaf(b)}, 0)); }, {a});
}

TEST_CASE("rearrange: errors name what is wrong") {
  Tape<double> tape;
  const Var<double> x = tape.full({2, 3}, 1), y = tape.full({3, 3}, 1), batch = tape.full(Shape::batch(2, 3), 1);
  CHECK_THROWS_WITH_AS(permute(x, {0, 2}), "permute: (2, 3) has no axis 2", ShapeError);
  CHECK_THROWS_WITH_AS(permute(x, {0, -2}), "permute: axis -2 of (2, 3) is named twice", ShapeError);
  CHECK_THROWS_WITH_AS(permute(x, 0), "permute: (2, 3) has 2 axes, the order names 1", ShapeError);
  CHECK_THROWS_WITH_AS(transpose(tape.full({3}, 1)), "transpose: needs a matrix, got (3)", ShapeError);
  CHECK_THROWS_WITH_AS(narrow(x, 1, 2, 2), "narrow: axis 1 of (2, 3) does not have 2 entries from 2 on in steps of 1",
                       ShapeError);
  CHECK_THROWS_AS(narrow(x, 1, 0, 2, 0), ShapeError);
  CHECK_THROWS_AS(narrow(x, 1, 0, 0), ShapeError);
  CHECK_THROWS_AS(narrow(x, 1, 0, 2, -1), ShapeError);
  CHECK_THROWS_WITH_AS(pad(x, 0, -1, 0), "pad: cannot add -1 and 0 entries to (2, 3)", ShapeError);
  CHECK_THROWS_WITH_AS(concatenate({x, y}, 1), "concatenate: (2, 3) and (3, 3) differ in more than axis 1", ShapeError);
  CHECK_THROWS_AS(concatenate({x, batch}, 0), ShapeError);
  CHECK_THROWS_AS(split(x, 1, {1, 1}), ShapeError);
  CHECK_THROWS_AS(split(x, 1, {2, 2}), ShapeError);
  CHECK_THROWS_AS(split(x, 1, {0, 3}), ShapeError);
  CHECK_THROWS_AS(stack_along({x, y}), ShapeError);
  CHECK_THROWS_AS(stack_along({batch, batch}), ShapeError);
  CHECK_THROWS_AS(diagonal(tape.scalar(1)), ShapeError);
}

TEST_CASE("concatenate: parts of which each has some of the layouts") {
  const Layout samples = Layout::samples_innermost;
  const Tensor<double> row = random_tensor<double>({1, 3}, 1), batch = random_tensor<double>(Shape::batch(2, 3), 2);
  for (const auto& parts : {std::vector{row, batch}, std::vector{batch, row}}) {
    const auto f = [](auto v) { return square(concatenate({v[0], v[1]}, 0)); };
    CHECK(evaluate(f, parts).shape() == Shape::batch(3, 3));
    check_operation(f, parts);
  }
  const Tensor<double> tagged = random_tensor<double>(Shape{1, 3}.with_layout(samples), 1),
                       rows = random_tensor<double>({2, 3}, 2);
  CHECK(evaluate(
            [](auto v) {
              return concatenate({v[0], v[1]}, 0);
            },
            std::vector{tagged, rows})
            .shape() == Shape{3, 3});
  Tape<double> tape;
  CHECK(concatenate(split(tape.leaf(rows), 0, {1, 1}), 0).shape() == Shape{2, 3});
}

TEST_CASE("narrow, pad: numbers that overflow are an error") {
  Tape<double> tape;
  const Var<double> x = tape.full({5}, 1);
  constexpr Index most = std::numeric_limits<Index>::max(), least = std::numeric_limits<Index>::min();
  CHECK_THROWS_AS(narrow(x, 0, 0, 5, Index{1} << 62), ShapeError);
  CHECK_THROWS_AS(narrow(x, 0, 4, 2, least), ShapeError);
  CHECK(narrow(x, 0, 4, 1, least).shape() == Shape{1});
  CHECK_THROWS_AS(narrow(x, 0, most, 1), ShapeError);
  CHECK_THROWS_AS(pad(x, 0, most, most), ShapeError);
  CHECK_THROWS_AS(pad(x, 0, most, 1), ShapeError);
}
