#pragma once

#include <algorithm>

#include "hypertape/autodiff/linear_map.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"

/// Sums, and their adjoints, which repeat values.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A x = the sum of all elements; A^T fills a tensor with one value.
struct SumMap {
  static constexpr const char *name = "sum", *adjoint_name = "fill";
  static constexpr bool cheap = true;
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    out[0] = kernels::sum(domain.size(), in);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    std::fill_n(out, domain.size(), in[0]);
  }
};

/// A x = the mean of all elements; A^T fills a tensor with a value divided by the number of elements.
struct MeanMap {
  static constexpr const char *name = "mean", *adjoint_name = "mean_adjoint";
  static constexpr bool cheap = true;
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    out[0] = kernels::sum(domain.size(), in) / static_cast<T>(domain.size());
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    std::fill_n(out, domain.size(), in[0] / static_cast<T>(domain.size()));
  }
};

/// (N, F, ...) -> (F): the sum over samples and image positions. A^T repeats a bias.
struct ChannelSumMap {
  static constexpr const char *name = "sum_per_channel", *adjoint_name = "repeat_per_channel";
  static constexpr bool cheap = true;
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    const Index each = domain.size() / codomain.size();
    if (domain.is_batch()) return kernels::row_sums(codomain.size(), each, in, out);
    kernels::column_sums(codomain.size(), each, in, out);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    const Index each = domain.size() / codomain.size();
    if (!domain.is_batch()) {  // a row-major (N, F)
      for (Index n = 0; n < each; ++n) std::copy_n(in, codomain.size(), out + n * codomain.size());
      return;
    }
    for (Index c = 0; c < codomain.size(); ++c) std::fill_n(out + c * each, each, in[c]);
  }
};

/// (N, F, ...) -> (N): each sample's sum over its features. A^T repeats a value for each feature.
struct FeatureSumMap {
  static constexpr const char *name = "sum_over_features", *adjoint_name = "repeat_for_features";
  static constexpr bool cheap = true;
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    kernels::column_sums(codomain.size(), domain.size() / codomain.size(), in, out);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    for (Index f = 0; f < domain.size() / codomain.size(); ++f) {
      std::copy_n(in, codomain.size(), out + f * codomain.size());
    }
  }
};

}  // namespace detail

/// The sum of all elements, a scalar.
template <class T>
Var<T> sum(Var<T> x) {
  return apply_map(detail::SumMap{x.shape(), Shape{}}, x);
}

/// The mean of all elements, a scalar.
template <class T>
Var<T> mean(Var<T> x) {
  return apply_map(detail::MeanMap{x.shape(), Shape{}}, x);
}

/// A tensor of the given shape whose elements are all the scalar x. @throws ShapeError if x is not a scalar.
template <class T>
Var<T> fill(Var<T> x, const Shape& shape) {
  return apply_map<true>(detail::SumMap{shape, x.size() == 1 ? x.shape() : Shape{}}, x);
}

/// (N, F, ...) -> (F): the sum over samples and positions, for each feature (channel). @throws ShapeError for a rank
/// below 2.
template <class T>
Var<T> sum_per_channel(Var<T> x) {
  if (x.shape().rank() < 2) throw ShapeError("sum_per_channel: needs a batch (N, F, ...), got ", x.shape());
  detail::require_batch("sum_per_channel", "x", x.shape());
  return apply_map(detail::ChannelSumMap{x.shape(), Shape{x.shape()[1]}}, x);
}

/// (F) -> a batch (N, F, ...): repeats one value per feature (channel) for every sample and position. @throws
/// ShapeError unless the shape is a batch with F features.
template <class T>
Var<T> repeat_per_channel(Var<T> x, const Shape& shape) {
  if (shape.rank() < 2 || x.shape() != Shape{shape[1]}) {
    throw ShapeError("repeat_per_channel: a batch ", shape, " needs ", Shape{shape[1]}, ", got ", x.shape());
  }
  return apply_map<true>(detail::ChannelSumMap{shape.with_layout(Layout::samples_innermost), Shape{shape[1]}}, x);
}

/// (N, F, ...) -> (N): each sample's sum. @throws ShapeError for a scalar.
template <class T>
Var<T> sum_over_features(Var<T> x) {
  if (x.shape().rank() < 1) throw ShapeError("sum_over_features: needs a batch (N, ...), got a scalar");
  detail::require_batch("sum_over_features", "x", x.shape());
  return apply_map(detail::FeatureSumMap{x.shape(), Shape{x.shape()[0]}}, x);
}

/// (N) -> a batch (N, F, ...): repeats one value per sample for every feature. @throws ShapeError unless N agrees.
template <class T>
Var<T> repeat_for_features(Var<T> x, const Shape& shape) {
  return apply_map<true>(detail::FeatureSumMap{shape.with_layout(Layout::samples_innermost), Shape{shape[0]}}, x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
