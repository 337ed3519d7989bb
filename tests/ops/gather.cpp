#include "hypertape/ops/gather.hpp"

#include <doctest/doctest.h>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const std::vector<Index> some = {2, 0, 2};

}  // namespace

TEST_CASE("index_select: entries of an axis, some twice") {
  for (const Layout layout : all_layouts) {
    const Tensor<double> x = random_tensor<double>(Shape{3, 2, 4}.with_layout(layout));
    const auto rows = [](auto v) { return index_select(v[0], 0, some); };
    const auto columns = [](auto v) { return index_select(v[0], -1, {3, 1}); };
    const Tensor<double> y = evaluate(rows, std::vector{x}), z = evaluate(columns, std::vector{x});
    CHECK(y.shape() == Shape{3, 2, 4}.with_layout(layout));
    CHECK(z.shape() == Shape{3, 2, 2}.with_layout(layout));
    for (Index i = 0; i < 3; ++i) {
      for (Index j = 0; j < 2; ++j) {
        for (Index k = 0; k < 4; ++k) CHECK(y(i, j, k) == x(some[static_cast<std::size_t>(i)], j, k));
        CHECK(z(i, j, 0) == x(i, j, 3));
        CHECK(z(i, j, 1) == x(i, j, 1));
      }
    }
    check_operation([&](auto v) { return rows(v) * rows(v); }, {x});
    check_operation(columns, {x});
  }
}

TEST_CASE("gather and scatter_add: an entry for each element") {
  const std::vector<Index> numbers = {2, 0, 1, 1, 0, 2};
  for (const Layout layout : all_layouts) {
    const Tensor<double> x = random_tensor<double>(Shape{3, 3}.with_layout(layout), 1),
                         values = random_tensor<double>(Shape{2, 3}.with_layout(layout), 2);
    const auto take = [&](auto v) { return gather(v[0], 0, numbers, {2, 3}); };
    const auto give = [&](auto v) { return scatter_add(v[0], 0, numbers, {3, 3}); };
    const Tensor<double> y = evaluate(take, std::vector{x}), z = evaluate(give, std::vector{values});
    Tensor<double> expected(x.shape());
    for (Index i = 0; i < 2; ++i) {
      for (Index j = 0; j < 3; ++j) {
        const Index number = numbers[static_cast<std::size_t>(3 * i + j)];
        CHECK(y(i, j) == x(number, j));
        expected(number, j) += values(i, j);
      }
    }
    CHECK(equal(z, expected));
    check_operation([&](auto v) { return take(v) * take(v); }, {x});
    check_operation([&](auto v) { return give(v) * give(v); }, {values});
  }
}

TEST_CASE("gather: errors name the entry") {
  Tape<double> tape;
  const Var<double> x = tape.full({3, 2}, 1);
  CHECK_THROWS_WITH_AS(index_select(x, 0, {0, 3}), "index_select: axis 0 of (3, 2) has no entry 3", ShapeError);
  CHECK_THROWS_AS(index_select(x, 0, {-1}), ShapeError);
  CHECK_THROWS_AS(index_select(x, 0, {}), ShapeError);
  const std::vector<Index> numbers = {0, 1, 2, 3};
  CHECK_THROWS_WITH_AS(gather(x, 0, numbers, {2, 2}), "gather: axis 0 of (3, 2) has no entry 3", ShapeError);
  CHECK_THROWS_AS(gather(x, 0, numbers, {4, 1}), ShapeError);
  CHECK_THROWS_AS(gather(x, 0, some, {2, 2}), ShapeError);
}
