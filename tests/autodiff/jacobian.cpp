#include "hypertape/autodiff/jacobian.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "hypertape/autodiff/hessian_product.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/matmul.hpp"
#include "hypertape/ops/reduce.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE("jacobian: of a linear map it is the matrix, tall or wide") {
  for (const Shape& shape : {Shape{5, 3}, Shape{3, 5}, Shape{4, 4}}) {
    Tape<double> tape;
    const Tensor<double> a = random_tensor<double>(shape, 1);
    const Var<double> x = tape.leaf(random_tensor<double>({shape[1]}, 2)), y = matmul(tape.leaf(a), x);
    const std::size_t nodes = tape.size();
    CHECK(equal(jacobian(y, x), a));
    CHECK(tape.size() == nodes);
  }
}

TEST_CASE("hessian: of Rosenbrock's function") {
  Tape<double> tape;
  const double a = -1.2, b = 1;
  const Var<double> x = tape.leaf(Tensor<double>({2}, {a, b})), x0 = x.slice(0, {}), x1 = x.slice(1, {});
  const Var<double> loss = 100 * square(x1 - square(x0)) + square(1 - x0);
  const std::size_t nodes = tape.size();
  const Tensor<double> expected({2, 2}, {1200 * a * a - 400 * b + 2, -400 * a, -400 * a, 200});
  CHECK(relative_error(hessian(loss, x), expected) <= 1e-14);
  CHECK(tape.size() == nodes);
}

TEST_CASE("HessianProduct: rows of the Hessian, and the same as hvp") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(random_tensor<double>({6}));
  const Var<double> loss = sum(exp(x) * sin(x)) * sum(square(x));
  const Tensor<double> H = hessian(loss, x);
  const HessianProduct<double> product(loss, x);
  const std::size_t nodes = tape.size();
  for (Index i = 0; i < 6; ++i) {
    Tensor<double> unit({6});
    unit[i] = 1;
    const Tensor<double> row = product(unit);
    for (Index j = 0; j < 6; ++j) CHECK(row[j] == H(i, j));
    CHECK(tape.size() == nodes);
  }
  const Tensor<double> v = random_tensor<double>({6}, 2);
  CHECK(equal(product(v), hvp(loss, x, tape.leaf(v)).value()));
  CHECK(equal(product.gradient_var().value(), gradient(loss, x).value()));
  CHECK_THROWS_AS(product(Tensor<double>({5})), ShapeError);
  Tape<double> other;
  CHECK_THROWS_AS(jacobian(loss, other.scalar(1)), ArgumentError);
}

TEST_CASE("JacobianProduct: columns and rows of the Jacobian, of what does not depend on x, and of x") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(random_tensor<double>({3})), constant = tape.leaf(random_tensor<double>({4, 3}, 2));
  const Var<double> y = tanh(matmul(constant, exp(x)));
  const JacobianProduct<double> product(y, x);
  const TransposedJacobianProduct<double> transposed(y, x);
  const std::size_t nodes = tape.size();
  for (std::uint64_t seed = 3; seed < 6; ++seed) {
    const Tensor<double> v = random_tensor<double>({3}, seed), u = random_tensor<double>({4}, seed);
    const Tensor<double> forward = product(v), back = transposed(u);
    CHECK(tape.size() == nodes);
    const auto mark = tape.mark();
    CHECK(equal(forward, jvp(y, x, tape.leaf(v)).value()));
    CHECK(equal(back, vjp(y, tape.leaf(u), x).value()));
    tape.rewind(mark);
  }
  CHECK_THROWS_WITH_AS(product(Tensor<double>({4})), "JacobianProduct: needs (3), got (4)", ShapeError);
  CHECK_THROWS_WITH_AS(transposed(Tensor<double>({3})), "TransposedJacobianProduct: needs (4), got (3)", ShapeError);
  CHECK(equal(jacobian(constant, x), Tensor<double>({12, 3})));
  CHECK(equal(jacobian(x, x), Tensor<double>({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1})));
  CHECK(equal(jacobian(x.slice(1, {}), x), Tensor<double>({1, 3}, {0, 1, 0})));
}

TEST_CASE("JacobianProduct: through weights that are slices of one vector, in both directions, again and again") {
  Tape<double> tape;
  const Var<double> theta = tape.leaf(random_tensor<double>({21}, 1)), in = tape.leaf(random_tensor<double>({4, 3}, 2));
  const Var<double> hidden = tanh(matmul(in, theta.slice(0, {3, 4})) + theta.slice(12, {4}));
  const Var<double> y = matmul(hidden, theta.slice(16, {4})) + theta.slice(20, {});
  const JacobianProduct<double> product(y, theta);
  const TransposedJacobianProduct<double> transposed(y, theta);
  for (std::uint64_t seed = 3; seed < 6; ++seed) {
    const Tensor<double> v = random_tensor<double>({21}, seed), u = random_tensor<double>({4}, seed);
    const Tensor<double> forward = product(v), back = transposed(u);
    const auto mark = tape.mark();
    CHECK(equal(forward, jvp(y, theta, tape.leaf(v)).value()));
    CHECK(equal(back, vjp(y, tape.leaf(u), theta).value()));
    tape.rewind(mark);
  }
}

TEST_CASE("JacobianProduct: of a record that was dropped is an error") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(random_tensor<double>({3}, 1)), y = exp(x);
  const auto mark = tape.mark();
  const JacobianProduct<double> product(y, x);
  tape.rewind(mark);
  CHECK_THROWS_AS(product(Tensor<double>({3})), ArgumentError);
  tape.full({100}, 1);
  exp(tape.full({100}, 1));
  CHECK_THROWS_AS(product(Tensor<double>({3})), ArgumentError);
}

TEST_CASE("JacobianProduct: computes nothing again that does not depend on the vector") {
  Tape<double> tape;
  Index calls = 0;
  const auto counted = [&](Var<double> v) {
    return apply_unary(
        "counted", v, [&calls](Index count, const double* from, double* to) { ++calls, std::copy_n(from, count, to); },
        [](Var<double>, Var<double>, Var<double> t) { return t; });
  };
  const auto slope = [&](Var<double> at, Var<double>, Var<double> v) { return counted(cos(at)) * v; };
  const Var<double> x = tape.leaf(random_tensor<double>({3}));
  const Var<double> y = apply_unary(
      "sine", x, [](double v) { return std::sin(v); }, slope);
  const JacobianProduct<double> product(y, x);
  for (std::uint64_t seed = 1; seed < 4; ++seed) product(random_tensor<double>({3}, seed));
  CHECK(calls == 1);
}

TEST_CASE("gauss_newton_product: J^T J v, and J^T H J v") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(random_tensor<double>({3}, 1)), v = tape.leaf(random_tensor<double>({3}, 2));
  const Var<double> a = tape.leaf(random_tensor<double>({5, 3}, 3)), z = tanh(matmul(a, x));
  const Tensor<double> J = jacobian(z, x);
  const auto quadratic = [&](const Tensor<double>& inner) {
    return (J.row_major_matrix().transpose() * inner.row_major_matrix() * J.row_major_matrix() *
            Eigen::Map<const Eigen::VectorXd>(v.data(), 3))
        .eval();
  };
  Tensor<double> one({5, 5});
  for (Index i = 0; i < 5; ++i) one(i, i) = 1;
  const Tensor<double> plain = gauss_newton_product(z, x, v).value(), expected(quadratic(one));
  CHECK(relative_error(plain, expected) <= 1e-14);
  const Var<double> loss = sum(exp(z));
  const Tensor<double> product = gauss_newton_product(loss, z, x, v).value(), of_loss(quadratic(hessian(loss, z)));
  CHECK(relative_error(product, of_loss) <= 1e-13);
}
