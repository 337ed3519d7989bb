#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "hypertape/core/tensor.hpp"

/// What bench_kernels times: each kernel of include/hypertape/kernels on the shapes of the paper's networks, in float.
/// Another kernel is another entry of `kernel_cases`.
namespace hypertape::bench {

/// One kernel with inputs and outputs in place.
struct PreparedKernel {
  double flop;                    ///< of one call; multiply-adds count twice, the padding counts as work
  double bytes;                   ///< of one call's inputs and outputs, each counted once
  std::function<void()> run;      ///< writes every output afresh
  std::function<double()> error;  ///< how far the outputs are from the obvious loop in double precision, relatively
};

struct KernelCase {
  std::string name;  ///< kernel/layer
  std::function<PreparedKernel(Index samples)> prepare;
};

std::vector<KernelCase> kernel_cases();

/// Those of the fused LeNet, which are among them.
std::vector<KernelCase> fused_lenet_cases();

/// Outputs and scratch before a kernel runs: NaN, so that a value which is never written shows.
inline Tensor<float> unwritten(const Shape& shape) {
  return Tensor<float>(shape, std::numeric_limits<float>::quiet_NaN());
}

template <class... Tensors>
double bytes_of(const Tensors&... tensors) {
  return static_cast<double>(((tensors.size() * Index{sizeof(tensors.data()[0])}) + ...));
}

}  // namespace hypertape::bench
