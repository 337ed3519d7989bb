#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/autodiff/finite_differences.hpp"
#include "hypertape/unroll/unroll.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The error of each part of a hypergradient against central differences through the whole loop: the Euclidean norm of
/// the difference divided by the larger of the two norms, NaN if anything compared was NaN.
struct HypergradientCheck {
  /// The error for one kind of input, over the data of all steps together: "initial weights", "x", "hyperparameters",
  /// ...
  struct Part {
    std::string name;  ///< as in messages
    double error = 0;  ///< relative
  };
  std::vector<Part> parts;  ///< for the inputs that the loop has, in the order of `for_each_input`

  /// The error of this part. @throws ArgumentError, listing the names, if there is no such part.
  double operator[](std::string_view name) const {
    const auto found = std::ranges::find(parts, name, &Part::name);
    if (found != parts.end()) return found->error;
    std::string names;
    for (const Part& part : parts) names += (names.empty() ? "" : ", ") + part.name;
    throw ArgumentError("HypergradientCheck: no part ", name, " among ", names);
  }
  /// Whether every error is within the tolerance; false for NaN as well.
  bool within(double tolerance) const {
    return std::ranges::all_of(parts, [&](const Part& part) { return part.error <= tolerance; });
  }
};

/// Checks the hypergradient of this loop with these losses (as for `hypergradient`), for example when they use your own
/// operations or update rule. It takes two training runs per number given to the loop, so the problem should be small.
/// A step of cbrt(epsilon) leaves a relative error near 1e-8 where the losses are smooth. The options choose how
/// derivatives are computed, such as the kind of second derivative; every part is compared, whatever they select.
///
///     check_hypergradient(loop, inner_loss, outer_loss).within(1e-6)
///
/// @throws ArgumentError if the options have a window or are first-order, since those derivatives differ from the ones
/// through the whole loop; otherwise what Unroll throws.
template <class T>
HypergradientCheck check_hypergradient(InnerLoop<T> loop, std::type_identity_t<InnerLoss<T>> inner_loss,
                                       std::type_identity_t<OuterLoss<T>> outer_loss, UnrollOptions options = {}) {
  static_assert(std::is_same_v<T, double>, "central differences need double precision");
  if (options.window != 0 || options.first_order) {
    throw ArgumentError(
        "check_hypergradient: the derivatives of a truncated window, or of first order, differ from "
        "those of the whole loop");
  }
  options.differentiate = {true, true, true};
  Unroll<T> unroll(std::move(inner_loss), options);
  const Hypergradient<T> h = unroll(loop, outer_loss);
  const auto loss = [&] { return unroll(loop, outer_loss).outer_loss; };
  const auto has_bound = [&](const Tensor<T>& values) {
    const std::vector<Tensor<T>>& tensors = loop.state0.slot;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (&values == &tensors[i]) return loop.rule->slot(i).least >= 0;
    }
    return false;
  };
  const std::vector<optim::Coefficient> coefficients = loop.rule->coefficients();
  HypergradientCheck result;
  detail::RelativeDifference difference;
  for_each_input(
      [&](const InputName& name, Tensor<T>& values, const Tensor<T>& derivative) {
        if (result.parts.empty() || result.parts.back().name != name.what) {
          difference = {};
          result.parts.push_back({name.what});
        }
        for (Index i = 0; i < values.size(); ++i) {
          T& value = values.values()[static_cast<std::size_t>(i)];
          constexpr double infinity = std::numeric_limits<double>::infinity();
          if (&values == &loop.rule.coefficients) {
            const optim::Coefficient& c = coefficients[static_cast<std::size_t>(i)];
            difference.add(derivative[i], detail::difference_within(value, c.least, c.end, loss));
          } else if (has_bound(values) && value > 0) {  // a mean of squares of any scale
            difference.add(derivative[i], detail::central_difference(value, value * detail::difference_step(0.), loss));
          } else {
            difference.add(derivative[i], detail::difference_within(value, -infinity, infinity, loss));
          }
        }
        result.parts.back().error = difference.value();
      },
      loop, h);
  return result;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
