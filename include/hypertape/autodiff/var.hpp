#pragma once

#include <cstdint>

#include "hypertape/core/tensor.hpp"

namespace hypertape {

template <class T>
class Tape;

/// A value recorded on a tape: a handle to one node, cheap to copy. It is valid until its tape is rewound past it.
/// A default-constructed Var is *none*, the symbolic zero of tangents and adjoints.
template <class T>
class Var {
 public:
  using NodeId = std::uint32_t;

  Var() = default;
  Var(Tape<T>& tape, NodeId id) : tape_(&tape), id_(id) {}

  explicit operator bool() const { return tape_ != nullptr; }

  /// @throws ArgumentError if the Var is none, as everything below.
  Tape<T>& tape() const {
    if (tape_ == nullptr) throw ArgumentError("Var: a default-constructed Var has no tape and no value");
    return *tape_;
  }
  NodeId id() const { return id_; }

  Shape shape() const { return tape().node(id_).shape; }
  Index size() const { return tape().node(id_).shape.size(); }
  const T* data() const { return tape().node(id_).values; }

  /// A copy of the values.
  Tensor<T> value() const { return Tensor<T>(shape(), std::span<const T>(data(), static_cast<std::size_t>(size()))); }

  /// The value of a scalar. @throws ShapeError if there is more than one element.
  T item() const {
    if (size() != 1) throw ShapeError(message("Var::item: needs one element, the shape is ", shape()));
    return *data();
  }

 private:
  Tape<T>* tape_ = nullptr;
  NodeId id_ = 0;
};

}  // namespace hypertape
