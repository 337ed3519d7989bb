#include "hypertape/ops/reduce_axes.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "hypertape/core/row_major.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

using Numbers = std::vector<double>;

/// What is reduced to each element of the result, in C order.
std::vector<Numbers> groups(const Numbers& x, const Shape& from, const std::vector<int>& axes) {
  Shape kept = from;
  for (const int axis : axes) kept = hypertape::detail::with_extent(kept, axis, 1);
  std::vector<Numbers> all(static_cast<std::size_t>(kept.size()));
  for (Index i = 0; i < from.size(); ++i) {
    Index rest = i, at = 0, stride = 1;
    for (int axis = from.rank() - 1; axis >= 0; --axis) {
      if (kept[axis] > 1) at += rest % from[axis] * stride;
      stride *= kept[axis];
      rest /= from[axis];
    }
    all[static_cast<std::size_t>(at)].push_back(x[static_cast<std::size_t>(i)]);
  }
  return all;
}

/// Checks f(x, axes, keep) against a function of the numbers that are reduced.
template <class F>
void check(const F& f, const std::function<double(const Numbers&)>& expected) {
  for (const std::vector<int>& axes : std::vector<std::vector<int>>{{0}, {1}, {2}, {0, 2}, {1, 2}, {0, 1}, {0, 1, 2}}) {
    for (const Layout layout : {Layout::row_major, Layout::samples_innermost, Layout::channels_innermost}) {
      for (const bool keep : {false, true}) {
        const Shape shape = Shape{3, 2, 4}.with_layout(layout);
        CAPTURE(shape.str());
        CAPTURE(axes.size());
        CAPTURE(axes[0]);
        const Tensor<double> x = random_tensor<double>(shape);
        const auto of_vars = [&](auto v) { return f(v[0], axes, keep); };
        const Tensor<double> y = evaluate(of_vars, std::vector{x});
        const std::vector<Numbers> reduced = groups(to_row_major(x), shape, axes);
        CHECK(y.shape().rank() == (keep ? 3 : 3 - static_cast<int>(axes.size())));
        REQUIRE(y.size() == static_cast<Index>(reduced.size()));
        const Numbers got = to_row_major(y);
        for (std::size_t i = 0; i < reduced.size(); ++i) CHECK(std::abs(got[i] - expected(reduced[i])) <= 1e-14);
        check_operation(of_vars, {x});
      }
    }
  }
}

}  // namespace

TEST_CASE("sum over axes") {
  check([](auto x, const auto& axes, bool keep) { return sum(x, axes, keep); },
        [](const Numbers& x) {
          double total = 0;
          for (const double value : x) total += value;
          return total;
        });
}
TEST_CASE("mean over axes") {
  check([](auto x, const auto& axes, bool keep) { return mean(x, axes, keep); },
        [](const Numbers& x) {
          double total = 0;
          for (const double value : x) total += value;
          return total / static_cast<double>(x.size());
        });
}
TEST_CASE("amax and amin over axes") {
  check([](auto x, const auto& axes, bool keep) { return amax(x, axes, keep); },
        [](const Numbers& x) { return *std::max_element(x.begin(), x.end()); });
  check([](auto x, const auto& axes, bool keep) { return amin(x, axes, keep); },
        [](const Numbers& x) { return *std::min_element(x.begin(), x.end()); });
}
TEST_CASE("logsumexp over axes") {
  check([](auto x, const auto& axes, bool keep) { return logsumexp(x, axes, keep); },
        [](const Numbers& x) {
          double total = 0;
          for (const double value : x) total += std::exp(value);
          return std::log(total);
        });
}

TEST_CASE("amax: equal values share the derivative, and a NaN is the largest") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({2, 3}, {1, 5, 5, 7, 7, 0}));
  CHECK(equal(gradient(sum(amax(x, 1)), x).value(), Tensor<double>({2, 3}, {0, 0.5, 0.5, 0.5, 0.5, 0})));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Var<double> y = tape.leaf(Tensor<double>({3}, {1, nan, 5}));
  CHECK(std::isnan(amax(y, 0).item()));
  CHECK(std::isnan(amin(y, 0).item()));
}

TEST_CASE("logsumexp: nothing overflows") {
  Tape<float> tape;
  const float infinity = std::numeric_limits<float>::infinity();
  const Var<float> x = tape.leaf(Tensor<float>({2, 2}, {1000, 1000, -infinity, -infinity}));
  const Tensor<float> y = logsumexp(x, 1).value();
  CHECK(std::abs(y[0] - 1000.6931F) <= 1e-4F);
  CHECK(y[1] == -infinity);
}

TEST_CASE("reductions: errors name the axis") {
  Tape<double> tape;
  const Var<double> x = tape.full({2, 3}, 1);
  CHECK_THROWS_WITH_AS(sum(x, 2), "sum: (2, 3) has no axis 2", ShapeError);
  CHECK_THROWS_WITH_AS(amax(x, {0, 0}), "amax: axis 0 of (2, 3) is named twice", ShapeError);
}
