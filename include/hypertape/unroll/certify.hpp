#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hypertape/core/random.hpp"
#include "hypertape/unroll/forward_unroll.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The comparison of a hypergradient with an independent computation of the derivative along one direction.
struct Certificate {
  double tangent = 0;        ///< derivative of L along the direction, pushed forward through training
  double inner_product = 0;  ///< of the direction and the hypergradient
  double difference = 0;     ///< |tangent - inner_product| / square root of the number of tensors: see `certify`
  double seconds = 0;        ///< time the tangent took
  std::size_t bytes = 0;     ///< memory the tangent took
};

/// How far an estimate of a hypergradient, such as a truncated, first-order or implicit one, is from the full one.
struct EstimateError {
  double cosine = 0;      ///< of the angle between them, over all tensors that both have
  double norm_error = 0;  ///< |estimate - full| / |full|
};

/// Certifies a hypergradient of this loop, however it was computed, at about the cost of a gradient and a tangent of it
/// in each step. A random direction over all tensors for which `h` has derivatives is pushed forward through training
/// (`ForwardUnroll`). In a tensor with derivative a, the direction is (a / |a| + N(0, 1) / 4) / |a|. The two numbers
/// compared are then sums of one term near 1 per tensor, whatever the tensors' scales. For a correct hypergradient,
/// `difference` is of the size of rounding errors through the loop; if one tensor is wrong, it is about the relative
/// error there. In a tensor where `h` is 0, the direction is N(0, 1), so a derivative that is wrongly 0 shows by its
/// size.
///
///     const auto h = hypergradient(loop, inner_loss, outer_loss);
///     certify(loop, inner_loss, outer_loss, h).difference      // 1e-12, say
///
/// @throws what `ForwardUnroll` throws.
template <class T>
Certificate certify(const InnerLoop<T>& loop, const std::type_identity_t<InnerLoss<T>>& inner_loss,
                    std::type_identity_t<OuterLoss<T>> outer_loss, const Hypergradient<T>& h, std::uint64_t seed = 1,
                    const std::vector<Index>& outer_steps = {}) {
  InnerLoop<T> direction = h;
  Random random(seed);
  double tensors = 0;
  const auto draw = [&](const InputName&, Tensor<T>& tensor) {
    const auto norm = static_cast<double>(kernels::norm(tensor.size(), tensor.data()));
    constexpr double spread = 0.25;
    for (T& value : tensor.values()) {
      const double noise = random.normal();
      value = static_cast<T>(norm > 0 ? (static_cast<double>(value) / norm + spread * noise) / norm : noise);
    }
    ++tensors;
  };
  for_each_input(draw, direction);
  Certificate result;
  const auto start = std::chrono::steady_clock::now();
  ForwardUnroll<T> forward(inner_loss, {.outer_steps = outer_steps});
  result.tangent = static_cast<double>(forward.tangents(loop, {&direction, 1}, outer_loss)[0]);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.bytes = forward.reserved_bytes();
  result.inner_product = detail::inner_product(direction, static_cast<const InnerLoop<T>&>(h));
  result.difference = std::abs(result.tangent - result.inner_product) / std::sqrt(tensors);
  return result;
}

/// Compares an estimate with the full hypergradient, over the tensors that both have. @throws ShapeError if the shapes
/// of a tensor differ.
template <class T>
EstimateError compare(const Hypergradient<T>& estimate, const Hypergradient<T>& full) {
  double product = 0, estimate_square = 0, full_square = 0, difference_square = 0;
  const auto add = [&](const InputName& name, const Tensor<T>& a, const Tensor<T>& b) {
    if (a.shape() != b.shape()) throw ShapeError("compare: ", name, " is ", a.shape(), " and ", b.shape());
    for (Index i = 0; i < a.size(); ++i) {
      const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
      product += x * y;
      estimate_square += x * x;
      full_square += y * y;
      difference_square += (x - y) * (x - y);
    }
  };
  for_each_input(add, estimate, full);
  return {product / std::sqrt(estimate_square * full_square), std::sqrt(difference_square / full_square)};
}

}  // namespace hypertape::inline HYPERTAPE_ABI
