#pragma once

#include <algorithm>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A linear map recorded once, from a leaf whose values change. Applying it recomputes only what depends on the leaf,
/// in the same memory.
template <class T>
class RecordedMap {
 public:
  /// Records the map; `record(leaf)` returns its result for a leaf of this shape.
  template <class Record>
  RecordedMap(Tape<T>& tape, const Shape& shape, const Record& record)
      : values_(tape.template allocate<T>(shape.size())), leaf_(zeros(tape, shape)), result_(record(leaf_)) {}

  /// The result for these values, as many as the leaf has; valid until the next call. @throws ArgumentError if the
  /// record was dropped, as its memory may have been reused.
  const T* operator()(const T* values) const {
    require_recorded();
    std::copy_n(values, leaf_.size(), values_);
    leaf_.tape().renew(leaf_.id());
    return leaf_.tape().values(result_.id());
  }

  /// The result as a tensor. @throws ShapeError, naming the map, for values of another shape.
  Tensor<T> apply(const char* name, const Tensor<T>& values) const {
    require_recorded();
    const Shape shape = leaf_.shape();
    if (values.shape() != shape) throw ShapeError(name, ": needs ", shape, ", got ", values.shape());
    return Tensor<T>(result_.shape(),
                     std::span<const T>((*this)(values.data()), static_cast<std::size_t>(result_.size())));
  }

 private:
  void require_recorded() const {
    leaf_.tape().require_nodes("product with a Jacobian", "part of the record", result_);
  }
  Var<T> zeros(Tape<T>& tape, const Shape& shape) const {
    std::fill_n(values_, shape.size(), T(0));
    return tape.view(shape, values_);
  }

  T* values_;
  Var<T> leaf_, result_;
};

}  // namespace detail

/// Products of the Jacobian dy/dx with many vectors. One forward sweep is recorded, and each product computes only what
/// depends on the vector.
///
///     const JacobianProduct<double> J(y, x);
///     Tensor<double> product = J(direction);
///
/// The record must stay on its tape as long as this is used.
template <class T>
class JacobianProduct {
 public:
  /// Records the sweep. @throws what `jvp` throws.
  JacobianProduct(Var<T> y, Var<T> x)
      : map_(x.tape(), x.shape(), [&](Var<T> v) {
          const detail::TapeSetting<T> scope(x.tape(), &Tape<T>::defer, true);
          return jvp(y, x, v);
        }) {}

  /// J v, of y's shape, for v of x's shape. @throws ShapeError for another shape; ArgumentError if the tape was rewound
  /// past the record.
  Tensor<T> operator()(const Tensor<T>& v) const { return map_.apply("JacobianProduct", v); }
  /// The same for values in memory; the result is valid until the next product.
  const T* operator()(const T* v) const { return map_(v); }

 private:
  detail::RecordedMap<T> map_;
};

/// Products of the transposed Jacobian with many vectors, by one recorded reverse sweep.
template <class T>
class TransposedJacobianProduct {
 public:
  /// Records the sweep. @throws what `vjp` throws.
  TransposedJacobianProduct(Var<T> y, Var<T> x)
      : map_(y.tape(), y.shape(), [&](Var<T> v) {
          Var<T> result;
          vjp<T>(std::span<const Var<T>>(&y, 1), std::span<const Var<T>>(&v, 1), std::span<const Var<T>>(&x, 1),
                 std::span<Var<T>>(&result, 1), {}, 0);
          return result;
        }) {}

  /// J^T v, of x's shape, for v of y's shape. @throws ShapeError for another shape; ArgumentError like JacobianProduct.
  Tensor<T> operator()(const Tensor<T>& v) const { return map_.apply("TransposedJacobianProduct", v); }
  /// The same for values in memory; the result is valid until the next product.
  const T* operator()(const T* v) const { return map_(v); }

 private:
  detail::RecordedMap<T> map_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
