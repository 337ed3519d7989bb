#pragma once

#include "hypertape/kernels/conv2d_geometry.hpp"

/// The layers whose kernels are timed: those of the networks, and some with other kernel sizes and strides.
namespace hypertape::bench {

struct ConvLayer {
  const char* name;
  kernels::Conv2dGeometry geometry;  // for one sample
};

inline constexpr ConvLayer conv_layers[] = {
    {"lenet-conv1", {.C = 1, .H = 28, .W = 28, .O = 6, .K = 5, .padding = 2}},
    {"lenet-conv2", {.C = 6, .H = 14, .W = 14, .O = 16, .K = 5}},
    {"alexcifarnet-conv1", {.C = 3, .H = 32, .W = 32, .O = 64, .K = 5, .padding = 2}},
    {"alexcifarnet-conv2", {.C = 64, .H = 16, .W = 16, .O = 64, .K = 5, .padding = 2}},
    {"convnet3-conv1", {.C = 3, .H = 32, .W = 32, .O = 128, .K = 3, .padding = 1}},
    {"convnet3-conv2", {.C = 128, .H = 16, .W = 16, .O = 128, .K = 3, .padding = 1}},
    {"convnet3-conv3", {.C = 128, .H = 8, .W = 8, .O = 128, .K = 3, .padding = 1}},
    {"1x1", {.C = 128, .H = 16, .W = 16, .O = 128, .K = 1}},
    {"7x7", {.C = 32, .H = 16, .W = 16, .O = 32, .K = 7, .padding = 3}},
    {"alexnet-conv1", {.C = 3, .H = 224, .W = 224, .O = 64, .K = 11, .stride = 4, .padding = 2}},
};

struct LinearLayer {
  const char* name;
  Index inputs, outputs;
};

inline constexpr LinearLayer linear_layers[] = {
    {"lenet-fc1", 400, 120},         {"lenet-fc2", 120, 84},         {"lenet-fc3", 84, 10},
    {"alexcifarnet-fc1", 4096, 384}, {"alexcifarnet-fc2", 384, 192},
};

/// Calls visit(input offset, weight offset, output offset) for every product of a linear layer.
template <class Visit>
void for_each_linear_product(Index N, Index I, Index O, const Visit& visit) {
  for (Index o = 0; o < O; ++o) {
    for (Index i = 0; i < I; ++i) {
      for (Index n = 0; n < N; ++n) visit(i * N + n, o * I + i, o * N + n);
    }
  }
}

}  // namespace hypertape::bench
