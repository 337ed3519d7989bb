#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/autodiff/finite_differences.hpp"
#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The errors of derivatives that `check_gradient` found; each is relative, and NaN if anything compared was NaN.
struct GradientCheck {
  double pullback = 0;   ///< J^T u against central differences of <u, f>, over all elements of all inputs
  double tangent = 0;    ///< J v against the central difference of f along v
  double transpose = 0;  ///< <J v, u> against <v, J^T u>: both are exact, so only rounding remains

  /// @{
  /// Second-order checks, 0 unless requested: the same for J^T u as a function of the inputs and u, and for J v as a
  /// function of the inputs and v.
  double pullback_of_pullback = 0;
  double tangent_of_pullback = 0;
  double pullback_of_tangent = 0;
  double tangent_of_tangent = 0;
  double transpose_of_pullback = 0;
  double transpose_of_tangent = 0;
  /// @}
  double symmetry = 0;  ///< of the Hessian H of <u, f>: <v, H w> against <w, H v>, each also by tangents of tangents

  /// The element of a derivative that is farthest from its finite difference, relative to the norm of all elements that
  /// were compared with it.
  struct Element {
    std::string derivative;  ///< the member above: "pullback", "tangent of pullback", ...
    std::size_t tensor =
        0;  ///< for a pullback, the input (cotangents or directions come after f's inputs); for a tangent, the output
    Index element = 0;      ///< in memory order
    double derived = 0;     ///< from the pullback or tangent
    double difference = 0;  ///< from a central difference
    double error = 0;       ///< |derived - difference| / norm; NaN if either is NaN
  };
  Element worst;  ///< over all derivatives checked

  /// Describes the worst element, as in "pullback: element 3 of tensor 0 is 2, the difference 3 (relative error 0.1)".
  std::string str() const {
    return detail::concat(worst.derivative, ": element ", worst.element, " of tensor ", worst.tensor, " is ",
                          worst.derived, ", the difference ", worst.difference, " (relative error ", worst.error, ')');
  }

  /// Whether errors against finite differences, and those due to rounding, are within these tolerances. False for NaN.
  bool within(double difference_tolerance, double rounding_tolerance) const {
    for (const double error :
         {pullback, tangent, pullback_of_pullback, tangent_of_pullback, pullback_of_tangent, tangent_of_tangent}) {
      if (!(error <= difference_tolerance)) return false;
    }
    for (const double error : {transpose, transpose_of_pullback, transpose_of_tangent, symmetry}) {
      if (!(error <= rounding_tolerance)) return false;
    }
    return true;
  }
};

/// What `check_gradient` checks.
struct GradientCheckOptions {
  int order = 1;           ///< order of the derivatives; 2 also checks second derivatives
  std::uint64_t seed = 1;  ///< for the random directions u, v and w
};

namespace detail {

/// A function of several tensors with several results.
template <class T>
using VectorFunction = std::function<std::vector<Var<T>>(std::span<const Var<T>>)>;

template <class T>
std::vector<Var<T>> leaves(Tape<T>& tape, const std::vector<Tensor<T>>& values) {
  std::vector<Var<T>> out;
  for (const Tensor<T>& value : values) out.push_back(tape.leaf(value));
  return out;
}

template <class T>
std::vector<Tensor<T>> values_of(const std::vector<Var<T>>& vars) {
  std::vector<Tensor<T>> out;
  for (const Var<T>& var : vars) out.push_back(var.value());
  return out;
}

template <class T>
std::vector<Tensor<T>> random_like(const std::vector<Tensor<T>>& tensors, Random& random) {
  std::vector<Tensor<T>> out;
  for (const Tensor<T>& tensor : tensors) {
    Tensor<T>& direction = out.emplace_back(tensor.shape());
    for (T& value : direction.values()) value = static_cast<T>(random.normal());
  }
  return out;
}

/// An inner product and the sum of the magnitudes of its terms, to which its rounding error is proportional.
struct InnerProduct {
  double value = 0, magnitude = 0;
};

template <class T>
InnerProduct inner_product(const std::vector<Tensor<T>>& a, const std::vector<Tensor<T>>& b) {
  InnerProduct out;
  for (std::size_t i = 0; i < a.size(); ++i) {
    out.value += static_cast<double>(kernels::dot(a[i].size(), a[i].data(), b[i].data()));
    for (Index k = 0; k < a[i].size(); ++k) out.magnitude += std::abs(static_cast<double>(a[i][k] * b[i][k]));
  }
  return out;
}

/// |a - b| relative to a magnitude, or absolute if that is 0.
inline double relative_to(double magnitude, double a, double b) {
  return magnitude > 0 ? std::abs(a - b) / magnitude : std::abs(a - b);
}

template <class T>
std::vector<Var<T>> vjp(const std::vector<Var<T>>& y, const std::vector<Var<T>>& u, std::span<const Var<T>> x) {
  std::vector<Var<T>> out(x.size());
  hypertape::vjp<T>(y, u, x, out);
  return out;
}

template <class T>
std::vector<Var<T>> jvp(const std::vector<Var<T>>& y, std::span<const Var<T>> x, std::span<const Var<T>> v) {
  std::vector<Var<T>> out(y.size());
  hypertape::jvp<T>(y, x, v, out);
  return out;
}

inline GradientCheck::Element worst_of(const char* derivative, const RelativeDifference& compared) {
  const RelativeDifference::Element& at = compared.worst();
  const double scale = compared.scale(), off = std::abs(at.exact - at.estimate);
  return {derivative, at.tensor, at.element, at.exact, at.estimate, scale > 0 ? off / scale : off};
}

/// The element with the larger error; NaN counts as the largest.
inline GradientCheck::Element worse(const GradientCheck::Element& a, const GradientCheck::Element& b) {
  return b.error <= a.error || std::isnan(a.error) ? a : b;
}

/// Computes the first three members of GradientCheck, for a function of several results.
template <class T>
GradientCheck check_first_derivatives(const VectorFunction<T>& f, const std::vector<Tensor<T>>& inputs,
                                      Random& random) {
  Tape<T> tape;
  const auto evaluate = [&](const std::vector<Tensor<T>>& values) {
    const auto mark = tape.mark();
    const std::vector<Tensor<T>> out = values_of(f(leaves(tape, values)));
    tape.rewind(mark);
    return out;
  };

  const std::vector<Var<T>> x = leaves(tape, inputs), y = f(x);
  const std::vector<Tensor<T>> v = random_like(inputs, random), u = random_like(values_of(y), random);
  const std::vector<Tensor<T>> pulled = values_of(vjp<T>(y, leaves(tape, u), x));
  const std::vector<Tensor<T>> pushed = values_of(jvp<T>(y, x, leaves(tape, v)));

  GradientCheck result;
  RelativeDifference pullback_error, tangent_error;
  std::vector<Tensor<T>> moved = inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (Index element = 0; element < inputs[i].size(); ++element) {
      T& x_i = moved[i][element];
      const double slope =
          central_difference(x_i, difference_step(x_i), [&] { return inner_product(u, evaluate(moved)).value; });
      pullback_error.add(static_cast<double>(pulled[i][element]), slope, i, element);
    }
  }
  result.pullback = pullback_error.value();
  result.worst = worst_of("pullback", pullback_error);

  const T step = difference_step(T(1));
  std::vector<Tensor<T>> forward = inputs, backward = inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (Index element = 0; element < inputs[i].size(); ++element) {
      forward[i][element] += step * v[i][element];
      backward[i][element] -= step * v[i][element];
    }
  }
  const std::vector<Tensor<T>> upper = evaluate(forward), lower = evaluate(backward);
  for (std::size_t i = 0; i < pushed.size(); ++i) {
    for (Index element = 0; element < pushed[i].size(); ++element) {
      const T slope = (upper[i][element] - lower[i][element]) / (2 * step);
      tangent_error.add(static_cast<double>(pushed[i][element]), static_cast<double>(slope), i, element);
    }
  }
  result.tangent = tangent_error.value();
  result.worst = worse(result.worst, worst_of("tangent", tangent_error));

  const InnerProduct pushed_inner = inner_product(pushed, u);
  result.transpose = relative_to(pushed_inner.magnitude, pushed_inner.value, inner_product(pulled, v).value);
  return result;
}

/// Computes GradientCheck::symmetry.
template <class T>
double check_symmetry(const VectorFunction<T>& f, const std::vector<Tensor<T>>& inputs, Random& random) {
  Tape<T> tape;
  const std::vector<Var<T>> x = leaves(tape, inputs), y = f(x);
  const std::vector<Tensor<T>> u = random_like(values_of(y), random);
  const std::vector<Tensor<T>> directions[2] = {random_like(inputs, random), random_like(inputs, random)};
  const std::vector<Var<T>> slope = vjp<T>(y, leaves(tape, u), x);
  std::vector<double> found;
  double magnitude = 0;  // the rounding error is relative to the largest term of the first and second derivatives
  const auto add = [&](const std::vector<Tensor<T>>& a, const std::vector<Var<T>>& b) {
    const InnerProduct product = inner_product(a, values_of(b));
    magnitude = (std::max)(magnitude, product.magnitude);
    return product.value;
  };
  for (const int first : {0, 1}) {
    const std::vector<Var<T>> v = leaves(tape, directions[first]), w = leaves(tape, directions[1 - first]);
    const std::vector<Var<T>> pushed = jvp<T>(y, x, v);
    add(u, pushed);
    found.push_back(add(directions[1 - first], jvp<T>(slope, x, v)));
    found.push_back(add(u, jvp<T>(pushed, x, w)));
  }
  double sum = 0;  // unlike a maximum, it keeps a NaN
  for (const double value : found) sum += relative_to(magnitude, value, found.front());
  return sum;
}

}  // namespace detail

/// Checks the derivatives of f at the given point. f takes a span of Vars, one for each input in order, and returns one
/// Var of any shape; it must be deterministic. Use double: a step of cbrt(epsilon) then leaves a relative error near
/// 1e-9 where f is smooth.
///
///     check_gradient<double>([](auto x) { return sum(x[0] * tanh(x[1])); }, {a, b}).within(1e-7, 1e-12)
///
/// An operation's pullback and tangent are themselves functions, built from operations that have pullbacks and
/// tangents. `{.order = 2}` checks these as well, and the symmetry of the Hessian, which is all that hypergradients
/// need of an operation. @throws ArgumentError for an order other than 1 or 2.
template <class T, class Function>
GradientCheck check_gradient(const Function& f, const std::vector<Tensor<T>>& inputs,
                             GradientCheckOptions options = {}) {
  static_assert(std::is_invocable_r_v<Var<T>, const Function&, std::span<const Var<T>>>,
                "check_gradient: the function takes a span of Vars and returns a Var");
  if (options.order != 1 && options.order != 2) {
    throw ArgumentError("check_gradient: the order must be 1 or 2, got ", options.order);
  }
  using Vars = std::vector<Var<T>>;
  using Span = std::span<const Var<T>>;
  constexpr std::uint64_t of_directions = 1;  // a separate stream: the inputs may have been drawn with the same seed
  Random random(options.seed, {of_directions});
  const detail::VectorFunction<T> value = [&](Span x) { return Vars{f(x)}; };
  GradientCheck result = detail::check_first_derivatives<T>(value, inputs, random);
  if (options.order == 1) return result;

  // The pullback as a function of the inputs and a cotangent; the tangent as a function of the inputs and directions.
  const std::size_t count = inputs.size();
  const detail::VectorFunction<T> pullback = [&](Span x) {
    return detail::vjp<T>(value(x.first(count)), Vars{x[count]}, x.first(count));
  };
  const detail::VectorFunction<T> tangent = [&](Span x) {
    return detail::jvp<T>(value(x.first(count)), x.first(count), x.subspan(count));
  };
  const auto with = [&](const std::vector<Tensor<T>>& shapes) {
    std::vector<Tensor<T>> all = inputs;
    for (Tensor<T>& direction : detail::random_like(shapes, random)) all.push_back(std::move(direction));
    return all;
  };
  Tape<T> tape;
  const auto of_pullback = detail::check_first_derivatives<T>(
      pullback, with(detail::values_of(value(detail::leaves(tape, inputs)))), random);
  const auto of_tangent = detail::check_first_derivatives<T>(tangent, with(inputs), random);
  result.pullback_of_pullback = of_pullback.pullback;
  result.tangent_of_pullback = of_pullback.tangent;
  result.transpose_of_pullback = of_pullback.transpose;
  result.pullback_of_tangent = of_tangent.pullback;
  result.tangent_of_tangent = of_tangent.tangent;
  result.transpose_of_tangent = of_tangent.transpose;
  for (auto [kind, worst] :
       {std::pair(" of pullback", of_pullback.worst), std::pair(" of tangent", of_tangent.worst)}) {
    worst.derivative += kind;
    result.worst = detail::worse(result.worst, worst);
  }
  result.symmetry = detail::check_symmetry<T>(value, inputs, random);
  return result;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
