#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The alignment of every tensor and arena block: a cache line, and the widest SIMD register.
inline constexpr std::size_t alignment = 64;

/// A standard allocator of 64-byte aligned memory.
template <class T>
struct AlignedAllocator {
  using value_type = T;  ///< required of allocators by the standard
  AlignedAllocator() = default;
  /// Converts from any other such allocator: there is no state.
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  /// Memory for `count` values. @throws std::bad_alloc if memory runs out.
  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{alignment}));
  }
  /// Frees memory from `allocate`.
  void deallocate(T* pointer, std::size_t) { ::operator delete (pointer, std::align_val_t{alignment}); }
  /// All are equal.
  bool operator==(const AlignedAllocator&) const { return true; }
};

/// Position of element (n, c, h, w) in memory, by the shape's layout.
inline Index offset_of(const Shape& shape, Index n, Index c = 0, Index h = 0, Index w = 0) {
  const Index position = w + shape[3] * h, positions = shape.features() / shape[1];
  switch (shape.layout()) {
    case Layout::samples_innermost:
      return n + shape[0] * (position + positions * c);
    case Layout::channels_innermost:
      return n * shape.features() + position * shape[1] + c;
    case Layout::row_major:
      break;
  }
  return n * shape.features() + position + positions * c;
}

}  // namespace detail

/// Owns the values of one shape, 64-byte aligned, in the order of the shape's layout: a batch (N, F) is Eigen's default
/// column-major matrix, a parameter (O, F) a row-major one.
template <class T>
class Tensor {
 public:
  /// The Eigen type of a batch (`matrix`).
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  /// The Eigen type of a parameter (`row_major_matrix`).
  using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  /// A scalar 0.
  Tensor() : Tensor(Shape{}) {}
  /// A tensor of this shape with one value everywhere.
  explicit Tensor(const Shape& shape, T fill = T(0)) : shape_(shape), values_(to_size(shape.size()), fill) {}

  /// Takes values in memory order: row by row for `Shape{2, 3}`, feature by feature for `Shape::batch(2, 3)`
  /// (`from_row_major` takes them sample by sample). @throws ShapeError if there are not as many values as elements.
  Tensor(const Shape& shape, std::span<const T> values) : shape_(shape), values_(values.begin(), values.end()) {
    if (static_cast<Index>(values.size()) != shape.size()) {
      throw ShapeError("Tensor: shape ", shape, " has ", shape.size(), " elements, got ", values.size());
    }
  }
  /// The same for values in braces.
  Tensor(const Shape& shape, std::initializer_list<T> values)
      : Tensor(shape, std::span<const T>(values.begin(), values.size())) {}

  /// Copies an Eigen vector to shape (n), or a matrix to shape (rows, columns): a batch if it is stored by columns,
  /// Eigen's default, row-major if by rows. @throws ShapeError if it is empty.
  template <class Derived>
  requires(std::is_same_v<typename Derived::Scalar, T>) explicit Tensor(const Eigen::DenseBase<Derived>& matrix) {
    const Index rows = matrix.rows(), columns = matrix.cols();
    if constexpr (Derived::IsVectorAtCompileTime) {
      constexpr bool row = Derived::RowsAtCompileTime == 1;
      resize(Shape{rows * columns});
      Eigen::Map<Eigen::Matrix<T, row ? 1 : Eigen::Dynamic, row ? Eigen::Dynamic : 1>>(data(), rows, columns) = matrix;
    } else if constexpr (Derived::IsRowMajor) {
      resize(Shape{rows, columns});
      row_major_matrix() = matrix;
    } else {
      resize(Shape::batch(rows, columns));
      this->matrix() = matrix;
    }
  }

  /// The extents and the layout of the values.
  const Shape& shape() const { return shape_; }
  /// The number of elements.
  Index size() const { return shape_.size(); }

  /// @{
  /// The values in memory order.
  T* data() { return values_.data(); }
  const T* data() const { return values_.data(); }
  std::span<T> values() { return values_; }
  std::span<const T> values() const { return values_; }
  /// @}

  /// @{
  /// Element i in memory order; not checked.
  T& operator[](Index i) { return values_[to_size(i)]; }
  T operator[](Index i) const { return values_[to_size(i)]; }
  /// @}

  /// @{
  /// Element (n, c, h, w) of at most four axes, whatever the layout; not checked.
  T& operator()(Index n, Index c, Index h = 0, Index w = 0) { return (*this)[detail::offset_of(shape_, n, c, h, w)]; }
  T operator()(Index n, Index c, Index h = 0, Index w = 0) const {
    return (*this)[detail::offset_of(shape_, n, c, h, w)];
  }
  /// @}

  /// @{
  /// A batch as an Eigen matrix (samples, features), without a copy. @throws ShapeError if it is row-major.
  Eigen::Map<Matrix> matrix() {
    detail::require_batch("Tensor::matrix", "the tensor", shape_);
    return {data(), shape_[0], shape_.features()};
  }
  Eigen::Map<const Matrix> matrix() const {
    detail::require_batch("Tensor::matrix", "the tensor", shape_);
    return {data(), shape_[0], shape_.features()};
  }
  /// @}

  /// @{
  /// A parameter as an Eigen matrix (axis 0, all others), without a copy. @throws ShapeError if its samples are
  /// innermost.
  Eigen::Map<RowMajorMatrix> row_major_matrix() {
    detail::require_row_major("Tensor::row_major_matrix", "the tensor", shape_);
    return {data(), shape_[0], shape_.features()};
  }
  Eigen::Map<const RowMajorMatrix> row_major_matrix() const {
    detail::require_row_major("Tensor::row_major_matrix", "the tensor", shape_);
    return {data(), shape_[0], shape_.features()};
  }
  /// @}

  /// Takes on this shape and leaves the values undefined; allocates nothing if the shape stays the same. A tensor that
  /// has been moved from has no memory: resize it before any other use.
  void resize(const Shape& shape) {
    shape_ = shape;
    const std::size_t size = to_size(shape.size());
    if (size > values_.capacity()) {  // exactly what is needed, without copying old values
      values_.clear();
      values_.reserve(size);
    }
    values_.resize(size);
  }

  /// Bytes held, including those kept from a larger earlier shape.
  std::size_t reserved_bytes() const { return values_.capacity() * sizeof(T); }

  /// Sets every element to one value.
  void fill(T value) { std::fill(values_.begin(), values_.end(), value); }

  /// Whether no element is NaN or infinite.
  bool all_finite() const {
    return std::all_of(values_.begin(), values_.end(), [](T value) { return std::isfinite(value); });
  }

 private:
  static std::size_t to_size(Index i) { return static_cast<std::size_t>(i); }

  Shape shape_;
  std::vector<T, detail::AlignedAllocator<T>> values_;
};

namespace detail {

/// Copies samples [begin, begin + count) of a batch (N, ...) to `out`. @throws ArgumentError if the batch does not have
/// them all, ShapeError for a scalar or a row-major tensor.
template <class T>
void copy_samples(const Tensor<T>& batch, Index begin, Index count, Tensor<T>& out) {
  const Index total = batch.shape()[0];
  if (begin < 0 || count < 1 || count > total || begin > total - count) {  // begin + count could overflow
    throw ArgumentError("samples: cannot take ", count, " samples from index ", begin, " of a batch of ", total,
                        " samples");
  }
  detail::require_batch("samples", "the tensor", batch.shape());
  out.resize(batch.shape().with_samples(count));
  const Index features = batch.shape().features();
  for (Index f = 0; f < features; ++f) {
    std::copy_n(batch.data() + f * total + begin, count, out.data() + f * count);
  }
}

}  // namespace detail

/// Samples [begin, begin + count) of a batch (N, ...). @throws what `copy_samples` throws.
template <class T>
Tensor<T> samples(const Tensor<T>& batch, Index begin, Index count) {
  Tensor<T> out;
  detail::copy_samples(batch, begin, count, out);
  return out;
}

/// Writes the samples of `part` (M, ...) to samples [begin, begin + M) of a batch with the same features. @throws
/// ArgumentError if the batch does not have them all, ShapeError if the features differ or either is row-major.
template <class T>
void set_samples(Tensor<T>& batch, Index begin, const Tensor<T>& part) {
  detail::require_batch("set_samples", "the batch", batch.shape());
  detail::require_batch("set_samples", "the part", part.shape());
  const Index total = batch.shape()[0], count = part.shape()[0], features = batch.shape().features();
  if (part.shape().features() != features) {
    throw ShapeError("set_samples: ", part.shape(), " differs in its features from ", batch.shape());
  }
  if (begin < 0 || count > total || begin > total - count) {
    throw ArgumentError("set_samples: cannot write ", count, " samples at index ", begin, " of a batch of ", total,
                        " samples");
  }
  for (Index f = 0; f < features; ++f) {
    std::copy_n(part.data() + f * count, count, batch.data() + f * total + begin);
  }
}

/// Converts the element type.
template <class To, class From>
Tensor<To> cast(const Tensor<From>& in) {
  Tensor<To> out(in.shape());
  std::transform(in.values().begin(), in.values().end(), out.values().begin(),
                 [](From value) { return static_cast<To>(value); });
  return out;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
