#pragma once

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "hypertape/core/random.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {

/// Scratch memory of exactly this size, so that the address sanitizer can guard it, filled with NaN so that a value
/// that was never written shows.
template <class T>
std::vector<T> scratch_of(Index count) {
  return std::vector<T>(static_cast<std::size_t>(count), std::numeric_limits<T>::quiet_NaN());
}

/// Checks one pass of a bilinear kernel, run(left, right, range, mode, output), that computes a range of `channels`
/// equal, contiguous slices of its output. obvious(left, right, output) adds the expected result to zeros.
template <class T, class Run, class Obvious>
void check_pass(const Shape& left, const Shape& right, const Shape& output, Index channels, std::uint64_t seed,
                const Run& run, const Obvious& obvious) {
  const Tensor<T> a = whole_numbers<T>(left, seed), b = whole_numbers<T>(right, seed + 1);
  const Range all{0, channels};
  Tensor<T> expected(output);
  obvious(a, b, expected);

  Tensor<T> fresh(output, std::numeric_limits<T>::quiet_NaN());
  run(a, b, all, kernels::OutputMode::write, fresh);
  CHECK(equal(fresh, expected));

  Tensor<T> sum = whole_numbers<T>(output, seed + 2);
  for (Index i = 0; i < sum.size(); ++i) expected[i] += sum[i];
  run(a, b, all, kernels::OutputMode::accumulate, sum);
  CHECK(equal(sum, expected));

  // A part has the same bits as in the whole even if sums are rounded, and nothing outside of it changes.
  const Tensor<T> real_a = random_tensor<T>(left, seed + 3), real_b = random_tensor<T>(right, seed + 4);
  const Tensor<T> before = random_tensor<T>(output, seed + 5);
  const Index each = before.size() / channels;
  Random random(seed);
  const Index begin = random.below(channels);
  const Range piece{begin, begin + 1 + random.below(channels - begin)};
  for (const auto mode : {kernels::OutputMode::write, kernels::OutputMode::accumulate}) {
    Tensor<T> whole = before, cut = before, pieced = before;
    run(real_a, real_b, all, mode, whole);
    run(real_a, real_b, piece, mode, cut);
    std::copy(whole.data() + piece.begin * each, whole.data() + piece.end * each, pieced.data() + piece.begin * each);
    CHECK(equal(cut, pieced));
  }
}

}  // namespace hypertape::testing
