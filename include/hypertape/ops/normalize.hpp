#pragma once

#include <cmath>

#include "hypertape/ops/reduce_axes.hpp"

/// Normalizations by means and (biased) variances. All throw an ArgumentError unless epsilon is positive and finite in
/// x's precision.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

template <class T>
T checked_epsilon(const char* operation, double epsilon) {
  const auto rounded = static_cast<T>(epsilon);
  if (rounded > 0 && std::isfinite(rounded)) return rounded;
  throw ArgumentError(operation, ": epsilon must be positive and finite in the precision of x, got ", epsilon);
}

/// A parameter (F) shaped to multiply along axis `axis` of x: (F, 1, ..., 1), with a 1 for each axis that follows.
template <class T>
Var<T> along_axis(const char* operation, const char* role, Var<T> parameter, const Shape& x, int axis) {
  if (parameter.shape() != Shape{x[axis]}) {
    throw ShapeError(operation, ": ", x, " needs ", role, ' ', Shape{x[axis]}, ", got ", parameter.shape());
  }
  Extents extents;
  for (int k = axis; k < x.rank(); ++k) extents.push_back(k == axis ? x[k] : 1);
  return reshape(parameter, Shape(extents));
}

}  // namespace detail

/// (x - mean) / sqrt(var + epsilon), with mean and variance over these axes. @throws ShapeError for an axis x does not
/// have.
template <class T>
Var<T> normalize(Var<T> x, const Axes& axes, double epsilon = 1e-5) {
  const T added = detail::checked_epsilon<T>("normalize", epsilon);
  const Var<T> centered = x - mean(x, axes, true);
  return centered / sqrt(mean(square(centered), axes, true) + added);
}

/// Layer normalization (Ba, Kiros and Hinton 2016) over the last axis of x (..., F) with gamma (F) and beta (F):
/// gamma (x - mean) / sqrt(var + epsilon) + beta. @throws ShapeError if these do not fit.
template <class T>
Var<T> layer_norm(Var<T> x, Var<T> gamma, Var<T> beta, double epsilon = 1e-5) {
  const int last = x.shape().rank() - 1;
  if (last < 0) throw ShapeError("layer_norm: needs an axis, got a scalar");
  const Var<T> g = detail::along_axis("layer_norm", "gamma", gamma, x.shape(), last),
               b = detail::along_axis("layer_norm", "beta", beta, x.shape(), last);
  return normalize(x, last, epsilon) * g + b;
}

/// Group normalization (Wu and He 2018) of x (N, C, H, W) over each of `groups` groups of channels, with gamma (C) and
/// beta (C). @throws ShapeError if these do not fit, or the groups do not divide the channels.
template <class T>
Var<T> group_norm(Var<T> x, Index groups, Var<T> gamma, Var<T> beta, double epsilon = 1e-5) {
  const Shape shape = x.shape();
  if (shape.rank() != 4 || groups < 1 || shape[1] % groups != 0) {
    throw ShapeError("group_norm: needs a batch (N, C, H, W) whose channels ", groups, " groups divide, got ", shape);
  }
  if (!shape.is_batch() && !shape.is_row_major()) {
    throw ShapeError("group_norm: ", shape, " has its channels innermost in memory: call relayout");
  }
  const Var<T> g = detail::along_axis("group_norm", "gamma", gamma, shape, 1),
               b = detail::along_axis("group_norm", "beta", beta, shape, 1);
  const Shape grouped = Shape{shape[0], groups, shape.features() / groups}.with_layout(shape.layout());
  return reshape(normalize(reshape(x, grouped), 2, epsilon), shape) * g + b;
}

/// The means and variances (C) of a batch's channels, for `batch_norm` and for running averages.
template <class T>
struct ChannelStatistics {
  Var<T> mean;      ///< over samples and positions
  Var<T> variance;  ///< biased: the mean of the squared deviations
};

/// The statistics of x (N, C, ...). @throws ShapeError for fewer than two axes.
template <class T>
ChannelStatistics<T> channel_statistics(Var<T> x) {
  detail::ShortList<int> axes;
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (axis != 1) axes.push_back(axis);
  }
  if (axes.empty() || x.shape().rank() < 2) throw ShapeError("channel_statistics: needs (N, C, ...), got ", x.shape());
  const Var<T> average = mean(x, Axes(axes), true);
  return {mean(x, Axes(axes)), mean(square(x - average), Axes(axes))};
}

/// Batch normalization (Ioffe and Szegedy 2015) of x (N, C, ...) with statistics (C), gamma (C) and beta (C). In
/// training, pass the batch's own statistics, `channel_statistics(x)`; derivatives then go through them. In testing,
/// pass an average of earlier ones. @throws ShapeError if these do not fit.
template <class T>
Var<T> batch_norm(Var<T> x, const ChannelStatistics<T>& statistics, Var<T> gamma, Var<T> beta, double epsilon = 1e-5) {
  const Shape shape = x.shape();
  if (shape.rank() < 2) throw ShapeError("batch_norm: needs (N, C, ...), got ", shape);
  const T added = detail::checked_epsilon<T>("batch_norm", epsilon);
  const auto along = [&](const char* role, Var<T> v) { return detail::along_axis("batch_norm", role, v, shape, 1); };
  const Var<T> factor = along("gamma", gamma) / sqrt(along("the variance", statistics.variance) + added);
  return (x - along("the mean", statistics.mean)) * factor + along("beta", beta);
}

/// The mean over the positions of each channel: x (N, C, H, W) -> (N, C). @throws ShapeError for another rank.
template <class T>
Var<T> global_average_pool2d(Var<T> x) {
  if (x.shape().rank() != 4) throw ShapeError("global_average_pool2d: needs (N, C, H, W), got ", x.shape());
  return mean(x, {2, 3});
}

/// x divided by the keep probability where the mask is 1, and 0 where the mask is 0 (Srivastava et al. 2014). The
/// caller passes the mask, so that a loss evaluated twice drops the same values. @throws ArgumentError unless the
/// probability is in (0, 1]; ShapeError if the shapes do not fit.
template <class T>
Var<T> dropout(Var<T> x, Var<T> mask, double keep_probability) {
  if (!(keep_probability > 0) || keep_probability > 1) {
    throw ArgumentError("dropout: the probability of keeping a value must be in (0, 1], got ", keep_probability);
  }
  return x * (mask / static_cast<T>(keep_probability));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
