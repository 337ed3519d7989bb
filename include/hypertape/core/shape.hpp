#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <span>
#include <string>

#include "hypertape/core/error.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The type of sizes and indices. It is signed like Eigen's, so that sizes can be subtracted.
using Index = std::ptrdiff_t;

/// Indices begin .. end - 1.
struct Range {
  Index begin = 0;  ///< the first
  Index end = 0;    ///< one after the last
  /// The number of indices.
  Index size() const { return end - begin; }
};

namespace detail {

/// Range `part` when 0 .. count - 1 is cut into `parts` consecutive ranges whose lengths differ by at most one.
constexpr Range part_of(Index count, Index part, Index parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

}  // namespace detail

/// The order of a tensor's values in memory (docs/memory-layout.md).
enum class Layout : std::uint8_t {
  row_major,          ///< the last axis fastest, as in C and NumPy; for parameters
  samples_innermost,  ///< of a batch (N, C, H, W): n fastest, then w, then h, then c
  channels_innermost  ///< of images (N, C, H, W): c fastest, then w, then h, then n; a sample is contiguous
};

/// The extents of a tensor, at most five, each at least 1, and the layout of its values. `Shape{}` is a scalar,
/// `Shape{2, 3}` is row-major, `Shape::batch(10, 1, 28, 28)` has its samples innermost. A shape is stored in place:
/// copies do not touch the heap.
///
/// A shape whose values have the same order in two layouts (a vector, one sample, one feature, one channel) fits
/// wherever either is required. Otherwise an operation that requires one layout throws a ShapeError for another, and
/// `relayout` converts between them.
class Shape {
  /// A single extent. It makes {5} a shape but not 5, so that Tensor(2, 3) does not mean "3 everywhere, shape (2)".
  struct Extent {
    template <std::integral Integer>
    Extent(Integer extent) : value{static_cast<Index>(extent)} {}
    Index value;
  };

 public:
  static constexpr int max_rank = 5;  ///< the largest number of axes

  Shape() = default;
  /// @{
  /// From the extents one by one; more than five do not compile. @throws ShapeError like the constructor from a span.
  Shape(Extent extent) : Shape(std::span<const Index>(&extent.value, 1)) {}
  template <std::integral... Integers>
  requires(sizeof...(Integers) > 1) Shape(Integers... extents)
      : Shape(std::span<const Index>(std::array{static_cast<Index>(extents)...})) {
    static_assert(sizeof...(Integers) <= max_rank, "a shape has at most five extents");
  }
  /// @}

  /// @{
  /// A batch (N, ...) with its samples innermost. @throws ShapeError like the constructor from a span.
  template <std::integral... Integers>
  requires(sizeof...(Integers) > 0) static Shape batch(Integers... extents) {
    static_assert(sizeof...(Integers) <= max_rank, "a shape has at most five extents");
    const std::array all{static_cast<Index>(extents)...};
    return Shape(all, Layout::samples_innermost);
  }
  static Shape batch(std::span<const Index> extents) { return Shape(extents, Layout::samples_innermost); }
  /// @}

  /// From a span of extents. @throws ShapeError for more than five extents, an extent below 1, or a product that
  /// overflows Index.
  explicit Shape(std::span<const Index> extents, Layout layout = Layout::row_major) : layout_(layout) {
    if (extents.size() > max_rank) throw ShapeError("Shape: at most 5 extents, got ", extents.size());
    for (const Index extent : extents) extents_[static_cast<std::size_t>(rank_++)] = extent;
    for (const Index extent : extents) {
      if (extent < 1) throw ShapeError("Shape: every extent must be at least 1, got " + str());
      if (size_ > (std::numeric_limits<Index>::max)() / extent) {
        throw ShapeError("Shape: the number of elements of " + str() + " overflows");
      }
      size_ *= extent;
    }
  }

  /// The number of axes.
  int rank() const { return rank_; }
  /// The number of elements, the product of all extents.
  Index size() const { return size_; }

  /// The extent of an axis; 1 past the last axis, so a matrix is also a batch of 1 x 1 images.
  Index operator[](int axis) const { return axis < rank_ ? extents_[static_cast<std::size_t>(axis)] : 1; }

  /// Elements per entry of axis 0: features of one sample, or weights of one output.
  Index features() const { return rank_ == 0 ? 1 : size_ / extents_[0]; }

  /// The extent of each axis.
  std::span<const Index> extents() const { return {extents_.data(), static_cast<std::size_t>(rank_)}; }

  /// The layout the shape was made with.
  Layout layout() const { return layout_; }
  /// Whether the values are in the order of this layout, whichever one the shape was made with.
  bool has_order(Layout layout) const {
    if (layout == layout_) return true;
    const bool one_sample = rank_ < 2 || extents_[0] == 1 || extents_[0] == size_;
    const bool one_channel = rank_ < 3 || extents_[1] == 1 || extents_[0] * extents_[1] == size_;
    if (layout == Layout::row_major) return layout_ == Layout::samples_innermost ? one_sample : one_channel;
    if (layout_ == Layout::row_major) return layout == Layout::samples_innermost ? one_sample : one_channel;
    return one_sample && one_channel;
  }
  /// Whether the samples are innermost.
  bool is_batch() const { return has_order(Layout::samples_innermost); }
  /// Whether the values are in row-major order.
  bool is_row_major() const { return has_order(Layout::row_major); }
  /// The same extents in this layout.
  Shape with_layout(Layout layout) const {
    Shape shape = *this;
    shape.layout_ = layout;
    return shape;
  }

  /// This batch with another number of samples, the extent of axis 0. @throws ShapeError for a scalar, a shape that is
  /// not a batch, or an extent below 1.
  Shape with_samples(Index samples) const {
    if (rank_ == 0) throw ShapeError("Shape: a scalar has no axis of samples");
    if (!is_batch()) {
      throw ShapeError("Shape: ", str(), is_row_major() ? " is row-major" : " has its channels innermost",
                       "; only a batch can change its number of samples");
    }
    std::array<Index, max_rank> extents = extents_;
    extents[0] = samples;
    return batch(std::span<const Index>(extents.data(), static_cast<std::size_t>(rank_)));
  }

  /// Whether rank, extents and order of values agree.
  bool operator==(const Shape& other) const { return same_extents(other) && has_order(other.layout_); }
  /// Whether rank and all extents agree, whatever the layouts are.
  bool same_extents(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int axis = 0; axis < rank_; ++axis) {
      if ((*this)[axis] != other[axis]) return false;
    }
    return true;
  }

  /// The shape as text: "(120, 400)" if row-major, "batch (10, 1, 28, 28)" if the samples are innermost, "channels
  /// innermost (10, 3, 28, 28)"; "()" for a scalar.
  std::string str() const {
    std::string text = is_row_major() ? "(" : layout_ == Layout::samples_innermost ? "batch (" : "channels innermost (";
    for (int axis = 0; axis < rank_; ++axis) text += (axis > 0 ? ", " : "") + std::to_string((*this)[axis]);
    return text + ")";
  }

 private:
  std::array<Index, max_rank> extents_{};
  int rank_ = 0;
  Layout layout_ = Layout::row_major;
  Index size_ = 1;
};

/// Writes `str()`.
inline std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << shape.str(); }

namespace detail {

/// Requires the samples to be innermost. @throws ShapeError otherwise, naming the operation, the shape's role in it and
/// both layouts.
inline void require_batch(const char* operation, const char* role, const Shape& shape) {
  if (shape.is_batch()) return;
  throw ShapeError(
      operation, ": ", role, " must be a batch, with its samples innermost in memory; ", shape,
      shape.is_row_major() ? " is row-major: make it with Shape::batch, or call relayout" : " is not: call relayout");
}

/// Requires a row-major shape. @throws ShapeError otherwise, naming the operation, the shape's role in it and both
/// layouts.
inline void require_row_major(const char* operation, const char* role, const Shape& shape) {
  if (shape.is_row_major()) return;
  throw ShapeError(operation, ": ", role, " must be row-major; ", shape,
                   shape.is_batch() ? " has its samples innermost in memory: make it with Shape{...}, or call relayout"
                                    : " has its channels innermost in memory: call relayout");
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
