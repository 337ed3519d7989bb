#include <algorithm>
#include <memory>

#include "check.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/core/arena.hpp"
#include "hypertape/nn/fused_lenet_kernels.hpp"
#include "hypertape/nn/lenet.hpp"
#include "kernel_cases.hpp"
#include "random_data.hpp"
#include "work.hpp"

namespace hypertape::bench {
namespace {

using kernels::OutputMode;

/// The fused LeNet: the gradient, and the derivative of <direction, gradient> by theta and images. Checked against the
/// tape in double precision.
PreparedKernel fused_lenet(Index N, bool second) {
  using Kernel = nn::LeNetKernels<float, 1>;
  struct Data {
    nn::LeNet net;
    Tensor<float> theta, direction, x, y;
    Tensor<float> gradient, hvp, dx;
    hypertape::detail::Arena arena;
    typename Kernel::Batch batch;
    typename Kernel::Record record;
    typename Kernel::Scratch scratch;
  };
  Random random(1);
  const auto data = std::make_shared<Data>();
  data->theta = data->net.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random);
  data->direction = noise<float>(data->theta.shape(), random);
  data->x = noise<float>(Shape::batch(N, 1, 28, 28), random);
  data->y = ten_classes<float>(N);
  data->gradient = data->hvp = unwritten(data->theta.shape());
  data->dx = unwritten(data->x.shape());
  const auto allocate = [data]<class U>(Index count) { return data->arena.allocate<U>(count); };
  data->batch = Kernel::allocate_batch(N, 10, allocate);
  data->record = Kernel::allocate_record(N, 10, allocate);
  data->scratch = Kernel::allocate_scratch(N, 10, allocate);
  Kernel::load(data->x.data(), data->y.data(), 28, data->batch);
  const auto gradient = [data] {
    Kernel::loss_and_gradient(data->theta.data(), data->batch, 1, OutputMode::write, data->record,
                              data->gradient.data());
  };
  const auto derivative = [data] {
    Kernel::derivative(data->theta.data(), data->direction.data(), data->batch, 28, 1, data->record, data->scratch,
                       data->hvp.data(), data->dx.data(), nullptr);
  };
  if (second) gradient();
  return {.flop = 2 * static_cast<double>(N) * (second ? lenet_work.tangent() : lenet_work.gradient()),
          .bytes = bytes_of(data->theta, data->x, data->gradient) + (second ? bytes_of(data->direction, data->dx) : 0),
          .run = second ? std::function<void()>(derivative) : gradient,
          .error = [=] {
            Tape<double> tape;
            const Var<double> theta = tape.leaf(cast<double>(data->theta)), x = tape.leaf(cast<double>(data->x));
            const Var<double> direction = tape.leaf(cast<double>(data->direction));
            const auto loss = softmax_cross_entropy(data->net(theta, x), tape.leaf(cast<double>(data->y)));
            const std::vector<Var<double>> exact = hypertape::gradient(loss, {theta, x});
            if (!second) return relative_error(data->gradient, exact[0].value());
            Var<double> tangents[2];
            jvp<double>(exact, std::span<const Var<double>>(&theta, 1), std::span<const Var<double>>(&direction, 1),
                        tangents);
            return largest_error(
                {relative_error(data->hvp, tangents[0].value()), relative_error(data->dx, tangents[1].value())});
          }};
}

/// A layer of the fused LeNet (convolution, pool and relu) for N samples one after the other, as LeNet runs it: weights
/// are packed, and their gradient unpacked, once a call.
template <class Layer>
struct PooledLayer {
  using Pair = typename Layer::Pair;
  static constexpr Index weights = Layer::taps, images = Layer::H * Layer::H * Layer::C;

  Index N;
  Tensor<float> weight, direction, bias;     // (O, C, K, K) twice, (O)
  Tensor<float> image, image_tangent;        // (N, Layer::image), (H, H, C) and zeros
  Tensor<float> gradient, gradient_tangent;  // (N, outputs), by the outputs
  std::vector<typename Layer::Routes> routes;
  Tensor<float> out, tangent, dweight, dimage;
  Tensor<float> packed, packed_direction, copies;

  explicit PooledLayer(Index samples) : N(samples), routes(static_cast<std::size_t>(samples)) {
    Random random(1);
    for (Tensor<float>* part : {&weight, &direction}) *part = noise<float>({weights}, random);
    bias = noise<float>({Layer::O}, random);
    for (Tensor<float>* part : {&image, &image_tangent}) {
      *part = noise<float>({N * Layer::image}, random);
      for (Index n = 0; n < N; ++n) {
        std::fill(part->data() + n * Layer::image + images, part->data() + (n + 1) * Layer::image, 0.0F);
      }
    }
    for (Tensor<float>* part : {&gradient, &gradient_tangent}) *part = noise<float>({N * Layer::outputs}, random);
    for (Tensor<float>* part : {&out, &tangent}) *part = unwritten({N * Layer::outputs});
    dweight = unwritten({weights});
    dimage = unwritten({N * images});
    for (Tensor<float>* part : {&packed, &packed_direction}) *part = unwritten({Layer::packed});
    copies = unwritten({Layer::image_copies * Layer::image});
    run_forward();
  }

  const typename Layer::Routes& route(Index n) const { return routes[static_cast<std::size_t>(n)]; }

  void run_forward() {
    for (Index n = 0; n < N; ++n) {
      const float* from = image.data() + n * Layer::image;
      float* to = out.data() + n * Layer::outputs;
      auto& own = routes[static_cast<std::size_t>(n)];
      if constexpr (Layer::C == 1) {  // rows of an image are those of its only channel
        if (n == 0) Layer::pack_for_columns(weight.data(), packed.data());
        Layer::forward_over_columns(from, packed.data(), bias.data(), to, own);
      } else {
        if (n == 0) Layer::pack_for_channels(weight.data(), packed.data());
        Layer::forward_over_channels(from, packed.data(), bias.data(), to, own);
      }
    }
  }
  void run_weight_gradient() {
    packed.fill(0);
    for (Index n = 0; n < N; ++n) {
      const Pair product[] = {{gradient.data() + n * Layer::outputs, image.data() + n * Layer::image}};
      Layer::template add_weight_gradient<1>(route(n), product, packed.data());
    }
    Layer::unpack(packed.data(), OutputMode::write, dweight.data());
  }
  void run_input_gradient() {
    pack_both();
    for (Index n = 0; n < N; ++n) {
      const Pair products[] = {{gradient_tangent.data() + n * Layer::outputs, packed.data()},
                               {gradient.data() + n * Layer::outputs, packed_direction.data()}};
      Layer::template input_gradient<2>(route(n), products, dimage.data() + n * images, copies.data());
    }
  }
  /// The images of the first layer do not move.
  void run_tangent() {
    pack_both();
    for (Index n = 0; n < N; ++n) {
      const Pair moved_weight{packed_direction.data(), image.data() + n * Layer::image};
      const Pair moved_image{packed.data(), image_tangent.data() + n * Layer::image};
      float* to = tangent.data() + n * Layer::outputs;
      if constexpr (Layer::C == 1) {
        Layer::template tangent<1>(route(n), {moved_weight}, bias.data(), to);
      } else {
        Layer::template tangent<2>(route(n), {moved_weight, moved_image}, bias.data(), to);
      }
    }
  }
  void pack_both() {
    Layer::pack(weight.data(), packed.data());
    Layer::pack(direction.data(), packed_direction.data());
  }

  /// visit(sample, channel, offset of the patch in all images, offset of the value in all outputs) for every route.
  template <class Visit>
  void for_each_route(const Visit& visit) const {
    for (Index n = 0; n < N; ++n) {
      for (int o = 0; o < Layer::O; ++o) {
        for (int entry = o * Layer::windows; entry < o * Layer::windows + route(n).count[o]; ++entry) {
          visit(n, o, n * Layer::image + route(n).patch[entry], n * Layer::outputs + route(n).target[entry]);
        }
      }
    }
  }
  /// visit(offset of the weight, offset in the image) for every product of channel o with the patch at `patch`.
  template <class Visit>
  static void for_each_product(Index o, Index patch, const Visit& visit) {
    constexpr Index K = Layer::K;
    for (Index c = 0; c < Layer::C; ++c) {
      for (Index ky = 0; ky < K; ++ky) {
        for (Index kx = 0; kx < K; ++kx) {
          visit(((o * Layer::C + c) * K + ky) * K + kx, patch + (ky * Layer::H + kx) * Layer::C + c);
        }
      }
    }
  }
  /// <w[o], patch of the images>, in double precision.
  double convolution(const Tensor<float>& w, const Tensor<float>& from, Index o, Index patch) const {
    double sum = 0;
    for_each_product(o, patch, [&](Index at, Index in) { sum += double{w[at]} * double{from[in]}; });
    return sum;
  }

  /// Outputs against the maximum of each window; and routes, by way of the values where they lead: with those alone,
  /// every output must come out again.
  double forward_error() const {
    Tensor<double> exact(out.shape()), routed(out.shape());
    for (Index n = 0; n < N; ++n) {
      for (int o = 0; o < Layer::O; ++o) {
        for (int window = 0; window < Layer::windows; ++window) {
          double& largest = exact[n * Layer::outputs + Layer::target(o, window)];
          for (Index position = 0; position < 4; ++position) {
            const Index y = 2 * (window / Layer::pooled) + position / 2,
                        x = 2 * (window % Layer::pooled) + position % 2;
            const Index patch = n * Layer::image + (y * Layer::H + x) * Layer::C;
            largest = std::max(largest, bias[o] + convolution(weight, image, o, patch));
          }
        }
      }
    }
    for_each_route([&](Index, Index o, Index patch, Index target) {
      routed[target] += bias[o] + convolution(weight, image, o, patch);
    });
    return largest_error({relative_error(out, exact), relative_error(routed, exact)});
  }
  double weight_gradient_error() const {
    Tensor<double> exact(dweight.shape());
    for_each_route([&](Index, Index o, Index patch, Index target) {
      for_each_product(o, patch, [&](Index w, Index in) { exact[w] += double{gradient[target]} * double{image[in]}; });
    });
    return relative_error(dweight, exact);
  }
  double input_gradient_error() const {
    Tensor<double> exact(dimage.shape());
    for_each_route([&](Index n, Index o, Index patch, Index target) {
      for_each_product(o, patch, [&](Index w, Index in) {
        exact[in - n * (Layer::image - images)] +=
            double{gradient_tangent[target]} * double{weight[w]} + double{gradient[target]} * double{direction[w]};
      });
    });
    return relative_error(dimage, exact);
  }
  double tangent_error() const {
    Tensor<double> exact(tangent.shape());
    for_each_route([&](Index, Index o, Index patch, Index target) {
      exact[target] = bias[o] + convolution(direction, image, o, patch) +
                      (Layer::C == 1 ? 0 : convolution(weight, image_tangent, o, patch));
    });
    return relative_error(tangent, exact);
  }
};

/// The cases of a layer. What is counted is a dense convolution for each product, whatever part of it the routes need.
template <class Layer>
void add_pooled_layer(const std::string& layer, std::vector<KernelCase>& cases) {
  using Data = PooledLayer<Layer>;
  const auto add = [&](const char* kernel, int products, void (Data::*run)(), double (Data::*error)() const,
                       auto bytes) {
    cases.push_back({hypertape::detail::concat("pooled_conv2d", kernel, '/', layer), [=](Index N) -> PreparedKernel {
                       const auto data = std::make_shared<Data>(N);
                       constexpr double outputs = 4.0 * Layer::outputs * Layer::C * Layer::K * Layer::K;
                       return {.flop = 2 * outputs * products * static_cast<double>(N),
                               .bytes = bytes(*data),
                               .run = [=] { ((*data).*run)(); },
                               .error = [=] { return ((*data).*error)(); }};
                     }});
  };
  add("", 1, &Data::run_forward, &Data::forward_error,
      [](const Data& d) { return bytes_of(d.image, d.weight, d.bias, d.out); });
  add("_weight_gradient", 1, &Data::run_weight_gradient, &Data::weight_gradient_error,
      [](const Data& d) { return bytes_of(d.gradient, d.image, d.dweight); });
  add("_input_gradient", 2, &Data::run_input_gradient, &Data::input_gradient_error,
      [](const Data& d) { return bytes_of(d.gradient, d.gradient_tangent, d.weight, d.direction, d.dimage); });
  constexpr int factors = Layer::C == 1 ? 1 : 2;
  add("_tangent", factors, &Data::run_tangent, &Data::tangent_error,
      [](const Data& d) { return factors * bytes_of(d.image, d.weight) + bytes_of(d.bias, d.tangent); });
}

}  // namespace

std::vector<KernelCase> fused_lenet_cases() {
  using Kernel = nn::LeNetKernels<float, 1>;
  std::vector<KernelCase> cases{{"lenet/gradient", [](Index N) { return fused_lenet(N, false); }},
                                {"lenet/derivative", [](Index N) { return fused_lenet(N, true); }}};
  add_pooled_layer<Kernel::Conv1>("lenet-conv1", cases);
  add_pooled_layer<Kernel::Conv2>("lenet-conv2", cases);
  return cases;
}

}  // namespace hypertape::bench
