#include "hypertape/kernels/matmul_kernels.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("matmul: ranges of rows, written and accumulated, of factors that may lie transposed", T, float,
                   double) {
  struct Size {
    Index M, N, K;
  };
  const Size sizes[] = {{3, 5, 2}, {16, 16, 8}, {20, 70, 9}, {66, 70, 150}, {130, 17, 5}, {19, 50, 600}, {130, 1, 9}};
  for (const Size& size : sizes) {
    const Index M = size.M, N = size.N, K = size.K;
    const Tensor<T> a = whole_numbers<T>({M, K}, 1), b = whole_numbers<T>({K, N}, 2),
                    start = whole_numbers<T>({M, N}, 3);
    Tensor<T> turned_a({K, M}), turned_b({N, K});
    for (Index m = 0; m < M; ++m) {
      for (Index k = 0; k < K; ++k) turned_a(k, m) = a(m, k);
    }
    for (Index k = 0; k < K; ++k) {
      for (Index n = 0; n < N; ++n) turned_b(n, k) = b(k, n);
    }
    for (const bool left : {false, true}) {
      for (const bool right : {false, true}) {
        for (const auto mode : {kernels::OutputMode::write, kernels::OutputMode::accumulate}) {
          CAPTURE(M);
          CAPTURE(N);
          CAPTURE(K);
          CAPTURE(left);
          CAPTURE(right);
          Tensor<T> out = start;
          for (const Range rows : {Range{0, M / 3}, Range{M / 3, M}}) {
            std::vector<T> scratch(
                static_cast<std::size_t>(kernels::matmul_scratch(M, N, K, rows.size(), left, right)));
            kernels::matmul<T>(M, N, K, rows, {left ? turned_a.data() : a.data(), left},
                               {right ? turned_b.data() : b.data(), right}, mode, out.data(), scratch.data());
          }
          bool same = true;
          for (Index m = 0; m < M; ++m) {
            for (Index n = 0; n < N; ++n) {
              T expected = mode == kernels::OutputMode::accumulate ? start(m, n) : T(0);
              for (Index k = 0; k < K; ++k) expected += a(m, k) * b(k, n);
              same = same && out(m, n) == expected;
            }
          }
          CHECK(same);
        }
      }
    }
  }
}
