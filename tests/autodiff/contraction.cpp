#include "hypertape/autodiff/contraction.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// t(a, b, c) = sum over i, j of a_i b_j c_ij: the outer product (role 2) with a bias for each j, c stored i fastest.
struct OuterForm {
  static constexpr const char* names[3] = {"outer_left", "outer_right", "outer"};
  Index rows, columns;

  Shape shape(Role role) const {
    return role == Role::first ? Shape{rows} : role == Role::second ? Shape{columns} : Shape{rows, columns};
  }
  hypertape::detail::ChannelSumMap bias() const { return {Shape{rows, columns}, Shape{columns}}; }
  template <Role role>
  Index scratch() const {
    return 0;
  }
  template <Role role, class T>
  void contract(const T* first, const T* second, kernels::OutputMode mode, T* out, T*) const {
    if (mode == kernels::OutputMode::write) std::fill_n(out, shape(role).size(), T(0));
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < columns; ++j) {
        const Index ij = j * rows + i;
        if constexpr (role == Role::first) out[i] += first[j] * second[ij];
        if constexpr (role == Role::second) out[j] += first[i] * second[ij];
        if constexpr (role == Role::product) out[ij] += first[i] * second[j];
      }
    }
  }
};

const OuterForm outer{3, 2};
const Tensor<double> a = random_tensor<double>({3}, 1), b = random_tensor<double>({2}, 2),
                     c = random_tensor<double>({3, 2}, 3), bias = random_tensor<double>({2}, 4);

}  // namespace

TEST_CASE("Contraction: each role of a user's own form works to second order") {
  check_operation([](auto x) { return contract<Role::product>(outer, {x[0], x[1]}); }, {a, b});
  check_operation([](auto x) { return contract<Role::second>(outer, {x[0], x[1]}); }, {a, c});
  check_operation([](auto x) { return contract<Role::first>(outer, {x[0], x[1]}); }, {b, c});
}

TEST_CASE("Contraction: a product that starts from a bias") {
  check_operation([](auto x) { return contract<Role::product>(outer, {x[0], x[1], x[2]}); }, {a, b, bias});
  check_operation([](auto x) { return contract<Role::product>(outer, {x[0], x[1], exp(x[1])}); }, {a, b});
}

TEST_CASE("Contraction: one node holds a sum of pairs") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(a), y = tape.leaf(b);
  const Var<double> pairs = contract<Role::product>(outer, {x, y, exp(x), exp(y)});
  const Var<double> apart = contract<Role::product>(outer, {x, y}) + contract<Role::product>(outer, {exp(x), exp(y)});
  CHECK(relative_error(pairs.value(), apart.value()) <= 1e-15);
  check_operation(
      [](auto v) {
        return contract<Role::product>(outer, {v[0], v[1], exp(v[0]), exp(v[1]), v[2]});
      },
      {a, b, bias});
}

TEST_CASE("Contraction: only one operand moves") {
  for (const bool left : {true, false}) {
    check_operation(
        [left](auto x) {
          const Var<double> constant = x[0].tape().leaf(left ? b : a);
          return left ? contract<Role::product>(outer, {x[0], constant})
                      : contract<Role::product>(outer, {constant, x[0]});
        },
        {left ? a : b});
  }
  check_operation(
      [](auto x) {
        return contract<Role::product>(outer, {x[0].tape().leaf(a), x[0].tape().leaf(b), x[0]});
      },
      {bias});
}
