#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "hypertape/core/tensor.hpp"

/// The kernels that bench_kernels times: those of include/hypertape/kernels on the shapes of the paper's networks, in
/// float. To add a kernel, add an entry to `kernel_cases`.
namespace hypertape::bench {

/// A kernel whose inputs and outputs are allocated.
struct PreparedKernel {
  double flop;                    ///< per call; a multiply-add counts as two, and padding counts as work
  double bytes;                   ///< inputs and outputs of a call, each counted once
  std::function<void()> run;      ///< overwrites every output
  std::function<double()> error;  ///< relative error of the outputs against the obvious loop in double precision
  std::string note = {};          ///< which variant of a library it is, if there are several
};

/// Numbers of samples per block as the library chooses them: an inner step of ten images in two blocks or in one, and
/// an outer batch.
inline const std::vector<Index> blocks{5, 10, 16};

struct KernelCase {
  std::string name;  ///< kernel/layer
  std::function<PreparedKernel(Index samples)> prepare;
  std::vector<Index> samples = blocks;  ///< numbers of samples to time
};

std::vector<KernelCase> kernel_cases();

/// The cases of routed convolutions, a part of `kernel_cases`.
std::vector<KernelCase> routed_conv2d_cases();

/// The convolution layers with oneDNN and the linear layers with OpenBLAS, on one thread, for comparison. Their names
/// are the kernels' with the prefix `onednn_` or `openblas_`. Empty if the library was not found.
std::vector<KernelCase> onednn_cases();
std::vector<KernelCase> openblas_cases();

/// Outputs and scratch are NaN before a kernel runs, so that a value it fails to write shows.
inline Tensor<float> unwritten(const Shape& shape) {
  return Tensor<float>(shape, std::numeric_limits<float>::quiet_NaN());
}

template <class... Tensors>
double bytes_of(const Tensors&... tensors) {
  return static_cast<double>(((tensors.size() * Index{sizeof(tensors.data()[0])}) + ...));
}

}  // namespace hypertape::bench
