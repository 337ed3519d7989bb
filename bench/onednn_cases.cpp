#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "bilinear.hpp"
#include "layers.hpp"
#include "support/obvious_conv2d.hpp"

namespace hypertape::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

memory::dims dims_of(const Shape& shape) {
  memory::dims dims;
  for (int axis = 0; axis < shape.rank(); ++axis) dims.push_back(shape[axis]);
  return dims;
}

memory::desc described(const Shape& shape, Tag tag) { return {dims_of(shape), memory::data_type::f32, tag}; }

/// Our memory order of a tensor: batches have samples innermost.
memory::desc ours(const Shape& shape) { return described(shape, shape.is_batch() ? Tag::chwn : Tag::oihw); }

/// One of the three products of a convolution, in the layouts that oneDNN prefers for it. Conversion to and from them
/// is not timed.
template <class Primitive>
class Product {
 public:
  using Arguments = std::unordered_map<int, memory>;

  /// An operand or the result: its number among a primitive's arguments, and its memory layout.
  struct Operand {
    int argument;
    memory::desc layout;
  };

  Product(const typename Primitive::primitive_desc& description, const dnnl::engine& engine, const Operand& left,
          const Operand& right, const Operand& output, std::shared_ptr<BilinearData> data)
      : primitive_(description), engine_(engine), stream_(engine), output_(output.argument), data_(std::move(data)) {
    for (const auto& [operand, tensor] : {std::pair(left, &data_->left), std::pair(right, &data_->right)}) {
      memory from(ours(tensor->shape()), engine_, tensor->data()), to(operand.layout, engine_);
      reorder(from, to);
      arguments_.emplace(operand.argument, to);
    }
    arguments_.emplace(output_, memory(output.layout, engine_));
  }

  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

  void fetch() {
    memory to(ours(data_->output.shape()), engine_, data_->output.data());
    reorder(arguments_.at(output_), to);
  }

 private:
  void reorder(memory& from, memory& to) {
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
  }

  Primitive primitive_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  Arguments arguments_;
  int output_;
  std::shared_ptr<BilinearData> data_;
};

enum class Pass { forward, input_gradient, weight_gradient };

PreparedKernel convolution(const kernels::Conv2dGeometry& g, Pass pass) {
  omp_set_num_threads(1);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const memory::desc x = described(g.input(), Tag::any), w = described(g.weight(), Tag::any),
                     y = described(g.output(), Tag::any);
  const memory::dims stride{g.stride, g.stride}, padding{g.padding, g.padding};
  // Input beyond the last window is not used.
  const auto past = [&](Index extent, Index outputs) { return (outputs - 1) * g.stride + g.K - extent - g.padding; };
  const memory::dims past_end{past(g.H, g.OH()), past(g.W, g.OW())};
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, x, w, y, stride, padding, past_end}, engine);

  const auto prepared = [&]<class Primitive>(const typename Primitive::primitive_desc& description, const Shape& left,
                                             const Shape& right, const Shape& output, const auto& operands,
                                             const auto& obvious) {
    const auto data = bilinear_data(left, right, output);
    const auto product =
        std::make_shared<Product<Primitive>>(description, engine, operands[0], operands[1], operands[2], data);
    PreparedKernel kernel = bilinear(
        data, g.multiply_adds(), [=] { product->run(); },
        [=](const auto& a, const auto& b, auto& out) {
          testing::for_each_product(g, [&](Index in, Index weight, Index to) { obvious(a, b, out, in, weight, to); });
        },
        [=] { product->fetch(); });
    kernel.note = description.impl_info_str();
    return kernel;
  };
  switch (pass) {
    case Pass::forward: {
      using Primitive = dnnl::convolution_forward;
      const Product<Primitive>::Operand operands[] = {{DNNL_ARG_SRC, forward.src_desc()},
                                                      {DNNL_ARG_WEIGHTS, forward.weights_desc()},
                                                      {DNNL_ARG_DST, forward.dst_desc()}};
      return prepared.operator()<Primitive>(forward, g.input(), g.weight(), g.output(), operands,
                                            [](const auto& a, const auto& b, auto& out, Index in, Index weight,
                                               Index to) { out[to] += a[in] * b[weight]; });
    }
    case Pass::input_gradient: {
      using Primitive = dnnl::convolution_backward_data;
      const Primitive::primitive_desc backward({algorithm, x, w, y, stride, padding, past_end}, engine, forward);
      const Product<Primitive>::Operand operands[] = {{DNNL_ARG_DIFF_DST, backward.diff_dst_desc()},
                                                      {DNNL_ARG_WEIGHTS, backward.weights_desc()},
                                                      {DNNL_ARG_DIFF_SRC, backward.diff_src_desc()}};
      return prepared.operator()<Primitive>(backward, g.output(), g.weight(), g.input(), operands,
                                            [](const auto& a, const auto& b, auto& out, Index in, Index weight,
                                               Index to) { out[in] += a[to] * b[weight]; });
    }
    default: {
      using Primitive = dnnl::convolution_backward_weights;
      const Primitive::primitive_desc backward({algorithm, x, w, y, stride, padding, past_end}, engine, forward);
      const Product<Primitive>::Operand operands[] = {{DNNL_ARG_DIFF_DST, backward.diff_dst_desc()},
                                                      {DNNL_ARG_SRC, backward.src_desc()},
                                                      {DNNL_ARG_DIFF_WEIGHTS, backward.diff_weights_desc()}};
      return prepared.operator()<Primitive>(backward, g.output(), g.input(), g.weight(), operands,
                                            [](const auto& a, const auto& b, auto& out, Index in, Index weight,
                                               Index to) { out[weight] += a[to] * b[in]; });
    }
  }
}

}  // namespace

std::vector<KernelCase> onednn_cases() {
  std::vector<KernelCase> cases;
  for (const auto& [name, pass] :
       {std::pair("onednn_conv2d/", Pass::forward), std::pair("onednn_conv2d_input_gradient/", Pass::input_gradient),
        std::pair("onednn_conv2d_weight_gradient/", Pass::weight_gradient)}) {
    for (const ConvLayer& layer : conv_layers) {
      cases.push_back({std::string(name) + layer.name, [g = layer.geometry, pass = pass](Index N) mutable {
                         g.N = N;
                         return convolution(g, pass);
                       }});
    }
  }
  return cases;
}

}  // namespace hypertape::bench
