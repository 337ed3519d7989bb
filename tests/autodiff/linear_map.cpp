#include "hypertape/autodiff/linear_map.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// (n) -> (n - 1): differences of neighbors, a linear map as a user would write it.
struct DifferenceMap {
  static constexpr const char *name = "difference", *adjoint_name = "difference_adjoint";
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    for (Index i = 0; i < codomain.size(); ++i) out[i] = in[i + 1] - in[i];
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    std::fill_n(out, domain.size(), T(0));
    for (Index i = 0; i < codomain.size(); ++i) {
      out[i] -= in[i];
      out[i + 1] += in[i];
    }
  }
};

const DifferenceMap difference{{5}, {4}};

}  // namespace

TEST_CASE("LinearMap: a user's own, and its adjoint") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({5}, {1, 2, 4, 8, 16}));
  CHECK(equal(apply_map(difference, x).value(), Tensor<double>({4}, {1, 2, 4, 8})));
  CHECK(equal(apply_map<true>(difference, apply_map(difference, x)).value(), Tensor<double>({5}, {-1, -1, -2, -4, 8})));
}

TEST_CASE("LinearMap: a user's own works to second order") {
  check_operation([](auto x) { return apply_map(difference, x[0]); }, {random_tensor<double>({5})});
  check_operation([](auto x) { return apply_map<true>(difference, x[0]); }, {random_tensor<double>({4})});
  check_operation([](auto x) { return apply_map(difference, x[0] * x[0]); }, {random_tensor<double>({5})});
}

TEST_CASE("LinearMap: the operand must be of the map's shape") {
  Tape<double> tape;
  CHECK_THROWS_WITH_AS(apply_map(difference, tape.full({4}, 0)), "difference: needs (5), got (4)", ShapeError);
  CHECK_THROWS_WITH_AS(apply_map<true>(difference, tape.full({5}, 0)), "difference_adjoint: needs (4), got (5)",
                       ShapeError);
}
