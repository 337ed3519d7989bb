#include "hypertape/ops/stop_gradient.hpp"

#include <doctest/doctest.h>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/ops/math.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("stop_gradient: the values of x, of its shape and layout") {
  Tape<double> tape;
  for (const Shape& shape : {Shape{}, Shape{2, 3}, Shape::batch(5, 2, 3, 4)}) {
    const Var<double> x = tape.leaf(random_tensor<double>(shape));
    CHECK(equal(stop_gradient(x).value(), x.value()));
  }
}

TEST_CASE("stop_gradient: a loss loses the dependence through it to first and second order") {
  Tape<double> tape;
  const Tensor<double> at = random_tensor<double>({4}, 1), along = random_tensor<double>({4}, 2);
  const Var<double> x = tape.leaf(at), v = tape.leaf(along);
  // sum of c x^3 with c = x^2 held: the gradient is 3 c x^2 = 3 x^4, and its derivative along v 6 c x v = 6 x^3 v.
  const Var<double> held = stop_gradient(square(x)), loss = dot(held, x * square(x));
  const Var<double> g = gradient(loss, x);
  check_values(g.value(), [&](Index i) { return 3 * std::pow(at[i], 4); });
  check_values(hvp(loss, x, v).value(), [&](Index i) { return 6 * std::pow(at[i], 3) * along[i]; });
  check_values(gradient(dot(g, v), x).value(), [&](Index i) { return 6 * std::pow(at[i], 3) * along[i]; });
  check_values(jvp(loss, x, v).value(), [&](Index) { return dot(g, v).item(); });
  // Nothing is left where all goes through it; with respect to what it returns there is a derivative.
  const Var<double> all = sum(stop_gradient(square(x)));
  check_values(gradient(all, x).value(), [](Index) { return 0.0; });
  check_values(jvp(all, x, v).value(), [](Index) { return 0.0; });
  check_values(gradient(loss, held).value(), [&](Index i) { return std::pow(at[i], 3); });
}

TEST_CASE("stop_gradient: needs a Var that is on its tape") {
  CHECK_THROWS_AS(stop_gradient(Var<double>()), ArgumentError);
  Tape<double> tape;
  const Var<double> x = tape.scalar(1);
  tape.reset();
  check_error<ArgumentError>([&] { stop_gradient(x); }, {"stop_gradient", "operand", "dropped"});
}

}  // namespace
}  // namespace hypertape::testing
