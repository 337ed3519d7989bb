#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/simd.hpp"

/// Sums over the pixels of each instance (one channel of one sample) of a batch, and values repeated for all pixels of
/// an instance. A batch is (N, C, pixels) with N fastest; values per instance are (N, C), also with N fastest.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace detail {

/// Loops over the instances of up to `most` samples of one channel. They run in rows of `fold` whole pixels, which are
/// long enough for vectors even with few samples.
template <class T>
struct Instances {
  static constexpr Index most = 256;  ///< values in a row; sums and repeated values stay in the first-level cache

  Index N, samples, pixels, fold = 1;

  Instances(Index N_, Index samples_, Index pixels_) : N(N_), samples(samples_), pixels(pixels_) {
    if (samples == N) fold = std::clamp<Index>(most / N, 1, pixels);
    if (fold > native_lanes<T>) fold -= fold % native_lanes<T>;  // use whole vectors
  }

  /// Calls row(offset, count) for each row; the last may be shorter.
  template <class Row>
  void rows(const Row& row) const {
    for (Index p = 0; p < pixels; p += fold) row(p * N, (std::min)(fold, pixels - p) * samples);
  }

  /// sums[n] = the sum of term(offset) over the pixels of instance n.
  template <class Term>
  void sum(const Term& term, T (&sums)[most]) const {
    std::fill_n(sums, fold * samples, T(0));
    rows([&](Index at, Index count) {
      for (Index i = 0; i < count; ++i) sums[i] += term(at + i);
    });
    for (Index i = samples; i < fold * samples; ++i) sums[i % samples] += sums[i];
  }

  /// Repeats the first `samples` values for all of a row's pixels.
  void repeat(T (&values)[most]) const {
    for (Index i = samples; i < fold * samples; ++i) values[i] = values[i - samples];
  }

  /// Calls body(offset, place in its row) for each element.
  template <class Body>
  void for_each_element(const Body& body) const {
    rows([&](Index at, Index count) {
      for (Index i = 0; i < count; ++i) body(at + i, i);
    });
  }
};

/// Calls body(instances, c, offset of the first element, offset of the first instance) for all groups of instances.
template <class T, class Body>
void for_all_instances(Index N, Index C, Index pixels, const Body& body) {
  for (Index c = 0; c < C; ++c) {
    for (Index n = 0; n < N; n += Instances<T>::most) {
      body(Instances<T>(N, (std::min)(Instances<T>::most, N - n), pixels), c, c * pixels * N + n, c * N + n);
    }
  }
}

}  // namespace detail

/// out (N, C) = the sum over pixels of a b, for a, b (N, C, pixels).
template <class T>
void instance_dot(Index N, Index C, Index pixels, const T* a, const T* b, OutputMode mode, T* out) {
  using Instances = detail::Instances<T>;
  detail::for_all_instances<T>(N, C, pixels, [=](const Instances& instances, Index, Index element, Index instance) {
    T sums[Instances::most];
    instances.sum([=](Index i) { return a[element + i] * b[element + i]; }, sums);
    const bool add = mode == OutputMode::accumulate;
    for (Index n = 0; n < instances.samples; ++n) out[instance + n] = add ? out[instance + n] + sums[n] : sums[n];
  });
}

/// Values to scale and their factors.
template <class T>
struct ScaledInstances {
  const T* factors;  ///< (N, C)
  const T* values;   ///< (N, C, pixels)
};

/// out (N, C, pixels) = the sum over `terms` of factors times values, plus its channel's shift unless `shift` (C) is
/// null.
template <class T, std::size_t Terms>
void instance_scale(Index N, Index C, Index pixels, const std::array<ScaledInstances<T>, Terms>& terms, const T* shift,
                    OutputMode mode, T* out) {
  using Instances = detail::Instances<T>;
  detail::for_all_instances<T>(N, C, pixels, [=](const Instances& instances, Index c, Index element, Index instance) {
    T factors[Terms][Instances::most];
    for (std::size_t m = 0; m < Terms; ++m) {
      std::copy_n(terms[m].factors + instance, instances.samples, factors[m]);
      instances.repeat(factors[m]);
    }
    const T constant = shift == nullptr ? T(0) : shift[c];
    const auto value = [&](Index i, Index place) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      T sum = constant;
      for (std::size_t m = 0; m < Terms; ++m) sum += factors[m][place] * terms[m].values[element + i];
      return sum;
    };
    if (mode == OutputMode::accumulate) {
      instances.for_each_element([&](Index i, Index place) { out[element + i] += value(i, place); });
    } else {
      instances.for_each_element([&](Index i, Index place) { out[element + i] = value(i, place); });
    }
  });
}

/// out (N, C, pixels) = x minus its instance's mean.
template <class T>
void instance_center(Index N, Index C, Index pixels, const T* x, T* out) {
  using Instances = detail::Instances<T>;
  detail::for_all_instances<T>(N, C, pixels, [=](const Instances& instances, Index, Index element, Index) {
    T means[Instances::most];
    instances.sum([=](Index i) { return x[element + i]; }, means);
    for (Index n = 0; n < instances.samples; ++n) means[n] /= static_cast<T>(pixels);
    instances.repeat(means);
    instances.for_each_element([&](Index i, Index place) { out[element + i] = x[element + i] - means[place]; });
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
