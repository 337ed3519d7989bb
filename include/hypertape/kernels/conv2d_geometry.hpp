#pragma once

#include <algorithm>
#include <limits>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// Sizes of a cross-correlation of a batch with square kernels: input (N, C, H, W), weight (O, C, K, K), output (N, O,
/// OH, OW) with OH = (H + 2 padding - K) / stride + 1 and OW likewise.
struct Conv2dGeometry {
  Index N = 1;        ///< samples
  Index C = 1;        ///< input channels
  Index H = 1;        ///< rows
  Index W = 1;        ///< columns
  Index O = 1;        ///< output channels
  Index K = 1;        ///< rows and columns of the kernel
  Index stride = 1;   ///< positions from one output to the next
  Index padding = 0;  ///< zero rows and columns on each side

  /// Rows of the output.
  Index OH() const { return (H + 2 * padding - K) / stride + 1; }
  /// Columns of the output.
  Index OW() const { return (W + 2 * padding - K) / stride + 1; }

  Shape input() const { return Shape::batch(N, C, H, W); }         ///< (N, C, H, W)
  Shape weight() const { return {O, C, K, K}; }                    ///< (O, C, K, K)
  Shape output() const { return Shape::batch(N, O, OH(), OW()); }  ///< (N, O, OH, OW)

  /// Multiply-adds of one pass, with those on the padding included: the usual algorithmic count.
  Index multiply_adds() const { return N * O * OH() * OW() * C * K * K; }

  /// Whether all sizes agree.
  bool operator==(const Conv2dGeometry&) const = default;
};

/// Returns the sizes. @throws ShapeError unless input (N, C, H, W) and weight (O, C, K, K) fit, and the kernel fits the
/// padded image.
inline Conv2dGeometry conv2d_geometry(const Shape& input, const Shape& weight, Index stride, Index padding) {
  const auto fail = [&](const auto&... rule) {
    throw ShapeError("conv2d: input ", input, " and weight ", weight, " do not fit: ", rule...);
  };
  if (input.rank() != 4) fail("the input must be (N, C, H, W)");
  if (weight.rank() != 4 || weight[2] != weight[3]) fail("the weight must be (O, C, K, K)");
  hypertape::detail::require_batch("conv2d", "the input", input);
  hypertape::detail::require_row_major("conv2d", "the weight", weight);
  if (input[1] != weight[1]) fail("the input has ", input[1], " channels, the weight reads ", weight[1]);
  if (stride < 1) fail("the stride must be at least 1, got ", stride);
  if (padding < 0) fail("the padding cannot be negative, got ", padding);
  if (padding > ((std::numeric_limits<Index>::max)() - (std::max)(input[2], input[3])) / 2) {
    fail("the extents of the image padded by ", padding, " overflow");
  }
  if (input[2] + 2 * padding < weight[2] || input[3] + 2 * padding < weight[3]) {
    fail("the kernel is larger than the image padded by ", padding);
  }
  return {input[0], input[1], input[2], input[3], weight[0], weight[2], stride, padding};
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
