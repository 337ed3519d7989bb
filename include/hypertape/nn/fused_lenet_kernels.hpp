#pragma once

#include <algorithm>
#include <cmath>

#include "hypertape/kernels/matrix.hpp"
#include "hypertape/kernels/pooled_conv2d.hpp"
#include "hypertape/kernels/softmax_kernels.hpp"

/// LeNet for a block of samples in one pass: loss, gradient, and the derivative of the gradient along a direction. The
/// same numbers, to rounding, as nn::LeNet with softmax cross-entropy on a tape, which is what the tests compare it
/// with; faster because nothing is written that is not read again, and because derivatives follow the routes through
/// pooling and relu (pooled_conv2d.hpp).
///
/// The convolutions take one sample at a time, whose values fit the first-level cache; the linear layers take the whole
/// block, so that a weight is read once for all of its samples. Activations of these are row-major (N, features).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // of g++ for the bound of an array that is a template's int

namespace hypertape::nn {

/// The network for images of so many channels, 28 x 28 or 32 x 32.
template <class T, int Channels>
struct LeNetKernels {
  /// The first layer, padding included.
  using Conv1 = kernels::PooledConv2d<T, Channels, 32, 6, kernels::OutputOrder::row_column_channel>;
  /// The second layer.
  using Conv2 = kernels::PooledConv2d<T, 6, 14, 16, kernels::OutputOrder::channel_row_column>;
  static constexpr int features[3] = {400, 120, 84};  ///< inputs of the linear layers
  static_assert(Conv1::outputs == 14 * 14 * Conv2::C && Conv2::outputs == features[0]);

  /// The parts of theta, or of anything of its layout, in nn::LeNet's order.
  template <class U>
  struct Parts {
    U* conv1;      ///< (6, Channels, 5, 5)
    U* bias1;      ///< (6)
    U* conv2;      ///< (16, 6, 5, 5)
    U* bias2;      ///< (16)
    U* linear[3];  ///< (O, F), of each linear layer
    U* bias[3];    ///< (O), of each linear layer

    /// Of theta (P), or of another vector of its layout.
    Parts(U* theta, Index classes) {
      const auto take = [&](Index count) { return std::exchange(theta, theta + count); };
      conv1 = take(Conv1::taps);
      bias1 = take(Conv1::O);
      conv2 = take(Conv2::taps);
      bias2 = take(Conv2::O);
      for (int layer = 0; layer < 3; ++layer) {
        linear[layer] = take(features[layer] * outputs(layer, classes));
        bias[layer] = take(outputs(layer, classes));
      }
    }
  };
  /// Outputs of linear layer 0, 1 or 2.
  static Index outputs(int layer, Index classes) { return layer < 2 ? features[layer + 1] : classes; }

  /// The samples of a block, as the kernels read them.
  struct Batch {
    Index N;        ///< samples
    Index classes;  ///< columns of the labels
    T* image;       ///< N of Conv1::image: row, column, channel, padded to 32 x 32
    T* planes;      ///< N of `plane_values`: channel, row, column; for one channel the same
    T* labels;      ///< (N, classes), row-major
  };
  /// Values of a sample's planes, with what vectors may reach into.
  static constexpr Index plane_values = Channels == 1 ? Conv1::image : 32 * 32 * Channels + kernels::native_lanes<T>;

  /// What a gradient leaves behind for its derivative.
  struct Record {
    typename Conv1::Routes* routes1;  ///< N
    typename Conv2::Routes* routes2;  ///< N
    T* image2;                        ///< N of Conv2::image: outputs of the first layer
    T* input[3];                      ///< (N, features): of each linear layer
    T* probabilities;                 ///< (N, classes)
    T* gradient1;                     ///< (N, Conv1::outputs): of the loss by the first layer's outputs
    T* gradient[4];                   ///< of the loss by each linear layer's input, relu included, and by the logits
  };

  /// `allocate.operator()<U>(count)` gives uninitialized memory.
  template <class Allocate>
  static Batch allocate_batch(Index N, Index classes, const Allocate& allocate) {
    Batch batch{N, classes, allocate.template operator()<T>(N * Conv1::image), nullptr,
                allocate.template operator()<T>(N * classes)};
    batch.planes = Channels == 1 ? batch.image : allocate.template operator()<T>(N * plane_values);
    return batch;
  }
  /// Memory for the record of N samples, from `allocate`, as above.
  template <class Allocate>
  static Record allocate_record(Index N, Index classes, const Allocate& allocate) {
    const auto values = [&](Index count) { return allocate.template operator()<T>(N * count); };
    Record record;
    record.routes1 = allocate.template operator()<typename Conv1::Routes>(N);
    record.routes2 = allocate.template operator()<typename Conv2::Routes>(N);
    record.image2 = values(Conv2::image);
    record.gradient1 = values(Conv1::outputs);
    for (int layer = 0; layer < 3; ++layer) {
      record.input[layer] = values(features[layer]);
      record.gradient[layer] = values(features[layer]);
    }
    record.probabilities = values(classes);
    record.gradient[3] = values(classes);
    return record;
  }

  /// Fills the batch from images x (N, C, size, size) and labels y (N, classes), samples innermost as all batches.
  static void load(const T* x, const T* y, Index size, const Batch& batch) {
    const Index N = batch.N, padding = (32 - size) / 2;
    std::fill_n(batch.image, N * Conv1::image, T(0));
    if (Channels > 1) std::fill_n(batch.planes, N * plane_values, T(0));
    for (Index c = 0; c < Channels; ++c) {
      for (Index row = 0; row < size; ++row) {
        for (Index n = 0; n < N; ++n) {
          const T* from = x + (c * size + row) * size * N + n;
          const Index at = (row + padding) * 32 + padding;
          for (Index column = 0; column < size; ++column) {
            batch.image[n * Conv1::image + (at + column) * Channels + c] = from[column * N];
            if (Channels > 1) batch.planes[n * plane_values + c * 32 * 32 + at + column] = from[column * N];
          }
        }
      }
    }
    for (Index n = 0; n < N; ++n) {
      for (Index k = 0; k < batch.classes; ++k) batch.labels[n * batch.classes + k] = y[k * N + n];
    }
  }

  /// The mean loss over the block, and gradient (P) = start + weight times its gradient at theta.
  static T loss_and_gradient(const T* theta, const Batch& batch, T weight, kernels::OutputMode mode,
                             const Record& record, T* gradient) {
    const Parts<const T> p(theta, batch.classes);
    forward(p, batch, record);
    const T loss = softmax_cross_entropy(batch, weight, record);
    backward(p, batch, mode, record, Parts<T>(gradient, batch.classes));
    return loss;
  }

  /// Memory of `derivative` for its own use.
  struct Scratch {
    T* image2;     ///< N of Conv2::image: tangents of the first layer's outputs
    T* input[3];   ///< tangents of each linear layer's input
    T* logits;     ///< tangents of the logits, then of the gradients by them
    T* gradient;   ///< (N, 400), tangents of gradients by a layer's outputs
    T* gradient2;  ///< (N, 400), by its inputs
  };
  /// Memory for `derivative` of N samples, from `allocate`, as above.
  template <class Allocate>
  static Scratch allocate_scratch(Index N, Index classes, const Allocate& allocate) {
    const auto values = [&](Index count) { return allocate.template operator()<T>(N * count); };
    Scratch scratch;
    scratch.image2 = values(Conv2::image);
    for (int layer = 0; layer < 3; ++layer) scratch.input[layer] = values(features[layer]);
    scratch.logits = values(classes);
    scratch.gradient = values(features[0]);
    scratch.gradient2 = values(features[0]);
    return scratch;
  }

  /// Returns s = <direction, gradient> at theta, the gradient being that of the record, its weight included, and writes
  /// the derivatives of s: hvp (P) by theta; dx (N, C, size, size) by the images and dy (N, classes) by the labels
  /// unless these are null.
  static T derivative(const T* theta, const T* direction, const Batch& batch, Index size, T weight,
                      const Record& record, const Scratch& scratch, T* hvp, T* dx, T* dy) {
    const Parts<const T> p(theta, batch.classes), v(direction, batch.classes);
    const Parts<T> out(hvp, batch.classes);
    forward_tangent(p, v, batch, record, scratch);
    const T slope = softmax_tangent(batch, weight, record, scratch, dy);
    backward_tangent(p, v, batch, size, record, scratch, out, dx);
    return slope;
  }

 private:
  static void forward(const Parts<const T>& p, const Batch& batch, const Record& record) {
    alignas(64) T taps1[Conv1::taps], taps2[Conv2::taps];
    Conv1::pack_for_columns(p.conv1, taps1);
    Conv2::pack_for_channels(p.conv2, taps2);
    for (Index n = 0; n < batch.N; ++n) {
      T* image2 = record.image2 + n * Conv2::image;
      Conv1::forward_over_columns(batch.planes + n * plane_values, taps1, p.bias1, image2, record.routes1[n]);
      std::fill(image2 + Conv1::outputs, image2 + Conv2::image, T(0));
      Conv2::forward_over_channels(image2, taps2, p.bias2, record.input[0] + n * Conv2::outputs, record.routes2[n]);
    }
    for (int layer = 0; layer < 3; ++layer) {
      const Index O = outputs(layer, batch.classes);
      T* out = layer < 2 ? record.input[layer + 1] : record.gradient[3];
      spread_bias(batch.N, O, p.bias[layer], out);
      kernels::matrix::multiply_transposed<T, 1>(batch.N, O, features[layer], {{record.input[layer], p.linear[layer]}},
                                                 kernels::OutputMode::accumulate, out, O, 1);
      if (layer < 2) {
        for (Index i = 0; i < batch.N * O; ++i) out[i] = out[i] < 0 ? T(0) : out[i];
      }
    }
  }

  /// From the logits z in record.gradient[3]: the loss -(1/N) sum of y log p, p = softmax(z), and in their place the
  /// gradient weight/N (p sum_k y_k - y).
  static T softmax_cross_entropy(const Batch& batch, T weight, const Record& record) {
    const Index K = batch.classes;
    const auto samples = static_cast<T>(batch.N);
    const T factor = weight / samples;
    T loss = 0;
    for (Index n = 0; n < batch.N; ++n) {
      const T* y = batch.labels + n * K;
      T* z = record.gradient[3] + n * K;
      T* p = record.probabilities + n * K;
      const T largest = *std::max_element(z, z + K);
      T total = 0, labels = 0;
      for (Index k = 0; k < K; ++k) {
        p[k] = std::exp(z[k] - largest);
        total += p[k];
        labels += y[k];
      }
      const T log_total = std::log(total);
      for (Index k = 0; k < K; ++k) {
        loss += kernels::weighted_log_probability(-y[k] / samples, z[k] - largest - log_total, z[k], largest);
        p[k] /= total;
        z[k] = factor * (p[k] * labels - y[k]);
      }
    }
    return loss;
  }

  static void backward(const Parts<const T>& p, const Batch& batch, kernels::OutputMode mode, const Record& record,
                       const Parts<T>& out) {
    const Index N = batch.N;
    for (int layer = 2; layer >= 0; --layer) {
      const Index O = outputs(layer, batch.classes), F = features[layer];
      const T* d = record.gradient[layer + 1];
      column_sums(N, O, d, mode, out.bias[layer]);
      kernels::matrix::combine_rows<T, 1>(O, F, N, {{d, 1, O, record.input[layer], F}}, mode, out.linear[layer]);
      kernels::matrix::combine_rows<T, 1>(N, F, O, {{d, O, 1, p.linear[layer], F}}, kernels::OutputMode::write,
                                          record.gradient[layer]);
      if (layer > 0) mask(N * F, record.input[layer], record.gradient[layer]);
    }
    alignas(64) T weight2[Conv2::packed], dweight2[Conv2::packed] = {}, dweight1[Conv1::packed] = {};
    alignas(64) T copies[Conv2::image_copies * Conv2::image];
    Conv2::pack(p.conv2, weight2);
    clear_bias(mode, out);
    for (Index n = 0; n < N; ++n) {
      const T* d2 = record.gradient[0] + n * Conv2::outputs;
      T* d1 = record.gradient1 + n * Conv1::outputs;
      Conv2::template add_weight_gradient<1>(record.routes2[n], {{d2, record.image2 + n * Conv2::image}}, dweight2);
      Conv2::add_bias_gradient(record.routes2[n], d2, out.bias2);
      Conv2::template input_gradient<1>(record.routes2[n], {{d2, weight2}}, d1, copies);
      Conv1::template add_weight_gradient<1>(record.routes1[n], {{d1, batch.image + n * Conv1::image}}, dweight1);
      Conv1::add_bias_gradient(record.routes1[n], d1, out.bias1);
    }
    Conv2::unpack(dweight2, mode, out.conv2);
    Conv1::unpack(dweight1, mode, out.conv1);
  }

  static void forward_tangent(const Parts<const T>& p, const Parts<const T>& v, const Batch& batch,
                              const Record& record, const Scratch& scratch) {
    alignas(64) T direction1[Conv1::packed], weight2[Conv2::packed], direction2[Conv2::packed];
    Conv1::pack(v.conv1, direction1);
    Conv2::pack(p.conv2, weight2);
    Conv2::pack(v.conv2, direction2);
    for (Index n = 0; n < batch.N; ++n) {
      const T* image2 = record.image2 + n * Conv2::image;
      T* tangent2 = scratch.image2 + n * Conv2::image;
      Conv1::template tangent<1>(record.routes1[n], {{direction1, batch.image + n * Conv1::image}}, v.bias1, tangent2);
      std::fill(tangent2 + Conv1::outputs, tangent2 + Conv2::image, T(0));
      Conv2::template tangent<2>(record.routes2[n], {{direction2, image2}, {weight2, tangent2}}, v.bias2,
                                 scratch.input[0] + n * Conv2::outputs);
    }
    for (int layer = 0; layer < 3; ++layer) {
      const Index O = outputs(layer, batch.classes);
      T* out = layer < 2 ? scratch.input[layer + 1] : scratch.logits;
      spread_bias(batch.N, O, v.bias[layer], out);
      kernels::matrix::multiply_transposed<T, 2>(
          batch.N, O, features[layer],
          {{scratch.input[layer], p.linear[layer]}, {record.input[layer], v.linear[layer]}},
          kernels::OutputMode::accumulate, out, O, 1);
      if (layer < 2) mask(batch.N * O, record.input[layer + 1], out);
    }
  }

  /// From the tangents z' of the logits: those of the gradient by them, weight/N p (z' - <p, z'>) sum_k y_k, and
  /// dy = -weight/N (z' - <p, z'>). Returns the tangent of the loss times the weight, <gradient by z, z'>.
  static T softmax_tangent(const Batch& batch, T weight, const Record& record, const Scratch& scratch, T* dy) {
    const Index K = batch.classes;
    const T factor = weight / static_cast<T>(batch.N);
    T slope = 0;
    for (Index n = 0; n < batch.N; ++n) {
      const T* p = record.probabilities + n * K;
      const T* y = batch.labels + n * K;
      const T* dz = record.gradient[3] + n * K;
      T* z = scratch.logits + n * K;
      T mean = 0, labels = 0;
      for (Index k = 0; k < K; ++k) {
        slope += dz[k] * z[k];
        mean += p[k] * z[k];
        labels += y[k];
      }
      for (Index k = 0; k < K; ++k) {
        if (dy != nullptr) dy[k * batch.N + n] = -factor * (z[k] - mean);
        z[k] = factor * labels * p[k] * (z[k] - mean);
      }
    }
    return slope;
  }

  static void backward_tangent(const Parts<const T>& p, const Parts<const T>& v, const Batch& batch, Index size,
                               const Record& record, const Scratch& scratch, const Parts<T>& out, T* dx) {
    const Index N = batch.N;
    const T* d_tangent = scratch.logits;
    for (int layer = 2; layer >= 0; --layer) {
      const Index O = outputs(layer, batch.classes), F = features[layer];
      const T* d = record.gradient[layer + 1];
      T* next = d_tangent == scratch.gradient ? scratch.gradient2 : scratch.gradient;
      column_sums(N, O, d_tangent, kernels::OutputMode::write, out.bias[layer]);
      kernels::matrix::combine_rows<T, 2>(
          O, F, N, {{d_tangent, 1, O, record.input[layer], F}, {d, 1, O, scratch.input[layer], F}},
          kernels::OutputMode::write, out.linear[layer]);
      kernels::matrix::combine_rows<T, 2>(N, F, O,
                                          {{d_tangent, O, 1, p.linear[layer], F}, {d, O, 1, v.linear[layer], F}},
                                          kernels::OutputMode::write, next);
      if (layer > 0) mask(N * F, record.input[layer], next);
      d_tangent = next;
    }
    alignas(64) T weight1[Conv1::packed], direction1[Conv1::packed], weight2[Conv2::packed], direction2[Conv2::packed];
    alignas(64) T dweight1[Conv1::packed] = {}, dweight2[Conv2::packed] = {};
    alignas(64) T copies[Conv1::image_copies * (std::max)(Conv1::image, Conv2::image)];
    alignas(64) T d1_tangent[Conv1::outputs], dimage[32 * 32 * Channels];
    Conv1::pack(p.conv1, weight1);
    Conv1::pack(v.conv1, direction1);
    Conv2::pack(p.conv2, weight2);
    Conv2::pack(v.conv2, direction2);
    clear_bias(kernels::OutputMode::write, out);
    for (Index n = 0; n < N; ++n) {
      const T* d2 = record.gradient[0] + n * Conv2::outputs;
      const T* d2_tangent = d_tangent + n * Conv2::outputs;
      const T* d1 = record.gradient1 + n * Conv1::outputs;
      Conv2::template add_weight_gradient<2>(
          record.routes2[n], {{d2_tangent, record.image2 + n * Conv2::image}, {d2, scratch.image2 + n * Conv2::image}},
          dweight2);
      Conv2::add_bias_gradient(record.routes2[n], d2_tangent, out.bias2);
      Conv2::template input_gradient<2>(record.routes2[n], {{d2_tangent, weight2}, {d2, direction2}}, d1_tangent,
                                        copies);
      Conv1::template add_weight_gradient<1>(record.routes1[n], {{d1_tangent, batch.image + n * Conv1::image}},
                                             dweight1);
      Conv1::add_bias_gradient(record.routes1[n], d1_tangent, out.bias1);
      if (dx == nullptr) continue;
      Conv1::template input_gradient<2>(record.routes1[n], {{d1_tangent, weight1}, {d1, direction1}}, dimage, copies);
      crop(dimage, N, n, size, dx);
    }
    Conv2::unpack(dweight2, kernels::OutputMode::write, out.conv2);
    Conv1::unpack(dweight1, kernels::OutputMode::write, out.conv1);
  }

  /// Writes an image (32, 32, C) without its padding to sample n of a batch (N, C, size, size).
  static void crop(const T* image, Index N, Index n, Index size, T* batch) {
    const Index padding = (32 - size) / 2;
    for (Index c = 0; c < Channels; ++c) {
      for (Index row = 0; row < size; ++row) {
        const T* from = image + ((row + padding) * 32 + padding) * Channels + c;
        T* to = batch + (c * size + row) * size * N + n;
        for (Index column = 0; column < size; ++column) to[column * N] = from[column * Channels];
      }
    }
  }

  /// relu's derivative: gradients where its output, `value`, is positive, else 0 (a NaN lets pass, as in PyTorch).
  static void mask(Index count, const T* value, T* gradient) {
    for (Index i = 0; i < count; ++i) gradient[i] = value[i] <= 0 ? T(0) : gradient[i];
  }
  static void spread_bias(Index N, Index O, const T* bias, T* out) {
    for (Index n = 0; n < N; ++n) std::copy_n(bias, O, out + n * O);
  }
  static void column_sums(Index N, Index O, const T* rows, kernels::OutputMode mode, T* out) {
    if (mode == kernels::OutputMode::write) std::fill_n(out, O, T(0));
    for (Index n = 0; n < N; ++n) {
      for (Index o = 0; o < O; ++o) out[o] += rows[n * O + o];
    }
  }
  static void clear_bias(kernels::OutputMode mode, const Parts<T>& out) {
    if (mode == kernels::OutputMode::accumulate) return;
    std::fill_n(out.bias1, Conv1::O, T(0));
    std::fill_n(out.bias2, Conv2::O, T(0));
  }
};

}  // namespace hypertape::nn

#pragma GCC diagnostic pop
