#pragma once

#include <cstdint>

#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

template <class T>
class Tape;

/// A value recorded on a tape: a handle to one node, cheap to copy. It is valid until its tape is rewound past it or
/// moved from; any later use throws an ArgumentError (but see HYPERTAPE_CHECK_VARS in core/config.hpp). A
/// default-constructed Var is *empty*; as a tangent or adjoint it stands for zero.
template <class T>
class Var {
 public:
  using NodeId = std::uint32_t;  ///< the number of a node on its tape

  Var() = default;
  /// Refers to node `id` of this tape as it is now.
  Var(Tape<T>& tape, NodeId id) : tape_(&tape), id_(id), generation_(tape.node(id).generation) {}

  /// Whether it refers to a node: false if empty.
  explicit operator bool() const { return tape_ != nullptr; }

  /// The tape it is recorded on. @throws ArgumentError if the Var is empty, like everything below but `id`.
  Tape<T>& tape() const {
    if (tape_ == nullptr) throw ArgumentError("Var: a default-constructed Var has no tape and no value");
    return *tape_;
  }
  /// The number of its node.
  NodeId id() const { return id_; }
  /// Whether its node is still on the tape. @throws ArgumentError if the Var is empty.
  bool is_recorded() const { return id_ < tape().size() && tape().node(id_).generation == generation_; }

  /// The shape of its value.
  Shape shape() const { return node().shape(); }
  /// The number of elements of its value.
  Index size() const { return node().shape().size(); }
  /// Its values in memory order, valid as long as the Var.
  const T* data() const {
    const auto& own = node();
    return own.deferred || own.apart ? tape().exposed_values(id_) : own.values;
  }

  /// The values from `offset` on, in memory order, as a tensor of the given shape; nothing is copied. Use it to read a
  /// network's weights from a flat vector. For a batch, the slice is a range of features for all samples. It is a
  /// member because std::slice is a class: `slice(x, ...)` would be ambiguous with `using namespace std`. Defined in
  /// autodiff/slice.hpp. @throws ShapeError if the slice reaches past the end, or would read the values in another
  /// order.
  Var slice(Index offset, const Shape& shape) const;

  /// A copy of the values.
  Tensor<T> value() const { return Tensor<T>(shape(), std::span<const T>(values(), static_cast<std::size_t>(size()))); }

  /// A batch as an Eigen matrix (samples, features), without a copy, valid as long as the Var. @throws ShapeError if it
  /// is row-major.
  Eigen::Map<const typename Tensor<T>::Matrix> matrix() const {
    detail::require_batch("Var::matrix", "the value", shape());
    return {data(), shape()[0], shape().features()};
  }
  /// A row-major value as an Eigen matrix (axis 0, all others), without a copy. @throws ShapeError if its samples are
  /// innermost.
  Eigen::Map<const typename Tensor<T>::RowMajorMatrix> row_major_matrix() const {
    detail::require_row_major("Var::row_major_matrix", "the value", shape());
    return {data(), shape()[0], shape().features()};
  }

  /// The value of a scalar. @throws ShapeError if there is more than one element.
  T item() const {
    if (size() != 1) throw ShapeError("Var::item: needs one element, the shape is ", shape());
    return *values();
  }

 private:
  /// The values for immediate reading, whereas those of `data` stay as long as the Var.
  const T* values() const {
    const auto& own = node();
    return own.deferred ? tape().values(id_) : own.values;
  }
  const auto& node() const {
#if HYPERTAPE_CHECK_VARS
    if (!is_recorded()) throw ArgumentError("Var: its tape was rewound past it");
#endif
    return tape().node(id_);
  }

  Tape<T>* tape_ = nullptr;
  NodeId id_ = 0;
  std::uint32_t generation_ = 0;  // the node's; differs from the tape's if another node has taken its number
};

}  // namespace hypertape::inline HYPERTAPE_ABI
