// Built several times, each time with a NAME and options of its own: what the library computes under these options, as
// a checksum of the bits.
#include <bit>
#include <cstdint>
#include <hypertape/hypertape.hpp>

using namespace hypertape;

std::uint64_t NAME() {
  const nn::Mlp net({37, 19, 5}, nn::Activation::tanh);
  const auto loss = [&](Var<float> theta, Var<float> x, Var<float> y) {
    return softmax_cross_entropy(net(theta, x), y);
  };
  Random random(1);
  const auto noise = [&](const Shape& shape) {
    Tensor<float> out(shape);
    for (float& value : out.values()) value = static_cast<float>(random.normal());
    return out;
  };
  InnerLoop<float> loop;
  loop.theta0 = noise(Shape{net.parameters().size()});
  loop.x = {noise(Shape::batch(11, 37))};
  loop.y = {noise(Shape::batch(11, 5))};
  loop.learning_rates = Tensor<float>(Shape{3, 1}, 0.1F);
  const auto h = hypergradient(loop, loss, [](Var<float> theta) { return dot(theta, theta); });
  std::uint64_t sum = 14695981039346656037U;  // FNV-1a
  for (const float value : h.x[0].values()) sum = (sum ^ std::bit_cast<std::uint32_t>(value)) * 1099511628211U;
  return sum;
}

/// Whether an error of another part is caught as what it is.
void THROWS() { linear(Tape<float>().scalar(1), Tape<float>().scalar(1)); }
