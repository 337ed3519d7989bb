#include "hypertape/unroll/certify.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "hypertape/unroll/unroll.hpp"
#include "support/compare.hpp"
#include "support/given_problem.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("certify: right hypergradients, and wrong ones") {
  for (const optim::Rule<double>& rule : some_rules()) {
    CAPTURE(rule->name());
    const InnerLoop<double> loop = loop_with(rule);
    const auto h = hypergradient(loop, step_loss, given_loss, {.differentiate = {.y = true}});
    for (const std::uint64_t seed : {1U, 2U}) {
      const Certificate c = certify(loop, step_loss, given_loss, h, seed);
      CHECK(c.difference <= 1e-12);
      CHECK(c.tangent != 0);
      CHECK(c.seconds > 0);
      CHECK(c.bytes > 0);
    }
    // A wrong sign in any tensor, however small its part of the whole is.
    std::size_t tensors = 0;
    for_each_input([&](const InputName&, const Tensor<double>&) { ++tensors; }, h);
    for (std::size_t wrong = 0; wrong < tensors; ++wrong) {
      Hypergradient<double> spoilt = h;
      std::size_t i = 0;
      double norm = 0;
      const auto spoil = [&](const InputName& name, Tensor<double>& tensor) {
        if (i++ != wrong) return;
        CAPTURE(hypertape::detail::concat(name));
        norm = kernels::norm(tensor.size(), tensor.data());
        for (double& value : tensor.values()) value = -value;
      };
      for_each_input(spoil, spoilt);
      CHECK(((certify(loop, step_loss, given_loss, spoilt).difference > 0.1) == (norm > 0)));
    }
  }
}

TEST_CASE("certify: an estimate is compared with the whole") {
  const InnerLoop<double> loop = loop_with(optim::HeavyBall{});
  const auto full = hypergradient(loop, step_loss, given_loss);
  CHECK(std::abs(compare(full, full).cosine - 1) <= 1e-15);
  CHECK(compare(full, full).norm_error == 0);
  Hypergradient<double> twice = full;
  for_each_input(
      [](const InputName&, Tensor<double>& t) {
        for (double& v : t.values()) v *= 2;
      },
      twice);
  CHECK(std::abs(compare(twice, full).cosine - 1) <= 1e-15);
  CHECK(std::abs(compare(twice, full).norm_error - 1) <= 1e-15);
  double before = 2;
  for (const Index window : {1, 3, 5}) {  // the longer, the nearer
    const EstimateError error = compare(hypergradient(loop, step_loss, given_loss, {.window = window}), full);
    CHECK(error.norm_error < before);
    CHECK(error.norm_error > 0);
    before = error.norm_error;
  }
}

}  // namespace
}  // namespace hypertape::testing
