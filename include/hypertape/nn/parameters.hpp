#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/autodiff/slice.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/nn/initializers.hpp"

namespace hypertape::nn {

/// The layout of a network's weights in one flat vector theta: named tensors, one after the other, each row-major.
///
///     Parameters layout;
///     layout.add("fc.weight", {10, 784});
///     layout.add("fc.bias", {10});
///     Var<float> weight = layout.get(theta, 0);   // a view of theta
class Parameters {
 public:
  /// One named tensor.
  struct Entry {
    std::string name;  ///< as in PyTorch: "conv1.weight"
    Shape shape;       ///< row-major
    Index offset;      ///< of its first value in theta
    double start;      ///< of a vector: the value of all its elements in a new theta
  };

  /// Appends a tensor and returns its index. A vector starts as a bias should, at zero, unless told otherwise.
  /// @throws ShapeError for a start of anything but a vector, which an initializer fills.
  std::size_t add(std::string name, const Shape& shape, double start = 0) {
    if (!(start >= 0 && start <= 0) && shape.rank() >= 2) {
      throw ShapeError("Parameters: only a vector can start at ", start, ", ", name, " is ", shape);
    }
    entries_.push_back({std::move(name), shape, size_, start});
    size_ += shape.size();
    return entries_.size() - 1;
  }

  /// Number of values of theta.
  Index size() const { return size_; }
  /// The tensors, in the order of theta.
  const std::vector<Entry>& entries() const { return entries_; }

  /// Tensor i as a view of theta. @throws ShapeError unless theta is a vector of size() values, ArgumentError if there
  /// are not so many tensors.
  template <class T>
  Var<T> get(Var<T> theta, std::size_t i) const {
    if (theta.shape() != Shape{size_}) {
      throw ShapeError("Parameters: theta must be ", Shape{size_}, ", got ", theta.shape());
    }
    if (i >= entries_.size()) {
      throw ArgumentError("Parameters: no tensor ", i, " among ", entries_.size());
    }
    return theta.slice(entries_[i].offset, entries_[i].shape);
  }

  /// A new theta: tensors of rank 2 and more by the initializer, vectors (biases and the like) at their start.
  template <class T>
  Tensor<T> initialize(Initializer initializer, double gain, Random& random) const {
    Tensor<T> theta(Shape{size_});
    for (const Entry& entry : entries_) {
      T* values = theta.data() + entry.offset;
      if (entry.shape.rank() < 2) {
        std::fill_n(values, entry.shape.size(), static_cast<T>(entry.start));
      } else {
        nn::initialize(initializer, gain, entry.shape, values, random);
      }
    }
    return theta;
  }

 private:
  std::vector<Entry> entries_;
  Index size_ = 0;
};

}  // namespace hypertape::nn
