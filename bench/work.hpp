#pragma once

namespace hypertape::bench {

/// Multiply-adds of one forward pass over one sample: of the first layer, whose input needs no gradient, and of all
/// layers.
struct Work {
  double first, all;

  /// The forward pass, weight gradients, and input gradients of all but the first layer.
  constexpr double gradient() const { return 3 * all - first; }

  /// What `tangent` adds to a gradient. The tangent of a product has one product per factor that varies; images do not
  /// vary.
  constexpr double tangent() const { return 6 * all - 2 * first; }

  /// The gradient of an inner step and its tangent along lambda, which includes the derivative with respect to the
  /// images.
  constexpr double inner_step() const { return gradient() + tangent(); }
};

/// LeNet on images with this many channels.
constexpr Work lenet_work(double channels) {
  const double first = channels * 6 * 25 * 28 * 28;
  return {first, first + 16.0 * 150 * 100 + 400.0 * 120 + 120.0 * 84 + 840};
}
constexpr Work alexcifarnet_work{64.0 * 75 * 32 * 32,
                                 64.0 * 75 * 32 * 32 + 64.0 * 1600 * 16 * 16 + 4096.0 * 384 + 384.0 * 192 + 1920};
constexpr Work convnet_work{128.0 * 27 * 32 * 32,
                            128.0 * 27 * 32 * 32 + 128.0 * 1152 * 16 * 16 + 128.0 * 1152 * 8 * 8 + 20480};

}  // namespace hypertape::bench
