#include "hypertape/ops/linear.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/relayout.hpp"
#include "support/check_operation.hpp"
#include "support/same_on_one_thread.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("linear: x times the transposed weight, plus the bias", T, float, double) {
  const Tensor<T> x = whole_numbers<T>(Shape::batch(5, 7), 1), w = whole_numbers<T>({3, 7}, 2),
                  b = whole_numbers<T>({3}, 3);
  Tensor<T> product(Shape::batch(5, 3)), biased(Shape::batch(5, 3));
  for (Index n = 0; n < 5; ++n) {
    for (Index o = 0; o < 3; ++o) {
      for (Index i = 0; i < 7; ++i) product(n, o) += x(n, i) * w[o * 7 + i];
      biased(n, o) = product(n, o) + b[o];
    }
  }
  CHECK(equal(evaluate([](auto v) { return linear(v[0], v[1]); }, std::vector{x, w}), product));
  CHECK(equal(evaluate([](auto v) { return linear(v[0], v[1], v[2]); }, std::vector{x, w, b}), biased));
  const auto rows = [](const Tensor<T>& tensor) { return relayout(tensor, Layout::row_major); };
  CHECK(equal(evaluate([](auto v) { return linear(v[0], v[1]); }, std::vector{rows(x), w}), rows(product)));
  CHECK(equal(evaluate([](auto v) { return linear(v[0], v[1], v[2]); }, std::vector{rows(x), w, b}), rows(biased)));
}

TEST_CASE("linear: derivatives") {
  const Tensor<double> x = random_tensor<double>(Shape::batch(3, 4), 1), w = random_tensor<double>({2, 4}, 2),
                       b = random_tensor<double>({2}, 3);
  check_operation([](auto v) { return linear(v[0], v[1]); }, {x, w});
  check_operation([](auto v) { return linear(v[0], v[1], v[2]); }, {x, w, b});
  check_operation([](auto v) { return linear(v[0], relayout(v[0], Layout::row_major)); }, {x});
  const Tensor<double> rows = relayout(x, Layout::row_major);
  check_operation([](auto v) { return linear(v[0], v[1]); }, {rows, w});
  check_operation([](auto v) { return linear(v[0], v[1], v[2]); }, {rows, w, b});
  check_operation([](auto v) { return linear(v[0], v[0]); }, {rows});
}

TEST_CASE("linear: derivatives where one operand alone moves") {
  const Tensor<double> x = random_tensor<double>(Shape::batch(3, 4), 1), w = random_tensor<double>({2, 4}, 2),
                       b = random_tensor<double>({2}, 3);
  check_operation([&](auto v) { return linear(v[0], v[0].tape().leaf(w), v[0].tape().leaf(b)); }, {x});
  check_operation([&](auto v) { return linear(v[0].tape().leaf(x), v[0], v[0].tape().leaf(b)); }, {w});
  check_operation([&](auto v) { return linear(v[0].tape().leaf(x), v[0].tape().leaf(w), v[0]); }, {b});
}

TEST_CASE("linear: large enough for a team, the three products have the bits of one thread") {
  const Tensor<double> w = random_tensor<double>({160, 170}, 2);
  for (const Shape& shape : {Shape::batch(40, 170), Shape{40, 170}}) {
    const Tensor<double> x = random_tensor<double>(shape, 1);
    const auto products = [&] {
      Tape<double> tape;
      const Var<double> a = tape.leaf(x), b = tape.leaf(w), y = linear(a, b);
      const auto g = gradient(dot(y, y), {a, b});
      return std::vector{y.value(), g[0].value(), g[1].value()};
    };
    const auto parallel = same_on_one_thread(products);
    Tensor<double> expected(Shape{40, 160}.with_layout(shape.layout()));
    for (Index n = 0; n < 40; ++n) {
      for (Index o = 0; o < 160; ++o) {
        for (Index i = 0; i < 170; ++i) expected(n, o) += x(n, i) * w[o * 170 + i];
      }
    }
    CHECK(relative_error(parallel[0], expected) <= 1e-14);
  }
}

TEST_CASE("linear: shapes that do not fit") {
  Tape<double> tape;
  const Var<double> x = tape.full(Shape::batch(10, 400), 0), w = tape.full({120, 400}, 0);
  CHECK_THROWS_WITH_AS(linear(x, tape.full({120, 401}, 0)),
                       "linear: input batch (10, 400) needs a weight of 400 columns, got (120, 401)", ShapeError);
  CHECK_THROWS_WITH_AS(linear(tape.full(Shape::batch(10, 4, 10, 10), 0), w),
                       "linear: needs an input (N, F) and a weight (O, F), got batch (10, 4, 10, 10) and (120, 400)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(linear(x, w, tape.full({119}, 0)), "linear: weight (120, 400) needs a bias (120), got (119)",
                       ShapeError);
}

TEST_CASE("linear: few outputs of many samples have the bits of one thread") {
  const Tensor<float> x = random_tensor<float>(Shape::batch(3001, 70), 1), w = random_tensor<float>({4, 70}, 2);
  const auto products = [&] {
    Tape<float> tape;
    const Var<float> a = tape.leaf(x), b = tape.leaf(w), y = linear(a, b);
    const auto g = gradient(dot(y, y), {a, b});
    return std::vector{y.value(), g[0].value(), g[1].value()};
  };
  same_on_one_thread(products);
}

TEST_CASE_TEMPLATE("linear: an infinity stays one, wherever vectors overlap", T, float, double) {
  const T infinity = std::numeric_limits<T>::infinity();
  for (const Index N : {1, 5, 40}) {
    for (const Index I : {1, 5, 7, 19, 35}) {
      for (Index at = 0; at < I; ++at) {
        CAPTURE(N);
        CAPTURE(I);
        CAPTURE(at);
        Tape<T> tape;
        Tensor<T> one(Shape::batch(N, I), 1), wide({3, I}, 1);
        one(N - 1, at) = infinity;
        wide[2 * I + at] = infinity;  // row-major
        const Var<T> ones = tape.full(Shape::batch(N, I), 1), x = tape.leaf(one), w = tape.full({3, I}, 1),
                     huge = tape.leaf(wide);
        const Tensor<T> y = linear(x, w).value(), z = linear(ones, huge).value();
        const Tensor<T> dw = gradient(sum(linear(x, w)), w).value(),
                        dx = gradient(sum(linear(ones, huge)), ones).value();
        for (Index n = 0; n < N; ++n) {
          for (Index o = 0; o < 3; ++o) {
            CHECK(y(n, o) == (n == N - 1 ? infinity : static_cast<T>(I)));
            CHECK(z(n, o) == (o == 2 ? infinity : static_cast<T>(I)));
          }
          for (Index i = 0; i < I; ++i) CHECK(dx(n, i) == (i == at ? infinity : T(3)));
        }
        for (Index i = 0; i < I; ++i) CHECK(dw[i] == (i == at ? infinity : static_cast<T>(N)));
      }
    }
  }
}
