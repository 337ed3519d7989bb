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
  std::string note = {};          ///< which of a library's ways it is, if there are several
};

/// Blocks of samples as the library cuts them: an inner step of ten images in two, or in one, and an outer batch.
inline const std::vector<Index> blocks{5, 10, 16};

struct KernelCase {
  std::string name;  ///< kernel/layer
  std::function<PreparedKernel(Index samples)> prepare;
  std::vector<Index> samples = blocks;  ///< for which it is timed
};

std::vector<KernelCase> kernel_cases();

/// Those of routed convolutions, which are among them.
std::vector<KernelCase> routed_conv2d_cases();

/// The convolution layers by oneDNN and the linear layers by OpenBLAS, on one thread, to stand beside ours. Their names
/// are the kernel's with `onednn_` or `openblas_` before it. Each where it was found, none elsewhere.
std::vector<KernelCase> onednn_cases();
std::vector<KernelCase> openblas_cases();

/// Outputs and scratch before a kernel runs: NaN, so that a value which is never written shows.
inline Tensor<float> unwritten(const Shape& shape) {
  return Tensor<float>(shape, std::numeric_limits<float>::quiet_NaN());
}

template <class... Tensors>
double bytes_of(const Tensors&... tensors) {
  return static_cast<double>(((tensors.size() * Index{sizeof(tensors.data()[0])}) + ...));
}

}  // namespace hypertape::bench
