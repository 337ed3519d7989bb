#include "hypertape/autodiff/var.hpp"

#include <doctest/doctest.h>

#include "hypertape/autodiff/tape.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "support/compare.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE("Var: shape, size and values of its node") {
  Tape<double> tape;
  const Tensor<double> values({2, 3}, {1, 2, 3, 4, 5, 6});
  const Var<double> x = tape.leaf(values);
  CHECK(x);
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.size() == 6);
  CHECK(x.data()[5] == 6);
  CHECK(equal(x.value(), values));
}

#if HYPERTAPE_CHECK_VARS
TEST_CASE("Var: one that its tape was rewound past says so") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(3);
  tape.reset();
  tape.scalar(4);
  CHECK_THROWS_WITH_AS(x.item(), "Var: its tape was rewound past it", ArgumentError);
  CHECK_THROWS_AS(x.shape(), ArgumentError);
  CHECK_THROWS_AS(x.data(), ArgumentError);
}
#endif

TEST_CASE("Var: a default one is none") { CHECK(!Var<float>()); }

TEST_CASE("Var: item is the value of a single element, of any rank") {
  Tape<double> tape;
  CHECK(tape.scalar(3).item() == 3);
  CHECK(tape.full({1, 1}, 4).item() == 4);
  CHECK_THROWS_WITH_AS(tape.full({2, 1}, 4).item(), "Var::item: needs one element, the shape is (2, 1)", ShapeError);
}

TEST_CASE("Var: none has no value, and says so") {
  const Var<double> none;
  CHECK(!none);
  CHECK_THROWS_AS(none.shape(), ArgumentError);
  CHECK_THROWS_AS(none.data(), ArgumentError);
  Tape<double> tape;
  CHECK_THROWS_AS(tape.scalar(1) + none, ArgumentError);
}

TEST_CASE("Var, Tape: Eigen's matrices in and out, without a copy") {
  Tape<double> tape;
  const Eigen::MatrixXd columns = Eigen::MatrixXd::Random(3, 2);
  const Eigen::Matrix<double, 3, 2, Eigen::RowMajor> rows = columns;
  const Eigen::VectorXd vector = Eigen::VectorXd::Random(4);
  const Var<double> a = tape.view(columns), b = tape.view(rows), c = tape.view(vector);
  CHECK(a.shape() == Shape::batch(3, 2));
  CHECK(b.shape() == Shape{3, 2});
  CHECK(c.shape() == Shape{4});
  CHECK(a.data() == columns.data());
  CHECK(c.data() == vector.data());
  CHECK(a.matrix() == columns);
  CHECK(b.row_major_matrix() == columns);
  CHECK(a.matrix().data() == columns.data());
  CHECK_THROWS_AS(b.matrix(), ShapeError);
  CHECK_THROWS_AS(a.row_major_matrix(), ShapeError);
  CHECK_THROWS_WITH_AS(tape.view(columns.topRows(2)), "Tape::view: a matrix of 2 rows and 2 columns has gaps in memory",
                       ShapeError);
  const Eigen::Map<const Eigen::MatrixXd> map(columns.data(), 2, 3);
  CHECK(tape.view(map).shape() == Shape::batch(2, 3));
}
