#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// At most as many values as a shape has axes, stored in place so that recording an operation does not touch the heap.
template <class V>
class ShortList {
 public:
  ShortList() = default;
  /// Copies the values of a span. @throws ShapeError for too many values, like `push_back`.
  explicit ShortList(std::span<const V> values) {
    for (const V& value : values) push_back(value);
  }

  void push_back(const V& value) {
    if (size_ == Shape::max_rank) throw ShapeError("Shape: at most ", Shape::max_rank, " axes");
    values_[size_++] = value;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  V& operator[](std::size_t i) { return values_[i]; }
  const V& operator[](std::size_t i) const { return values_[i]; }
  const V* begin() const { return values_.data(); }
  const V* end() const { return values_.data() + size_; }
  V& back() { return values_[size_ - 1]; }

  bool operator==(const ShortList& other) const {
    bool same = size_ == other.size_;
    for (std::size_t i = 0; same && i < size_; ++i) same = values_[i] == other.values_[i];
    return same;
  }

 private:
  std::array<V, Shape::max_rank> values_{};
  std::size_t size_ = 0;
};

/// The extents of a shape, in a form that can be changed.
using Extents = ShortList<Index>;

}  // namespace hypertape::inline HYPERTAPE_ABI::detail
