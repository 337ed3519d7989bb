#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hypertape/autodiff/slice.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/nn/initializers.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// Named tensors, in order.
template <class T>
using NamedTensors = std::vector<std::pair<std::string, Tensor<T>>>;

/// One named tensor of a network's weights, and its place in theta.
struct Parameter {
  std::string name;  ///< as in PyTorch: "conv1.weight"
  Shape shape;       ///< row-major
  Index offset;      ///< of its first value, in theta
  double start;      ///< for a vector: the value of all its elements in a new theta
  Index fan_in = 0;  ///< for a layer's bias: its weight's fan-in, for initializers that draw biases; else 0

  /// The tensor as a view of theta. @throws ShapeError if theta is too short.
  template <class T>
  Var<T> operator()(Var<T> theta) const {
    return theta.slice(offset, shape);
  }
};

/// The layout of a network's weights in one flat vector theta: named tensors, one after another, each row-major.
///
///     Parameters parameters;
///     const Parameter weight = parameters.add("fc.weight", {10, 784});
///     Var<float> w = weight(theta);                                      // a view of theta
///     Var<float> same = parameters.get(theta, "fc.weight");
///     auto gradients = parameters.split(gradient);                       // name and tensor of each
///
/// It also serves for other flat vectors that are handled as named tensors, such as the hyperparameters phi:
///
///     const NamedTensors<double> start{{"weight", w}, {"bias", b}};
///     const nn::Parameters parameters(start);
///     loop.theta0 = parameters.join(start);
///     auto by_name = parameters.split(h.theta0);
class Parameters {
 public:
  /// A layout without tensors.
  Parameters() = default;
  /// A layout of tensors with these names and shapes. @throws what `add` throws.
  template <class T>
  explicit Parameters(const NamedTensors<T>& tensors) {
    for (const auto& [name, tensor] : tensors) add(name, tensor.shape());
  }

  /// Appends a tensor with a row-major shape. `start` is the initial value of a vector; tensors of rank 2 and more are
  /// filled by an initializer. @throws ShapeError for a start of anything but a vector, or for a batch; ArgumentError
  /// for a name that is taken.
  Parameter add(std::string name, const Shape& shape, double start = 0) {
    hypertape::detail::require_row_major("Parameters", name.c_str(), shape);
    if (!(start >= 0 && start <= 0) && shape.rank() >= 2) {
      throw ShapeError("Parameters: only a vector can start at ", start, ", ", name, " is ", shape);
    }
    if (find(name) != nullptr) throw ArgumentError("Parameters: two tensors are named ", name);
    entries_.push_back({std::move(name), shape, size_, start});
    size_ += shape.size();
    return entries_.back();
  }
  /// Appends the bias (O) of a weight (O, F, ...). It starts at zero unless the initializer draws biases. @throws
  /// ShapeError for a weight of less than two axes; ArgumentError for a name that is taken.
  Parameter add_bias(std::string name, const Parameter& weight) {
    if (weight.shape.rank() < 2) {
      throw ShapeError("Parameters: ", name, " needs a weight (O, F, ...), ", weight.name, " is ", weight.shape);
    }
    add(std::move(name), {weight.shape[0]});
    entries_.back().fan_in = weight.shape.features();
    return entries_.back();
  }

  /// The number of values in theta.
  Index size() const { return size_; }
  /// The tensors, in the order of theta.
  const std::vector<Parameter>& entries() const { return entries_; }

  /// Requires the shape of a theta, a vector of size() values. @throws ShapeError otherwise.
  void require_theta(const Shape& theta) const {
    if (theta.rank() == 1 && theta.size() == size_) return;
    throw ShapeError("Parameters: theta must be (", size_, "), got ", theta);
  }

  /// The tensor of this name as a view of theta. @throws ShapeError unless theta is a vector of size() values;
  /// ArgumentError, listing the names, if there is no such tensor.
  template <class T>
  Var<T> get(Var<T> theta, std::string_view name) const {
    require_theta(theta.shape());
    if (const Parameter* entry = find(name)) return (*entry)(theta);
    throw ArgumentError("Parameters: no tensor ", name, " among ", names());
  }
  /// Tensor i as a view of theta. @throws as above.
  template <class T>
  Var<T> get(Var<T> theta, std::size_t i) const {
    require_theta(theta.shape());
    if (i >= entries_.size()) throw ArgumentError("Parameters: no tensor ", i, " among ", entries_.size());
    return entries_[i](theta);
  }

  /// Copies of all tensors of theta, or of a gradient with respect to it, with their names, in the order of theta.
  /// @throws ShapeError unless theta is a vector of size() values.
  template <class T>
  NamedTensors<T> split(const Tensor<T>& theta) const {
    require_theta(theta.shape());
    NamedTensors<T> tensors;
    for (const Parameter& entry : entries_) {
      const auto values =
          theta.values().subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.shape.size()));
      tensors.emplace_back(entry.name, Tensor<T>(entry.shape, values));
    }
    return tensors;
  }

  /// The flat vector of these tensors, which may come in any order: the inverse of `split`. @throws ArgumentError
  /// naming a tensor that is missing, unknown or given twice; ShapeError for a tensor of another shape.
  template <class T>
  Tensor<T> join(const NamedTensors<T>& tensors) const {
    Tensor<T> theta(Shape{size_});
    std::vector<char> found(entries_.size(), 0);
    for (const auto& [name, tensor] : tensors) {
      const Parameter* entry = find(name);
      if (entry == nullptr) throw ArgumentError("Parameters: no tensor ", name, " among ", names());
      if (tensor.shape() != entry->shape) {
        throw ShapeError("Parameters: ", name, " is ", entry->shape, ", got ", tensor.shape());
      }
      char& seen = found[static_cast<std::size_t>(entry - entries_.data())];
      if (std::exchange(seen, 1) != 0) throw ArgumentError("Parameters: two tensors are named ", name);
      std::copy(tensor.values().begin(), tensor.values().end(), theta.data() + entry->offset);
    }
    const auto missing = std::ranges::find(found, 0);
    if (missing != found.end()) {
      throw ArgumentError("Parameters: the tensor ", entries_[static_cast<std::size_t>(missing - found.begin())].name,
                          " is missing");
    }
    return theta;
  }

  /// A new theta. The initializer fills tensors of rank 2 and more, and layers' biases if it draws those; other vectors
  /// get their start values.
  template <class T>
  Tensor<T> initialize(Initializer initializer, double gain, Random& random) const {
    Tensor<T> theta(Shape{size_});
    for (const Parameter& entry : entries_) {
      T* values = theta.data() + entry.offset;
      if (entry.shape.rank() >= 2) {
        nn::initialize(initializer, gain, entry.shape, values, random);
      } else if (entry.fan_in > 0) {
        initialize_bias(initializer, gain, entry.fan_in, entry.shape.size(), values, random);
      } else {
        std::fill_n(values, entry.shape.size(), static_cast<T>(entry.start));
      }
    }
    return theta;
  }

 private:
  std::string names() const {
    std::string known;
    for (const Parameter& entry : entries_) known += (known.empty() ? "" : ", ") + entry.name;
    return known;
  }

  const Parameter* find(std::string_view name) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Parameter& e) { return e.name == name; });
    return found == entries_.end() ? nullptr : &*found;
  }

  std::vector<Parameter> entries_;
  Index size_ = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
