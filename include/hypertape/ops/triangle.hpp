#pragma once

#include <algorithm>

#include "hypertape/ops/matmul.hpp"

/// Triangles of row-major matrices, and products with them that skip the zeros.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The elements of a matrix on one side of its diagonal, `on_diagonal` times the diagonal itself, and zeros elsewhere.
struct TriangleMap {
  static constexpr const char *name = "triangle", *adjoint_name = "triangle";
  static constexpr bool cheap = true;
  Shape domain, codomain;
  bool upper;
  double on_diagonal;

  template <class T>
  void apply(const T* in, T* out) const {
    const Index columns = domain[1];
    for (Index r = 0; r < domain[0]; ++r, in += columns, out += columns) {
      const Index first = (std::min)(r, columns), after = (std::min)(r + 1, columns);
      if (upper) {
        std::fill_n(out, first, T(0));
        std::copy(in + after, in + columns, out + after);
      } else {
        std::copy_n(in, first, out);
        std::fill(out + after, out + columns, T(0));
      }
      if (first < after) out[first] = static_cast<T>(on_diagonal) * in[first];
    }
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    apply(in, out);
  }
};
template <class T>
Var<T> triangle(Var<T> x, bool upper, double on_diagonal = 1) {
  const Shape shape = x.shape();
  if (shape.rank() != 2) throw ShapeError("triangle: needs a matrix, got ", shape);
  require_row_major("triangle", "the matrix", shape);
  return apply_map(TriangleMap{shape, shape, upper, on_diagonal}, x);
}

/// t(a, b, c) = sum over k, m in the triangle, and n, of a[m][k] b[k][n] c[m][n], for a (N, N), b and c (N, R). Its
/// contractions are the product of a triangle and a matrix, c = tri(a) b; the same with the triangle transposed, b =
/// tri(a)^T c; and the triangle of an outer product, a = tri(c b^T). Elements of a outside the triangle are not read.
struct TriangularForm {
  static constexpr const char* names[3] = {"triangle_of_product", "triangular_product", "triangular_product"};
  Shape a, b;
  bool upper;

  Shape shape(Role role) const { return role == Role::first ? a : b; }
  template <Role role>
  Index scratch() const {
    return a.size() + parts<role>() * scratch_of_part<role>();
  }
  template <Role role, class T>
  void contract(const T* first, const T* second, kernels::OutputMode mode, T* out, T* scratch) const {
    const Index N = a[0], R = b[1];
    T* const triangle = scratch;
    const Index part_count = parts<role>(), each = scratch_of_part<role>();
    const auto product = [&](kernels::Factor<T> left, kernels::Factor<T> right, const kernels::MatmulParts& nonzero,
                             kernels::OutputMode how, T* to) {
      parallel_ranges(part_count, N, [&](Index part, Range rows) {
        kernels::matmul<T>(N, role == Role::first ? N : R, role == Role::first ? R : N, rows, left, right, how, to,
                           scratch + a.size() + part * each, nonzero);
      });
    };
    const auto side = upper ? kernels::Side::from_diagonal : kernels::Side::to_diagonal;
    const auto other_side = upper ? kernels::Side::to_diagonal : kernels::Side::from_diagonal;
    const TriangleMap map{a, a, upper, 1};
    if constexpr (role == Role::first) {  // from b and c
      product({second, false}, {first, true}, {.of_result = side}, kernels::OutputMode::write, triangle);
      if (mode == kernels::OutputMode::write) return map.apply(triangle, out);
      for (Index r = 0; r < N; ++r) {
        for (Index k = upper ? r : 0; k < (upper ? N : r + 1); ++k) out[r * N + k] += triangle[r * N + k];
      }
    } else {
      map.apply(first, triangle);
      product({triangle, role == Role::second}, {second, false}, {.of_left = role == Role::second ? other_side : side},
              mode, out);
    }
  }

 private:
  template <Role role>
  Index parts() const {
    return parallel_parts(a[0], a.size() * b[1]);
  }
  template <Role role>
  Index scratch_of_part() const {
    const Index N = a[0], R = b[1], rows = N / parts<role>() + 1;
    if (role == Role::first) return kernels::matmul_scratch(N, N, R, rows, false, true);
    return kernels::matmul_scratch(N, R, N, rows, role == Role::second, false);
  }
};

/// tri(a) b, or tri(a)^T b.
template <class T>
Var<T> triangular_product(Var<T> a, Var<T> b, bool upper, bool transposed = false) {
  const TriangularForm form{a.shape(), b.shape(), upper};
  return transposed ? contract<Role::second>(form, {a, b}) : contract<Role::product>(form, {a, b});
}
/// tri(c b^T).
template <class T>
Var<T> triangle_of_product(Var<T> c, Var<T> b, bool upper) {
  const TriangularForm form{Shape{c.shape()[0], b.shape()[0]}, b.shape(), upper};
  return contract<Role::first>(form, {b, c});
}

}  // namespace detail

/// @{
/// The lower (or upper) triangle of a matrix, with zeros elsewhere. @throws ShapeError for another rank.
template <class T>
Var<T> lower_triangle(Var<T> x) {
  return detail::triangle(x, false);
}
template <class T>
Var<T> upper_triangle(Var<T> x) {
  return detail::triangle(x, true);
}
/// @}

}  // namespace hypertape::inline HYPERTAPE_ABI
