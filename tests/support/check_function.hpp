#pragma once

#include "support/check_operation.hpp"

namespace hypertape::testing {

/// Checks an elementwise function f of a Var against `reference`, the same function of a double: values in float and
/// double, and derivatives.
template <class F, class Reference>
void check_function(const F& f, const Reference& reference, const Tensor<double>& x) {
  const auto of_first = [&f](auto v) { return f(v[0]); };
  const Tensor<float> rounded = cast<float>(x);
  check_values(evaluate(of_first, std::vector{x}), [&](Index i) { return reference(x[i]); });
  check_values(evaluate(of_first, std::vector{rounded}),
               [&](Index i) { return reference(static_cast<double>(rounded[i])); });
  check_operation(of_first, {x});
}

}  // namespace hypertape::testing
