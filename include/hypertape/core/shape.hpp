#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <limits>
#include <ostream>
#include <span>
#include <string>

#include "hypertape/core/error.hpp"

namespace hypertape {

/// Signed, as Eigen's: differences of sizes are sizes.
using Index = std::ptrdiff_t;

/// Indices begin .. end - 1.
struct Range {
  Index begin = 0;  ///< the first
  Index end = 0;    ///< one after the last
  /// How many there are.
  Index size() const { return end - begin; }
};

/// Range `part` of 0 .. count - 1 cut into `parts` that follow one another, of lengths that differ by one at most.
constexpr Range part_of(Index count, Index part, Index parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

/// The extents of a tensor: at most five, each at least 1. `Shape{}` is a scalar. Held in place, so that it copies
/// without touching the heap.
///
/// Two readings of the same flat memory exist (docs/memory-layout.md): a *batch* (N, ...) has its samples innermost,
/// a *parameter* is row-major. For N = 1 they agree.
class Shape {
  /// One extent alone, by way of which {5} is a shape and 5 is none: Tensor(2, 3) is no 3 everywhere in (2).
  struct Extent {
    template <std::integral Integer>
    Extent(Integer extent) : value{extent} {}
    Index value;
  };

 public:
  static constexpr int max_rank = 5;  ///< no tensor has more axes

  Shape() = default;
  /// @{
  /// From extents one by one; more than five do not compile. @throws ShapeError as for a span of them.
  Shape(Extent extent) : Shape(std::span<const Index>(&extent.value, 1)) {}
  template <std::integral... Integers>
  requires(sizeof...(Integers) > 1) Shape(Integers... extents)
      : Shape(std::span<const Index>(std::array{Index{extents}...})) {
    static_assert(sizeof...(Integers) <= max_rank, "a shape has at most five extents");
  }
  /// @}

  /// @throws ShapeError for more than five extents, an extent below 1, or a product that overflows Index.
  explicit Shape(std::span<const Index> extents) {
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

  /// Extent of an axis; axes past the last have extent 1, so a matrix is also a batch of 1 x 1 images.
  Index operator[](int axis) const { return axis < rank_ ? extents_[static_cast<std::size_t>(axis)] : 1; }

  /// Elements that belong to one entry of axis 0: features of one sample, or weights of one output.
  Index features() const { return rank_ == 0 ? 1 : size_ / extents_[0]; }

  /// The extent of each axis.
  std::span<const Index> extents() const { return {extents_.data(), static_cast<std::size_t>(rank_)}; }

  /// This shape with another extent on axis 0: the same features for another number of samples. @throws ShapeError for
  /// a scalar, which has no axis, or an extent below 1.
  Shape with_samples(Index samples) const {
    if (rank_ == 0) throw ShapeError("Shape: a scalar has no axis of samples");
    std::array<Index, max_rank> extents = extents_;
    extents[0] = samples;
    return Shape(std::span<const Index>(extents.data(), static_cast<std::size_t>(rank_)));
  }

  /// Whether rank and all extents agree.
  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int axis = 0; axis < rank_; ++axis) {
      if ((*this)[axis] != other[axis]) return false;
    }
    return true;
  }

  /// "(10, 1, 28, 28)"; a scalar is "()".
  std::string str() const {
    std::string text = "(";
    for (int axis = 0; axis < rank_; ++axis) text += (axis > 0 ? ", " : "") + std::to_string((*this)[axis]);
    return text + ")";
  }

 private:
  std::array<Index, max_rank> extents_{};
  int rank_ = 0;
  Index size_ = 1;
};

/// Writes `str()`.
inline std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << shape.str(); }

}  // namespace hypertape
