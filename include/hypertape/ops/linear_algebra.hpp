#pragma once

#include <algorithm>

#include "hypertape/kernels/triangular_decompositions.hpp"
#include "hypertape/ops/triangle.hpp"

/// Factorizations and solutions of linear equations for row-major matrices, computed by Eigen. Derivatives are as in
/// Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation".
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

inline void require_square(const char* operation, const Shape& shape) {
  require_row_major(operation, "the matrix", shape);
  if (shape.rank() != 2 || shape[0] != shape[1]) throw ShapeError(operation, ": needs a square matrix, got ", shape);
}
inline void require_right_side(const char* operation, const Shape& matrix, const Shape& right) {
  require_row_major(operation, "the right-hand side", right);
  if (right.rank() != 2 || right[0] != matrix[0]) {
    throw ShapeError(operation, ": ", matrix, " needs a right-hand side of ", matrix[0], " rows, got ", right);
  }
}

/// op(A) X = B for a triangular A, where op may transpose:
///     X' = op(A)^-1 (B' - op(A') X)        B_bar = op(A)^-T X_bar        op(A)_bar = - B_bar X^T
template <class T>
struct SolveTriangular final : Operation<T> {
  bool upper, transposed;

  SolveTriangular(bool upper_, bool transposed_) : upper(upper_), transposed(transposed_) {}

  const char* name() const override { return "solve_triangular"; }
  void evaluate(const Evaluation<T>& call) const override {
    const Shape& x = call.output_shape();
    std::copy_n(call.input(1), x.size(), call.output());
    kernels::solve_triangular(x[0], x[1], call.input(0), upper, transposed, call.output());
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> a = call.tangent(0), b = call.tangent(1);
    Var<T> right = b;
    if (a) {
      const Var<T> turned = triangular_product(a, call.output(), upper, transposed);
      right = b ? b - turned : -turned;
    }
    return of(call.input(0), right, upper, transposed);
  }
  void pullback(PullbackSweep<T>& call) const override {
    const Var<T> b = of(call.input(0), call.adjoint(), upper, !transposed), x = call.output();
    if (call.needs(1)) call.add(1, b);
    if (!call.needs(0)) return;
    call.add(0, -(transposed ? triangle_of_product(x, b, upper) : triangle_of_product(b, x, upper)));
  }

  static Var<T> of(Var<T> a, Var<T> b, bool upper, bool transposed) {
    return a.tape().apply(SolveTriangular(upper, transposed), b.shape(), {a, b});
  }
};

/// L of the symmetric part of A = L L^T. With F the lower triangle with its diagonal halved,
///     L' = L F(L^-1 A' L^-T)        A_bar = symmetric part of L^-T F(L^T L_bar) L^-1
template <class T>
struct Cholesky final : Operation<T> {
  const char* name() const override { return "cholesky"; }
  void evaluate(const Evaluation<T>& call) const override {
    const Index N = call.output_shape()[0];
    T* const out = call.output();
    kernels::transpose_matrix(N, N, call.input(0), N, out, N);
    kernels::map(N * N, call.input(0), out, out, [](T own, T turned) { return (own + turned) / T(2); });
    if (!kernels::factorize_cholesky(N, out)) {
      throw ArgumentError("cholesky: the matrix ", call.input_shape(0), " is not positive definite");
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> l = call.output(), inner = turned_between(l, symmetric(call.tangent(0)), false);  // also symmetric
    return triangular_product(l, triangle(inner, false, 0.5), false);
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    const Var<T> l = call.output();
    const Var<T> inner = triangle(triangular_product(l, call.adjoint(), false, true), false, 0.5);
    call.add(0, symmetric(turned_between(l, inner, true)));
  }

 private:
  static Var<T> symmetric(Var<T> a) { return T(0.5) * (a + transpose(a)); }
  /// The transpose of L^-1 S L^-T, or of L^-T S L^-1.
  static Var<T> turned_between(Var<T> l, Var<T> s, bool transposed) {
    const Var<T> left = SolveTriangular<T>::of(l, s, false, transposed);
    return SolveTriangular<T>::of(l, transpose(left), false, transposed);
  }
};

[[noreturn]] inline void refuse_singular(const char* operation, const Shape& shape) {
  throw ArgumentError(operation, ": the matrix ", shape, " is singular");
}

/// op(A) X = B, where op may transpose; its derivatives are those of SolveTriangular.
template <class T>
struct Solve final : Operation<T> {
  bool transposed;

  explicit Solve(bool transposed_) : transposed(transposed_) {}

  const char* name() const override { return "solve"; }
  void evaluate(const Evaluation<T>& call) const override {
    const Shape& x = call.output_shape();
    if (kernels::solve(x[0], x[1], call.input(0), transposed, call.input(1), call.output())) return;
    refuse_singular("solve", call.input_shape(0));
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> a = call.tangent(0), b = call.tangent(1);
    Var<T> right = b;
    if (a) {
      const Var<T> turned = matmul(a, call.output(), {.transpose_a = transposed});
      right = b ? b - turned : -turned;
    }
    return of(call.input(0), right, transposed);
  }
  void pullback(PullbackSweep<T>& call) const override {
    const Var<T> b = of(call.input(0), call.adjoint(), !transposed), x = call.output();
    if (call.needs(1)) call.add(1, b);
    if (!call.needs(0)) return;
    call.add(0, -(transposed ? matmul(x, b, {.transpose_b = true}) : matmul(b, x, {.transpose_b = true})));
  }

  static Var<T> of(Var<T> a, Var<T> b, bool transposed) { return a.tape().apply(Solve(transposed), b.shape(), {a, b}); }
};

/// Y = A^-1:  Y' = - Y A' Y        A_bar = - Y^T Y_bar Y^T
template <class T>
struct Inverse final : Operation<T> {
  const char* name() const override { return "inverse"; }
  void evaluate(const Evaluation<T>& call) const override {
    const Shape& shape = call.input_shape(0);
    if (!kernels::invert(shape[0], call.input(0), call.output())) refuse_singular("inverse", shape);
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return -matmul(matmul(call.output(), call.tangent(0)), call.output());
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    const Var<T> y = call.output();
    call.add(0, -matmul(matmul(y, call.adjoint(), {.transpose_a = true}), y, {.transpose_b = true}));
  }
};

/// y = log |det A|:  y' = <A^-T, A'>        A_bar = y_bar A^-T
template <class T>
struct LogDeterminant final : Operation<T> {
  const char* name() const override { return "log_determinant"; }
  void evaluate(const Evaluation<T>& call) const override {
    const Shape& shape = call.input_shape(0);
    if (!kernels::log_determinant(shape[0], call.input(0), call.output())) refuse_singular("log_determinant", shape);
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return dot(inverse_transposed(call.input(0)), call.tangent(0));
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, scale(call.adjoint(), inverse_transposed(call.input(0))));
  }

 private:
  static Var<T> inverse_transposed(Var<T> a) { return transpose(a.tape().apply(Inverse<T>(), a.shape(), {a})); }
};

}  // namespace detail

/// The lower-triangular L of A = L L^T (N, N). A is replaced by its symmetric part (A + A^T) / 2, so derivatives are
/// symmetric. @throws ShapeError unless A is square; ArgumentError if it is not positive definite.
template <class T>
Var<T> cholesky(Var<T> a) {
  detail::require_square("cholesky", a.shape());
  return a.tape().apply(detail::Cholesky<T>(), a.shape(), {a});
}

/// The kind of equations that `solve_triangular` solves.
struct TriangularOptions {
  bool upper = false;       ///< whether the matrix is upper triangular; its other triangle is not read
  bool transposed = false;  ///< whether to solve A^T X = B
};

/// Solves A X = B for X (N, R), with A (N, N) triangular and B (N, R). @throws ShapeError if these do not fit. A zero
/// on the diagonal gives infinities.
template <class T>
Var<T> solve_triangular(Var<T> a, Var<T> b, TriangularOptions options = {}) {
  detail::require_square("solve_triangular", a.shape());
  detail::require_right_side("solve_triangular", a.shape(), b.shape());
  return detail::SolveTriangular<T>::of(a, b, options.upper, options.transposed);
}

/// Solves A X = B for X (N, R), with A (N, N) and B (N, R). @throws ShapeError if these do not fit; ArgumentError if A
/// is singular.
template <class T>
Var<T> solve(Var<T> a, Var<T> b) {
  detail::require_square("solve", a.shape());
  detail::require_right_side("solve", a.shape(), b.shape());
  return detail::Solve<T>::of(a, b, false);
}

/// A^-1 (N, N). To solve equations, `solve` is faster and more accurate. @throws ShapeError unless A is square;
/// ArgumentError if it is singular.
template <class T>
Var<T> inverse(Var<T> a) {
  detail::require_square("inverse", a.shape());
  return a.tape().apply(detail::Inverse<T>(), a.shape(), {a});
}

/// log |det A|, a scalar. For a positive definite matrix, 2 sum(log(diagonal(cholesky(a)))) takes half the time.
/// @throws ShapeError unless A is square; ArgumentError if it is singular.
template <class T>
Var<T> log_determinant(Var<T> a) {
  detail::require_square("log_determinant", a.shape());
  return a.tape().apply(detail::LogDeterminant<T>(), Shape{}, {a});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
