#include "hypertape/distill/pretraining.hpp"

#include <doctest/doctest.h>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"

namespace hypertape::testing {
namespace {

const data::Dataset& glyphs() {
  static const data::Dataset dataset = data::generate_glyphs(600, 100, 1);
  return dataset;
}

nn::Network<float> network() { return {"linear", nn::Mlp({784, 10})}; }

distill::PretrainOptions small_options() {
  distill::PretrainOptions options;
  options.epochs = 8;
  options.batch = 50;
  options.learning_rate = 0.01;
  return options;
}

TEST_CASE("pretraining: a network learns, the same bits on any number of threads") {
  const Tensor<float> theta = distill::pretrain(network(), glyphs(), small_options(), 0, WorkerTeam(1));
  const auto accuracy = [&](const Tensor<float>& weights) {
    return distill::confusion(network(), weights, glyphs().test, glyphs().normalization, WorkerTeam(2)).accuracy();
  };
  CHECK(accuracy(theta) >= 70);
  CHECK(accuracy(Tensor<float>(theta.shape())) <= 20);
  CHECK(equal(distill::pretrain(network(), glyphs(), small_options(), 0, WorkerTeam(3)), theta));
  CHECK(!equal(distill::pretrain(network(), glyphs(), small_options(), 1, WorkerTeam(1)), theta));
}

TEST_CASE("pretraining: options out of range, and too few images") {
  distill::PretrainOptions options = small_options();
  options.batch = 601;
  check_error<ArgumentError>([&] { distill::pretrain(network(), glyphs(), options, 0, WorkerTeam(1)); },
                             {"600 images do not fill a batch of 601"});
  options = small_options();
  options.learning_rate = 0;
  check_error<ArgumentError>([&] { distill::pretrain(network(), glyphs(), options, 0, WorkerTeam(1)); },
                             {"learning rate must be positive"});
}

}  // namespace
}  // namespace hypertape::testing
