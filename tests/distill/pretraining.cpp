#include "hypertape/distill/pretraining.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"

namespace hypertape::testing {
namespace {

nn::Network<float> network() { return {"linear", nn::Mlp({784, 10})}; }

distill::PretrainOptions small_options() {
  distill::PretrainOptions options;
  options.epochs = 8;
  options.batch = 50;
  options.learning_rate = 0.01;
  return options;
}

TEST_CASE("pretraining: a network learns, the same bits on any number of threads") {
  const Tensor<float> theta = distill::pretrain(network(), glyphs<600, 100>(), small_options(), 0, WorkerTeam(1));
  const auto accuracy = [&](const Tensor<float>& weights) {
    return distill::confusion(network(), weights, glyphs<600, 100>().test, glyphs<600, 100>().normalization,
                              WorkerTeam(2))
        .accuracy();
  };
  CHECK(accuracy(theta) >= 70);
  CHECK(accuracy(Tensor<float>(theta.shape())) <= 20);
  CHECK(equal(distill::pretrain(network(), glyphs<600, 100>(), small_options(), 0, WorkerTeam(3)), theta));
  CHECK(!equal(distill::pretrain(network(), glyphs<600, 100>(), small_options(), 1, WorkerTeam(1)), theta));
}

TEST_CASE("pretraining: labels that mean nothing are learned by heart, but not those of held-out images") {
  data::Dataset noise = glyphs<600, 100>();
  Random random(1);
  for (std::int32_t& label : noise.train.labels) label = static_cast<std::int32_t>(random.below(10));
  const nn::Network<float> net{"mlp", nn::Mlp({784, 256, 10})};
  distill::PretrainOptions options = small_options();
  options.epochs = 100;
  options.learning_rate = 0.003;
  const std::vector<Index> held_out = distill::hold_out(noise.train, 120, options.seed).held_out;
  const auto remembered = [&](std::optional<Index> hold_out) {
    options.hold_out = hold_out;
    const Tensor<float> theta = distill::pretrain(net, noise, options, 0, WorkerTeam(2));
    return distill::confusion(net, theta, noise.train, held_out, noise.normalization, WorkerTeam(2)).accuracy();
  };
  CHECK(remembered(0) >= 90);
  CHECK(remembered(std::nullopt) <= 25);  // ten classes: chance is 10
}

TEST_CASE("pretraining: weights depend on every image but those held out") {
  const std::vector<Index> held_out = distill::hold_out(glyphs<600, 100>().train, 120, 1).held_out;
  const auto weights = [&](Index changed, Index hold_out) {
    data::Dataset dataset = glyphs<600, 100>();
    std::int32_t& label = dataset.train.labels[static_cast<std::size_t>(changed)];
    label = (label + 1) % 10;
    distill::PretrainOptions options = small_options();
    options.epochs = 1;
    options.batch = 1;
    options.hold_out = hold_out;
    return distill::pretrain(network(), dataset, options, 0, WorkerTeam(1));
  };
  CHECK(equal(weights(held_out.front(), 120), weights(held_out.back(), 120)));
  CHECK(!equal(weights(held_out.front(), 0), weights(held_out.back(), 0)));
}

TEST_CASE("pretraining: options out of range, and too few images") {
  distill::PretrainOptions options = small_options();
  options.batch = 601;
  check_error<ArgumentError>([&] { distill::pretrain(network(), glyphs<600, 100>(), options, 0, WorkerTeam(1)); },
                             {"600 images, 120 of them held out, do not fill a batch of 601"});
  options = small_options();
  options.hold_out = 600;
  check_error<ArgumentError>([&] { distill::pretrain(network(), glyphs<600, 100>(), options, 0, WorkerTeam(1)); },
                             {"600 of them held out", "batch of 50"});
  options.hold_out = -1;
  check_error<ArgumentError>([&] { distill::pretrain(network(), glyphs<600, 100>(), options, 0, WorkerTeam(1)); },
                             {"hold_out needs a number not below zero", "-1"});
  options = small_options();
  options.learning_rate = 0;
  check_error<ArgumentError>([&] { distill::pretrain(network(), glyphs<600, 100>(), options, 0, WorkerTeam(1)); },
                             {"learning_rate needs a number above zero"});
}

TEST_CASE("pretraining: a balanced epoch has as many images of each class, each as often as can be the same") {
  const data::LabeledImages images{9, 1, 1, 1, 4, std::vector<std::uint8_t>(9), {0, 0, 0, 0, 0, 1, 1, 3, 2}};
  const std::vector<Index> which{0, 1, 2, 3, 4, 5, 6, 7};  // none of class 2
  CHECK(distill::detail::repeated(images, which) == std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 5, 6, 5, 7, 7, 7, 7, 7});
}

TEST_CASE("pretraining: balanced is as if the images of small classes were there several times") {
  data::Dataset unequal = glyphs<600, 100>();
  std::vector<Index> which;
  for (Index i = 0; i < unequal.train.count; ++i) {
    if (unequal.train.labels[static_cast<std::size_t>(i)] < 5 || i / 10 % 7 == 0) which.push_back(i);
  }
  unequal.train = data::select(unequal.train, which);
  data::Dataset several = unequal;
  several.train =
      data::select(unequal.train, distill::detail::repeated(unequal.train, data::all_indices(unequal.train.count)));
  distill::PretrainOptions options = small_options();
  options.epochs = 2;
  options.hold_out = 0;
  const Tensor<float> plain = distill::pretrain(network(), unequal, options, 0, WorkerTeam(1));
  const Tensor<float> expected = distill::pretrain(network(), several, options, 0, WorkerTeam(1));
  options.balanced = true;
  CHECK(equal(distill::pretrain(network(), unequal, options, 0, WorkerTeam(2)), expected));
  CHECK(!equal(plain, expected));
}

TEST_CASE("pretraining: a label that is no class is an error before anything is trained") {
  data::Dataset wrong = glyphs<600, 100>();
  wrong.train.labels[17] = -1;
  check_error<ArgumentError>([&] { distill::pretrain(network(), wrong, small_options(), 0, WorkerTeam(1)); },
                             {"pretrain: label -1 of training image 17 is not in 0 .. 9"});
}

}  // namespace
}  // namespace hypertape::testing
