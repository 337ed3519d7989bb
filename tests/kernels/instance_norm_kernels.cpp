#include "hypertape/kernels/instance_norm_kernels.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>

#include "support/compare.hpp"
#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;
using kernels::OutputMode;

// Sums of whole numbers are exact in any order.
TEST_CASE_TEMPLATE("instance_norm kernels: against the obvious loops, for few, some and many samples", T, float,
                   double) {
  for (const Index N : {1, 2, 3, 5, 8, 10, 16, 17, 31, 40, 100, 255, 256, 257, 600}) {
    for (const Index pixels : {1, 2, 3, 7, 8, 9, 49, 300}) {
      CAPTURE(N);
      CAPTURE(pixels);
      const Index C = 2;
      const Shape batch = Shape::batch(N, C, 1, pixels), instances = Shape::batch(N, C);
      const Tensor<T> a = whole_numbers<T>(batch, 1), b = whole_numbers<T>(batch, 2), old = whole_numbers<T>(batch, 3);
      const Tensor<T> s = whole_numbers<T>(instances, 4), shift = whole_numbers<T>(Shape{C}, 5);
      const Tensor<T> old_instances = whole_numbers<T>(instances, 6);
      Tensor<T> dot(instances), means(instances), scaled(batch), shifted(batch), added(batch), summed(batch),
          centered(batch);
      for (Index c = 0; c < C; ++c) {
        for (Index n = 0; n < N; ++n) {
          for (Index p = 0; p < pixels; ++p) {
            dot(n, c) += a(n, c, 0, p) * b(n, c, 0, p);
            means(n, c) += a(n, c, 0, p);
            scaled(n, c, 0, p) = s(n, c) * a(n, c, 0, p);
            shifted(n, c, 0, p) = shift[c] + scaled(n, c, 0, p);
            summed(n, c, 0, p) = shifted(n, c, 0, p) + s(n, c) * old(n, c, 0, p);
            added(n, c, 0, p) = old(n, c, 0, p) + scaled(n, c, 0, p);
          }
          means(n, c) /= static_cast<T>(pixels);
          for (Index p = 0; p < pixels; ++p) centered(n, c, 0, p) = a(n, c, 0, p) - means(n, c);
        }
      }
      Tensor<T> out(instances, std::numeric_limits<T>::quiet_NaN());
      kernels::instance_dot(N, C, pixels, a.data(), b.data(), OutputMode::write, out.data());
      CHECK(equal(out, dot));
      out = old_instances;
      for (Index i = 0; i < out.size(); ++i) dot[i] += old_instances[i];
      kernels::instance_dot(N, C, pixels, a.data(), b.data(), OutputMode::accumulate, out.data());
      CHECK(equal(out, dot));

      const kernels::ScaledInstances<T> a_times_s{s.data(), a.data()}, old_times_s{s.data(), old.data()};
      const std::array one{a_times_s};
      const std::array two{a_times_s, old_times_s};
      const T* const no_shift = nullptr;
      out = Tensor<T>(batch, std::numeric_limits<T>::quiet_NaN());
      kernels::instance_scale(N, C, pixels, one, no_shift, OutputMode::write, out.data());
      CHECK(equal(out, scaled));
      kernels::instance_scale(N, C, pixels, one, shift.data(), OutputMode::write, out.data());
      CHECK(equal(out, shifted));
      kernels::instance_center(N, C, pixels, a.data(), out.data());
      CHECK(equal(out, centered));
      out = old;
      kernels::instance_scale(N, C, pixels, one, no_shift, OutputMode::accumulate, out.data());
      CHECK(equal(out, added));
      kernels::instance_scale(N, C, pixels, two, shift.data(), OutputMode::write, out.data());
      CHECK(equal(out, summed));
    }
  }
}
