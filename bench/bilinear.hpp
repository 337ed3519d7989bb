#pragma once

#include <memory>

#include "check.hpp"
#include "kernel_cases.hpp"
#include "random_data.hpp"

namespace hypertape::bench {

/// Random operands, and an output that nothing has been written to.
struct BilinearData {
  Tensor<float> left, right, output;
};

inline std::shared_ptr<BilinearData> bilinear_data(const Shape& left, const Shape& right, const Shape& output) {
  Random random(1);
  return std::make_shared<BilinearData>(
      BilinearData{noise<float>(left, random), noise<float>(right, random), unwritten(output)});
}

/// A kernel run() that is linear in each of its two operands. obvious(left, right, output) adds the expected result to
/// zeros. If the kernel's result is elsewhere, fetch() copies it to the output before the check.
template <class Obvious>
PreparedKernel bilinear(
    const std::shared_ptr<BilinearData>& data, Index multiply_adds, std::function<void()> run, const Obvious& obvious,
    const std::function<void()>& fetch = [] {}) {
  return {.flop = 2 * static_cast<double>(multiply_adds),
          .bytes = bytes_of(data->left, data->right, data->output),
          .run = std::move(run),
          .error =
              [=] {
                fetch();
                const Tensor<double> a = cast<double>(data->left), b = cast<double>(data->right);
                Tensor<double> exact(data->output.shape());
                obvious(a, b, exact);
                return relative_error(data->output, exact);
              },
          .note = {}};
}

/// The same for a kernel run(left, right, output).
template <class Run, class Obvious>
PreparedKernel bilinear(const Shape& left, const Shape& right, const Shape& output, Index multiply_adds, const Run& run,
                        const Obvious& obvious) {
  const auto data = bilinear_data(left, right, output);
  return bilinear(
      data, multiply_adds, [=] { run(data->left.data(), data->right.data(), data->output.data()); }, obvious);
}

}  // namespace hypertape::bench
