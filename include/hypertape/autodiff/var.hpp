#pragma once

#include <cstdint>

#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

template <class T>
class Tape;

/// A value recorded on a tape: a handle to one node, cheap to copy. It is valid until its tape is rewound past it, or
/// moved from; every use of it then throws an ArgumentError (but see HYPERTAPE_CHECK_VARS in core/config.hpp). A
/// default-constructed Var is *none*, the symbolic zero of tangents and adjoints.
template <class T>
class Var {
 public:
  using NodeId = std::uint32_t;  ///< the number of a node on its tape

  Var() = default;
  /// Node `id` of this tape, as it is now.
  Var(Tape<T>& tape, NodeId id) : tape_(&tape), id_(id), generation_(tape.node(id).generation) {}

  /// Whether it is a node: false for none.
  explicit operator bool() const { return tape_ != nullptr; }

  /// Where it is recorded. @throws ArgumentError if the Var is none, as everything below but `id`.
  Tape<T>& tape() const {
    if (tape_ == nullptr) throw ArgumentError("Var: a default-constructed Var has no tape and no value");
    return *tape_;
  }
  /// The number of its node.
  NodeId id() const { return id_; }
  /// Whether its node is still on the tape. @throws ArgumentError if the Var is none.
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

  /// The values from `offset` on, in memory order, as a tensor of the given shape; nothing is copied. This is how a
  /// network's weights are read from a flat vector. Of a batch, a range of features for all samples. A member, as
  /// std::slice is a class: `slice(x, ...)` would be ambiguous beside `using namespace std`. Defined in
  /// autodiff/slice.hpp. @throws ShapeError if they reach past the end, or would be read in another order than they
  /// have.
  Var slice(Index offset, const Shape& shape) const;

  /// A copy of the values.
  Tensor<T> value() const { return Tensor<T>(shape(), std::span<const T>(values(), static_cast<std::size_t>(size()))); }

  /// A batch as an Eigen matrix (samples, features), without a copy, valid as long as the Var. @throws ShapeError if it
  /// is row-major.
  Eigen::Map<const typename Tensor<T>::Matrix> matrix() const {
    detail::require_batch("Var::matrix", "the value", shape());
    return {data(), shape()[0], shape().features()};
  }
  /// A row-major value as an Eigen matrix (axis 0, all others), likewise. @throws ShapeError if its samples are
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
  /// To be read at once: unlike `data`, which is there for as long as the Var.
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
  std::uint32_t generation_ = 0;  // of the node: another has taken its number since, unless they agree
};

}  // namespace hypertape::inline HYPERTAPE_ABI
