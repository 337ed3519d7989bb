#pragma once

#include <string>

#include "hypertape/nn/parameters.hpp"
#include "hypertape/ops/conv2d.hpp"
#include "hypertape/ops/conv2d_max_pool_relu.hpp"
#include "hypertape/ops/instance_norm.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/normalize.hpp"

/// Layers know where in theta their weights are. When a layer is made, it adds its weights to its network's Parameters
/// under its own name; when it is called, it reads them from theta. So a network reads as its layers:
///
///     Parameters parameters;                                 // declared before the layers, which need it
///     Linear hidden{parameters, "hidden", 784, 100};         //   only while they are constructed
///     Linear output{parameters, "output", 100, 10};
///     Var<float> logits = output(theta, relu(hidden(theta, x)));
namespace hypertape::inline HYPERTAPE_ABI::nn {

/// y (N, O) = x (N, F) weight^T + bias, with `NAME.weight` (O, F) and `NAME.bias` (O).
class Linear {
 public:
  /// From its sizes. @throws ShapeError for less than one input or output; like all layers, ArgumentError if the name
  /// is taken.
  Linear(Parameters& parameters, const std::string& name, Index inputs, Index outputs)
      : weight_(parameters.add(name + ".weight", {outputs, inputs})),
        bias_(parameters.add_bias(name + ".bias", weight_)) {}

  /// Records the layer. @throws what `linear` throws.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return linear(x, weight_(theta), bias_(theta));
  }

 private:
  Parameter weight_, bias_;
};

/// Cross-correlation with square kernels, with `NAME.weight` (O, C, K, K) and `NAME.bias` (O).
class Conv2d {
 public:
  /// From C = `inputs` to O = `outputs` channels. @throws ShapeError for less than one channel, row or column.
  Conv2d(Parameters& parameters, const std::string& name, Index inputs, Index outputs, Index kernel,
         Conv2dOptions options = {})
      : weight_(parameters.add(name + ".weight", {outputs, inputs, kernel, kernel})),
        bias_(parameters.add_bias(name + ".bias", weight_)),
        options_(options) {}

  /// Records the layer. @throws what `conv2d` throws.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return conv2d(x, weight_(theta), bias_(theta), options_);
  }

 private:
  Parameter weight_, bias_;
  Conv2dOptions options_;
};

/// Cross-correlation with square kernels, then max-pooling and relu, in one operation; its weights are those of
/// `Conv2d`.
class Conv2dMaxPoolRelu {
 public:
  /// From C = `inputs` to O = `outputs` channels. @throws ShapeError for less than one channel, row or column.
  Conv2dMaxPoolRelu(Parameters& parameters, const std::string& name, Index inputs, Index outputs, Index kernel,
                    Conv2dOptions conv = {}, Pool2dOptions pool = {})
      : weight_(parameters.add(name + ".weight", {outputs, inputs, kernel, kernel})),
        bias_(parameters.add_bias(name + ".bias", weight_)),
        conv_(conv),
        pool_(pool) {}

  /// Records the layer. @throws what `conv2d_max_pool_relu` throws.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return conv2d_max_pool_relu(x, weight_(theta), bias_(theta), conv_, pool_);
  }

 private:
  Parameter weight_, bias_;
  Conv2dOptions conv_;
  Pool2dOptions pool_;
};

/// Instance normalization with `NAME.weight` (C), which starts at 1, and `NAME.bias` (C).
class InstanceNorm {
 public:
  /// From its sizes. @throws ShapeError for less than one channel.
  InstanceNorm(Parameters& parameters, const std::string& name, Index channels, double epsilon = 1e-5)
      : gamma_(parameters.add(name + ".weight", {channels}, 1)),
        beta_(parameters.add(name + ".bias", {channels})),
        epsilon_(epsilon) {}

  /// Records the layer. @throws what `instance_norm` throws.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return instance_norm(x, gamma_(theta), beta_(theta), epsilon_);
  }

 private:
  Parameter gamma_, beta_;
  double epsilon_;
};

/// Group normalization with `NAME.weight` (C), which starts at 1, and `NAME.bias` (C). With one group per channel it
/// uses the operation of `InstanceNorm` and gives the same values.
class GroupNorm {
 public:
  /// From its sizes. @throws ShapeError for less than one channel; ArgumentError unless the groups divide the channels.
  GroupNorm(Parameters& parameters, const std::string& name, Index channels, Index groups, double epsilon = 1e-5)
      : gamma_(parameters.add(name + ".weight", {channels}, 1)),
        beta_(parameters.add(name + ".bias", {channels})),
        groups_(groups),
        epsilon_(epsilon) {
    if (groups < 1 || channels % groups != 0) {
      throw ArgumentError("GroupNorm: ", name, ": ", groups, " groups do not divide ", channels, " channels");
    }
  }

  /// Records the layer. @throws what `group_norm` throws.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    const Var<T> gamma = gamma_(theta), beta = beta_(theta);
    if (gamma.size() == groups_) return instance_norm(x, gamma, beta, epsilon_);
    return group_norm(x, groups_, gamma, beta, epsilon_);
  }

 private:
  Parameter gamma_, beta_;
  Index groups_;
  double epsilon_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
