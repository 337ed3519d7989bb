#include "kernel_cases.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "bilinear.hpp"
#include "check.hpp"
#include "hypertape/kernels/conv2d_kernels.hpp"
#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/exp.hpp"
#include "hypertape/kernels/instance_norm_kernels.hpp"
#include "hypertape/kernels/linear_kernels.hpp"
#include "hypertape/kernels/local_response_norm_kernels.hpp"
#include "hypertape/kernels/pool2d_kernels.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/kernels/softmax_kernels.hpp"
#include "layers.hpp"
#include "random_data.hpp"
#include "support/obvious_conv2d.hpp"

namespace hypertape::bench {
namespace {

using kernels::OutputMode;

// ---------------------------------------------------------------------------------------------------------------------
// The shapes.

struct PoolLayer {
  const char* name;
  kernels::Pool2dGeometry geometry;  // for one sample
};

const PoolLayer pool_layers[] = {
    {"lenet-pool1", {.C = 6, .H = 28, .W = 28, .K = 2, .stride = 2}},
    {"lenet-pool2", {.C = 16, .H = 10, .W = 10, .K = 2, .stride = 2}},
    {"alexcifarnet-pool1", {.C = 64, .H = 32, .W = 32, .K = 3, .stride = 2, .padding = 1}},
    {"alexcifarnet-pool2", {.C = 64, .H = 16, .W = 16, .K = 3, .stride = 2, .padding = 1}},
};

struct Features {
  const char* name;
  Index count;  // per sample
};

const Features relu_layers[] = {
    {"lenet-relu1", 6 * 14 * 14},
    {"lenet-relu2", 16 * 5 * 5},
    {"lenet-relu3", 120},
    {"alexcifarnet-relu1", 64 * 32 * 32},
};

const Features logits_layers[] = {{"ten-classes", 10}, {"thousand-classes", 1000}};

// ---------------------------------------------------------------------------------------------------------------------
// Preparation.

/// A case from a kernel run(input, output) and the expected result obvious(input, output).
template <class Run, class Obvious>
PreparedKernel unary(const Shape& input, const Shape& output, Index operations, const Run& run,
                     const Obvious& obvious) {
  Random random(1);
  struct Data {
    Tensor<float> input, output;
  };
  const auto data = std::make_shared<Data>(Data{noise<float>(input, random), unwritten(output)});
  return {.flop = static_cast<double>(operations),
          .bytes = bytes_of(data->input, data->output),
          .run = [=] { run(data->input.data(), data->output.data()); },
          .error =
              [=] {
                Tensor<double> exact(data->output.shape());
                obvious(cast<double>(data->input), exact);
                return relative_error(data->output, exact);
              }};
}

std::shared_ptr<Tensor<float>> scratch_of(Index count) {
  return std::make_shared<Tensor<float>>(unwritten(Shape{std::max<Index>(1, count)}));
}

// ---------------------------------------------------------------------------------------------------------------------
// The kernels.

PreparedKernel conv2d_forward(const kernels::Conv2dGeometry& g) {
  const auto scratch = scratch_of(kernels::conv2d_scratch(g));
  return bilinear(
      g.input(), g.weight(), g.output(), g.multiply_adds(),
      [=](const float* x, const float* w, float* y) {
        kernels::conv2d(g, {0, g.O}, x, w, static_cast<const float*>(nullptr), OutputMode::write, y, scratch->data());
      },
      [=](const auto& x, const auto& w, auto& y) {
        testing::for_each_product(g, [&](Index in, Index weight, Index out) { y[out] += x[in] * w[weight]; });
      });
}

PreparedKernel conv2d_input_gradient(const kernels::Conv2dGeometry& g) {
  const auto scratch = scratch_of(kernels::conv2d_input_gradient_scratch(g));
  return bilinear(
      g.output(), g.weight(), g.input(), g.multiply_adds(),
      [=](const float* dy, const float* w, float* dx) {
        kernels::conv2d_input_gradient(g, {0, g.C}, dy, w, OutputMode::write, dx, scratch->data());
      },
      [=](const auto& dy, const auto& w, auto& dx) {
        testing::for_each_product(g, [&](Index in, Index weight, Index out) { dx[in] += dy[out] * w[weight]; });
      });
}

PreparedKernel conv2d_weight_gradient(const kernels::Conv2dGeometry& g) {
  const auto scratch = scratch_of(kernels::conv2d_weight_gradient_scratch(g));
  return bilinear(
      g.output(), g.input(), g.weight(), g.multiply_adds(),
      [=](const float* dy, const float* x, float* dw) {
        kernels::conv2d_weight_gradient(g, {0, g.O}, dy, x, OutputMode::write, dw, scratch->data());
      },
      [=](const auto& dy, const auto& x, auto& dw) {
        testing::for_each_product(g, [&](Index in, Index weight, Index out) { dw[weight] += dy[out] * x[in]; });
      });
}

PreparedKernel linear_forward(Index N, Index I, Index O) {
  const auto scratch = scratch_of(kernels::linear_scratch(N, I, O));
  return bilinear(
      {N, I}, {O, I}, {N, O}, N * I * O,
      [=](const float* x, const float* w, float* y) {
        kernels::linear(N, I, O, {0, O}, x, w, OutputMode::write, y, scratch->data());
      },
      [=](const auto& x, const auto& w, auto& y) {
        for_each_linear_product(N, I, O, [&](Index in, Index weight, Index out) { y[out] += x[in] * w[weight]; });
      });
}

PreparedKernel linear_input_gradient(Index N, Index I, Index O) {
  const auto scratch = scratch_of(kernels::linear_input_gradient_scratch(N, I, O, {0, I}));
  return bilinear(
      {N, O}, {O, I}, {N, I}, N * I * O,
      [=](const float* dy, const float* w, float* dx) {
        kernels::linear_input_gradient(N, I, O, {0, I}, dy, w, OutputMode::write, dx, scratch->data());
      },
      [=](const auto& dy, const auto& w, auto& dx) {
        for_each_linear_product(N, I, O, [&](Index in, Index weight, Index out) { dx[in] += dy[out] * w[weight]; });
      });
}

PreparedKernel linear_weight_gradient(Index N, Index I, Index O) {
  const auto scratch = scratch_of(kernels::linear_weight_gradient_scratch(N, I, O));
  return bilinear(
      {N, O}, {N, I}, {O, I}, N * I * O,
      [=](const float* dy, const float* x, float* dw) {
        kernels::linear_weight_gradient(N, I, O, {0, O}, dy, x, OutputMode::write, dw, scratch->data());
      },
      [=](const auto& dy, const auto& x, auto& dw) {
        for_each_linear_product(N, I, O, [&](Index in, Index weight, Index out) { dw[weight] += dy[out] * x[in]; });
      });
}

/// Calls visit(input offset, output offset) for every position of every window, in row-major order.
template <class Visit>
void for_each_window_position(const kernels::Pool2dGeometry& g, const Visit& visit) {
  for (Index n = 0; n < g.N; ++n) {
    for (Index c = 0; c < g.C; ++c) {
      for (Index oy = 0; oy < g.OH(); ++oy) {
        for (Index ox = 0; ox < g.OW(); ++ox) {
          for (Index y = oy * g.stride - g.padding; y < oy * g.stride - g.padding + g.K; ++y) {
            for (Index x = ox * g.stride - g.padding; x < ox * g.stride - g.padding + g.K; ++x) {
              if (y < 0 || y >= g.H || x < 0 || x >= g.W) continue;
              visit(hypertape::detail::offset_of(g.input(), n, c, y, x),
                    hypertape::detail::offset_of(g.output(), n, c, oy, ox));
            }
          }
        }
      }
    }
  }
}

/// The second output, the position of each maximum, is checked too.
PreparedKernel max_pool2d(const kernels::Pool2dGeometry& g) {
  const auto source = std::make_shared<std::vector<std::int32_t>>(static_cast<std::size_t>(g.output().size()), -1);
  PreparedKernel prepared = unary(
      g.input(), g.output(), g.output().size() * (g.K * g.K - 1),
      [=](const float* x, float* y) { kernels::max_pool2d(g, x, y, source->data()); },
      [=](const auto& x, auto& y) {
        y.fill(-std::numeric_limits<double>::infinity());
        std::vector<Index> first(source->size(), -1);
        for_each_window_position(g, [&](Index in, Index out) {
          if (x[in] <= y[out]) return;
          y[out] = x[in];
          first[static_cast<std::size_t>(out)] = in;
        });
        if (!std::equal(first.begin(), first.end(), source->begin())) y.fill(std::numeric_limits<double>::quiet_NaN());
      });
  prepared.bytes += bytes_of(*source);
  return prepared;
}

PreparedKernel average_pool2d(const kernels::Pool2dGeometry& g) {
  return unary(
      g.input(), g.output(), g.output().size() * g.K * g.K,
      [=](const float* x, float* y) { kernels::average_pool2d(g, x, y); },
      [=](const auto& x, auto& y) {
        for_each_window_position(g, [&](Index in, Index out) { y[out] += x[in] / static_cast<double>(g.K * g.K); });
      });
}

PreparedKernel relu(const Shape& shape) {
  return unary(
      shape, shape, shape.size(),
      [=](const float* x, float* y) { kernels::map(shape.size(), x, y, [](float v) { return v < 0 ? 0 : v; }); },
      [](const auto& x, auto& y) {
        for (Index i = 0; i < x.size(); ++i) y[i] = std::max(x[i], 0.0);
      });
}

/// Per logit: a maximum, an exponential, a sum and three subtractions; per sample: a logarithm.
PreparedKernel log_softmax(Index N, Index K) {
  const auto scratch = scratch_of(2 * N);
  return unary(
      Shape::batch(N, K), Shape::batch(N, K), 6 * N * K + N,
      [=](const float* x, float* y) { kernels::log_softmax(N, K, x, y, scratch->data()); },
      [=](const auto& x, auto& y) {
        for (Index n = 0; n < N; ++n) {
          double total = 0;
          for (Index k = 0; k < K; ++k) total += std::exp(x(n, k));
          for (Index k = 0; k < K; ++k) y(n, k) = x(n, k) - std::log(total);
        }
      });
}

/// The exponentials that give the probabilities in the loss's gradient.
PreparedKernel exponential(Index N, Index K) {
  const Shape shape = Shape::batch(N, K);
  return unary(
      shape, shape, shape.size(), [=](const float* x, float* y) { kernels::exp(shape.size(), x, y); },
      [](const auto& x, auto& y) {
        for (Index i = 0; i < x.size(); ++i) y[i] = std::exp(x[i]);
      });
}

/// The product of labels and log-probabilities.
PreparedKernel dot(Index N, Index K) {
  const Shape shape = Shape::batch(N, K);
  return bilinear(
      shape, shape, Shape{}, shape.size(),
      [=](const float* a, const float* b, float* out) { *out = kernels::dot(shape.size(), a, b); },
      [](const auto& a, const auto& b, auto& out) {
        for (Index i = 0; i < a.size(); ++i) out[0] += a[i] * b[i];
      });
}

/// The input times (k + alpha/size times the sum of squares over four channels)^(-3/4): the forward pass of
/// AlexCifarNet's normalization.
PreparedKernel local_response_norm(Index N, Index C, Index each) {
  const Index plane = N * each;
  constexpr float alpha = 0.001F / 9, k = 1;
  const auto squares = scratch_of(C * plane);
  return unary(
      {N, C, each}, {N, C, each}, C * plane * 12,
      [=](const float* x, float* y) {
        kernels::channel_window_sum<kernels::Weigh::terms>(C, plane, 2, 1, alpha / 4, x, x, OutputMode::write,
                                                           squares->data());
        const auto factor = [&](int) { return x; };
        kernels::power_product<float>(C * plane, 1.0F, k, 0.75F, squares->data(), 1, factor, y);
      },
      [=](const auto& x, auto& y) {
        for (Index i = 0; i < x.size(); ++i) {
          double sum = 0;
          for (Index c = std::max<Index>(0, i / plane - 2); c <= std::min(C - 1, i / plane + 1); ++c) {
            sum += std::pow(x[c * plane + i % plane], 2);
          }
          y[i] = x[i] * std::pow(double{k} + double{alpha} / 4 * sum, -0.75);
        }
      });
}

/// Each instance minus its mean: the first part of instance normalization.
PreparedKernel instance_center(Index N, Index C, Index pixels) {
  return unary(
      {N, C, pixels}, {N, C, pixels}, 2 * N * C * pixels,
      [=](const float* x, float* y) { kernels::instance_center(N, C, pixels, x, y); },
      [=](const auto& x, auto& y) {
        for (Index c = 0; c < C; ++c) {
          for (Index n = 0; n < N; ++n) {
            const auto at = [=](Index p) { return (c * pixels + p) * N + n; };
            double mean = 0;
            for (Index p = 0; p < pixels; ++p) mean += x[at(p)] / static_cast<double>(pixels);
            for (Index p = 0; p < pixels; ++p) y[at(p)] = x[at(p)] - mean;
          }
        }
      });
}

}  // namespace

std::vector<KernelCase> kernel_cases() {
  std::vector<KernelCase> cases;
  const auto add = [&](const std::string& kernel, const char* layer, auto prepare) {
    cases.push_back({kernel + '/' + layer, std::move(prepare)});
  };

  const auto add_geometries = [&](const std::string& kernel, const auto& layers, auto prepare) {
    for (const auto& layer : layers) {
      add(kernel, layer.name, [=, g = layer.geometry](Index N) mutable {
        g.N = N;
        return prepare(g);
      });
    }
  };
  add_geometries("conv2d", conv_layers, conv2d_forward);
  add_geometries("conv2d_input_gradient", conv_layers, conv2d_input_gradient);
  add_geometries("conv2d_weight_gradient", conv_layers, conv2d_weight_gradient);

  const auto add_linear = [&](const std::string& kernel, auto prepare) {
    for (const LinearLayer& layer : linear_layers) {
      add(kernel, layer.name, [=](Index N) { return prepare(N, layer.inputs, layer.outputs); });
    }
    // A logistic regression, which has 64 times as many samples as a block.
    add(kernel, "logistic-regression", [=](Index N) { return prepare(64 * N, 20, 1); });
  };
  add_linear("linear", linear_forward);
  add_linear("linear_input_gradient", linear_input_gradient);
  add_linear("linear_weight_gradient", linear_weight_gradient);

  add_geometries("max_pool2d", pool_layers, max_pool2d);
  add_geometries("average_pool2d", pool_layers, average_pool2d);

  for (const Features& f : relu_layers) add("relu", f.name, [f](Index N) { return relu({N, f.count}); });
  for (const Features& f : logits_layers) {
    add("log_softmax", f.name, [f](Index N) { return log_softmax(N, f.count); });
    add("exp", f.name, [f](Index N) { return exponential(N, f.count); });
    add("dot", f.name, [f](Index N) { return dot(N, f.count); });
  }
  add("local_response_norm", "alexcifarnet-norm1", [](Index N) { return local_response_norm(N, 64, 16 * 16); });

  add("instance_center", "convnet3-norm1", [](Index N) { return instance_center(N, 128, 32 * 32); });

  for (KernelCase& routed : routed_conv2d_cases()) cases.push_back(std::move(routed));

  // The linear layers also for a whole outer batch; other libraries' kernels follow ours.
  for (KernelCase& kernel : cases) {
    if (kernel.name.starts_with("linear")) kernel.samples.push_back(256);
  }
  std::vector<KernelCase> peers;
#if defined(HYPERTAPE_BENCH_ONEDNN)
  for (KernelCase& peer : onednn_cases()) peers.push_back(std::move(peer));
#endif
#if defined(HYPERTAPE_BENCH_OPENBLAS)
  for (KernelCase& peer : openblas_cases()) peers.push_back(std::move(peer));
#endif
  for (KernelCase& peer : peers) {
    const std::string kernel = peer.name.substr(peer.name.find('_') + 1);
    const auto ours = std::find_if(cases.begin(), cases.end(), [&](const auto& c) { return c.name == kernel; });
    peer.samples = ours->samples;
    cases.insert(ours + 1, std::move(peer));
  }
  return cases;
}

}  // namespace hypertape::bench
