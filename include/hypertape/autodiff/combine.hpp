#pragma once

#include <span>

#include "hypertape/autodiff/sweep.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// y = offset + sum over i of factor_i x_i, elementwise; all x_i have y's shape. Addition, subtraction, negation and
/// scaling by a constant are all this operation, and so are its derivatives. It lives here rather than in ops because
/// the reverse sweep uses it to add adjoints.
template <class T>
struct Combination final : Operation<T> {
  static constexpr T no_offset = T(-0.0);  ///< keeps the sign of a zero

  const T* factors;  ///< one for each input, in the tape's memory
  T offset;          ///< added to every element

  /// The factors must live as long as the tape's record.
  Combination(const T* factors_, T offset_) : factors(factors_), offset(offset_) {}

  /// Whether multiplying by a factor changes nothing.
  static bool is_one(T factor) { return factor >= 1 && factor <= 1; }

  const char* name() const override { return "combine"; }
  bool is_cheap() const override { return true; }

  void evaluate(const Evaluation<T>& call) const override {
    const Index count = call.output_shape().size();
    T* out = call.output();
    if (call.inputs() == 2) {  // by far the most frequent case: one pass
      const T *a = call.input(0), *b = call.input(1);
      for (Index i = 0; i < count; ++i) out[i] = offset + factors[0] * a[i] + factors[1] * b[i];
      return;
    }
    const T constant = offset, first_factor = factors[0];
    const T* first = call.input(0);
    for (Index i = 0; i < count; ++i) out[i] = constant + first_factor * first[i];
    for (int term = 1; term < call.inputs(); ++term) {
      const T factor = factors[term];
      const T* x = call.input(term);
      for (Index i = 0; i < count; ++i) out[i] += factor * x[i];
    }
  }

  Var<T> tangent(const TangentSweep<T>& call) const override {
    auto* used_factors = call.tape().template allocate<T>(call.inputs());
    auto* used = call.tape().template allocate<Var<T>>(call.inputs());
    std::size_t count = 0;
    for (int i = 0; i < call.inputs(); ++i) {
      if (!call.tangent(i)) continue;
      used_factors[count] = factors[i];
      used[count++] = call.tangent(i);
    }
    if (count == 1 && is_one(used_factors[0])) return used[0];
    return call.tape().apply(Combination(used_factors, no_offset), call.output_shape(), std::span(used, count));
  }

  void pullback(PullbackSweep<T>& call) const override {
    for (int i = 0; i < call.inputs(); ++i) {
      if (!call.needs(i)) continue;
      call.add(i, is_one(factors[i]) ? call.adjoint() : combine(factors[i], call.adjoint()));
    }
  }
};

/// offset + factor x, elementwise.
template <class T>
Var<T> combine(T factor, Var<T> x, T offset) {
  auto* factors = x.tape().template allocate<T>(1);
  factors[0] = factor;
  return x.tape().apply(Combination<T>(factors, offset), x.shape(), {x});
}

/// a_factor a + b_factor b, elementwise. @throws ShapeError if the shapes differ.
template <class T>
Var<T> combine(T a_factor, Var<T> a, T b_factor, Var<T> b) {
  if (a.shape() != b.shape()) {
    throw ShapeError("add: operands must have the same shape, got ", a.shape(), " and ", b.shape());
  }
  static constexpr T sum[] = {1, 1}, difference[] = {1, -1};  // most are one of these
  const auto is_one = Combination<T>::is_one;
  const T own[] = {a_factor, b_factor};
  const T* factors = is_one(a_factor) && is_one(b_factor)    ? sum
                     : is_one(a_factor) && is_one(-b_factor) ? difference
                                                             : a.tape().arena().copy(std::span<const T>(own));
  return a.tape().apply(Combination<T>(factors, Combination<T>::no_offset), a.shape(), {a, b});
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
