// Distillation for your own network: ten learned images, one per digit, that train it in three steps. The digits are
// drawn, so no dataset is needed.

#include <hypertape/distill.hpp>
#include <iostream>

using namespace hypertape;

/// A model has a layout of its weights, and maps weights and images (N, 1, 28, 28) to logits (N, 10).
class ResidualNet {
 public:
  const nn::Parameters& parameters() const { return parameters_; }

  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    Var<T> h = average_pool2d(relu(stem_(theta, x)));
    h = h + relu(block_(theta, h));
    return head_(theta, reshape(h, {h.shape()[0], h.shape().features()}));
  }

 private:
  nn::Parameters parameters_;
  nn::Conv2d stem_{parameters_, "stem", 1, 8, 3, {.padding = 1}};
  nn::Conv2d block_{parameters_, "block", 8, 8, 3, {.padding = 1}};
  nn::Linear head_{parameters_, "head", 8 * 14 * 14, 10};
};

int main() {
  const nn::Network<float> network("residual-8", ResidualNet());
  const data::Dataset digits = data::generate_glyphs(2000, 500, 1);

  distill::DistillOptions options;
  options.outer_loop.iterations = 200;
  options.real.batch = 64;
  options.validation.hold_out = 200;
  options.seed = 7;
  const distill::DistilledSet set = distill::distill(network, digits, options).set;

  const distill::Evaluation tested = distill::evaluate(network, set, digits, {});
  std::cout << "as it starts: " << tested.initial_accuracy().mean << " % of the test images right\n"
            << "after three steps on ten learned images: " << tested.accuracy().mean << " %\n";
  distill::save(set, "own_network.npz");
}
