#include "hypertape/distill/distilled_parameters.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::DistilledParameters;
using distill::DistilledSet;
using distill::DistillOptions;
using distill::SetGradient;

/// Two steps of two images with two channels, of two classes; three epochs.
const Shape image_shape = Shape::batch(2, 2, 3, 3), label_shape = Shape::batch(2, 2), rates_shape{3, 2};
const data::Normalization scale{{0.2f, 0.6f}, {0.5f, 0.1f}};

DistilledParameters small_parameters(const std::function<void(DistillOptions&)>& change = [](DistillOptions&) {}) {
  DistillOptions options;
  options.inner_loop.steps = 2;
  options.outer_loop.clip.reset();
  change(options);
  DistilledSet set;
  set.images = {random_tensor<float>(image_shape, 1), random_tensor<float>(image_shape, 2)};
  set.labels = {random_tensor<float>(label_shape, 3), random_tensor<float>(label_shape, 4)};
  set.soft_labels = options.labels.soft;
  set.learning_rates = Tensor<float>(rates_shape, static_cast<float>(options.inner_loop.first_learning_rate()));
  set.normalization = scale;
  return DistilledParameters(set, options);
}

SetGradient small_gradient() {
  SetGradient h;
  h.images = {random_tensor<float>(image_shape, 5), random_tensor<float>(image_shape, 6)};
  h.labels = {random_tensor<float>(label_shape, 7), random_tensor<float>(label_shape, 8)};
  h.learning_rates = random_tensor<float>(rates_shape, 9);
  return h;
}

/// What one step of Adam(0.5, 0.999) from rest takes off where the derivative is g: its sign, but for epsilon.
float adam_step(double rate, float g) { return static_cast<float>(rate * double{g} / (std::abs(double{g}) + 1e-8)); }

TEST_CASE("distilled parameters: softplus of the raw learning rates is what was asked for, however small or large") {
  for (const double rate : {1e-6, 0.02, 0.2, 3.0, 50.0, 1000.0}) {
    const DistilledParameters set =
        small_parameters([&](DistillOptions& o) { o.inner_loop.initial_learning_rate = rate; });
    REQUIRE(set.set().learning_rates.shape() == rates_shape);
    for (const float value : set.set().learning_rates.values()) CHECK(std::abs(double{value} / rate - 1) <= 1e-6);
  }
}

TEST_CASE(
    "distilled parameters: one step of Adam for images, rates and soft labels, each at its own rate times the decay") {
  const SetGradient h = small_gradient();
  for (const bool soft : {false, true}) {
    DistilledParameters set = small_parameters([&](DistillOptions& o) {
      o.images.learning_rate = 0.01, o.inner_loop.rates_learning_rate = 0.02, o.labels.learning_rate = 0.03,
      o.labels.soft = soft;
    });
    const DistilledSet before = set.set();
    set.update(h, 0.5);
    const DistilledSet& after = set.set();
    for (std::size_t s = 0; s < 2; ++s) {
      for (Index i = 0; i < image_shape.size(); ++i) {
        CHECK(std::abs(before.images[s][i] - adam_step(0.005, h.images[s][i]) - after.images[s][i]) <= 1e-6f);
      }
      for (Index i = 0; i < label_shape.size(); ++i) {
        const float moved = soft ? adam_step(0.015, h.labels[s][i]) : 0;
        CHECK(std::abs(before.labels[s][i] - moved - after.labels[s][i]) <= 1e-6f);
      }
    }
    const double raw = std::log(std::expm1(0.2));
    for (Index t = 0; t < rates_shape.size(); ++t) {
      const double expected = std::log1p(std::exp(raw - double{adam_step(0.01, h.learning_rates[t])}));
      CHECK(std::abs(double{after.learning_rates[t]} - expected) <= 1e-6);
    }
  }
}

TEST_CASE("distilled parameters: clipping bounds the norm of all derivatives together") {
  // Adam does not see a constant factor; two steps, the second of a much larger gradient, do.
  const auto images_after_two = [](std::optional<double> clip, float factor) {
    DistilledParameters set = small_parameters([&](DistillOptions& o) { o.outer_loop.clip = clip; });
    SetGradient h = small_gradient();
    set.update(h, 1);
    for (auto* tensors : {&h.images, &h.labels}) {
      for (Tensor<float>& tensor : *tensors) {
        for (float& value : tensor.values()) value *= factor;
      }
    }
    for (float& value : h.learning_rates.values()) value *= factor;
    set.update(h, 1);
    return set.set().images[0];
  };
  CHECK(!equal(images_after_two(std::nullopt, 1), images_after_two(std::nullopt, 1000)));
  CHECK(relative_error(images_after_two(0.1, 1), images_after_two(0.1, 1000)) <= 1e-5);
}

TEST_CASE("distilled parameters: each group can be clipped by itself") {
  // With a bound far below all norms, a second gradient that is larger in the images alone changes their step alone.
  const auto after_two = [](bool each) {
    DistilledParameters set = small_parameters(
        [&](DistillOptions& o) { o.outer_loop.clip = 0.1, o.outer_loop.clip_each = each, o.labels.soft = true; });
    set.update(small_gradient(), 1);
    SetGradient larger = small_gradient();
    for (Tensor<float>& tensor : larger.images) {
      for (float& value : tensor.values()) value *= 1000;
    }
    set.update(larger, 1);
    DistilledParameters twice = small_parameters(
        [&](DistillOptions& o) { o.outer_loop.clip = 0.1, o.outer_loop.clip_each = each, o.labels.soft = true; });
    twice.update(small_gradient(), 1);
    twice.update(small_gradient(), 1);
    return std::pair(relative_error(set.set().labels[0], twice.set().labels[0]),
                     relative_error(set.set().images[0], twice.set().images[0]));
  };
  CHECK(after_two(true).first == 0);
  CHECK(after_two(true).second <= 1e-5);
  CHECK(after_two(false).first > 1e-3);
}

TEST_CASE("distilled parameters: the exponential average is what the present values were, with the weights it says") {
  DistilledParameters set =
      small_parameters([](DistillOptions& o) { o.outer_loop.average = 0.3, o.labels.soft = true; });
  CHECK(&set.result() == &set.set());
  Tensor<float> images, labels, rates;
  for (int n = 0; n < 6; ++n) {
    set.update(small_gradient(), 1);
    const DistilledSet& now = set.set();
    if (n == 0) images = now.images[1], labels = now.labels[0], rates = now.learning_rates;
    const float past = std::min(0.3f, (1.f + static_cast<float>(n)) / (10.f + static_cast<float>(n)));
    const auto add = [&](const Tensor<float>& present, Tensor<float>& average) {
      for (Index i = 0; i < present.size(); ++i) average[i] = past * average[i] + (1 - past) * present[i];
    };
    add(now.images[1], images);
    add(now.labels[0], labels);
    add(now.learning_rates, rates);
    CHECK(relative_error(set.result().images[1], images) <= 1e-6);
    CHECK(relative_error(set.result().labels[0], labels) <= 1e-6);
    CHECK(relative_error(set.result().learning_rates, rates) <= 1e-6);
  }
  CHECK(!equal(set.result().images[1], set.set().images[1]));
}

TEST_CASE("distilled parameters: clamped images stay within what pixels 0 and 255 are in each channel") {
  DistilledParameters set =
      small_parameters([](DistillOptions& o) { o.images.clamp = true, o.images.learning_rate = 100; });
  const auto check_range = [&] {
    const Index plane = image_shape[0] * image_shape[2] * image_shape[3];
    for (const Tensor<float>& x : set.set().images) {
      for (Index i = 0; i < x.size(); ++i) {
        const auto c = static_cast<std::size_t>(i / plane);
        CHECK(x[i] >= (0 - scale.mean[c]) / scale.std[c]);
        CHECK(x[i] <= (1 - scale.mean[c]) / scale.std[c]);
      }
    }
  };
  check_range();
  set.update(small_gradient(), 1);
  check_range();
}

TEST_CASE("distilled parameters: clamped labels stay probabilities, to the same bits when they are restored") {
  const auto clamped = [](DistillOptions& o) { o.labels = {.soft = true, .clamp = true, .learning_rate = 0.4}; };
  DistilledParameters set = small_parameters(clamped);
  SetGradient gradient = small_gradient();
  for (Tensor<float>& y : gradient.labels) {
    for (Index i = 0; i < y.size(); ++i) y[i] = i % 2 == 0 ? 1.0F : -1.0F;
  }
  for (int step = 0; step < 3; ++step) set.update(gradient, 1);
  int between = 0;
  for (const Tensor<float>& y : set.set().labels) {
    for (Index n = 0; n < y.shape()[0]; ++n) {
      double sum = 0;
      for (Index k = 0; k < y.shape()[1]; ++k) {
        CHECK(y(n, k) >= 0);
        between += y(n, k) > 0 && y(n, k) < 1;
        sum += static_cast<double>(y(n, k));
      }
      CHECK(std::abs(sum - 1) <= 1e-6);
    }
  }
  CHECK(between > 0);
  io::Npz npz;
  set.save(npz);
  DistilledParameters again = small_parameters(clamped);
  again.restore(npz, "file");
  for (std::size_t s = 0; s < set.set().labels.size(); ++s) CHECK(equal(again.set().labels[s], set.set().labels[s]));
}

TEST_CASE("distilled parameters: a hypergradient that is not finite changes nothing") {
  DistilledParameters set = small_parameters([](DistillOptions& o) { o.labels.soft = true; });
  const DistilledSet before = set.set();
  const auto refused = [&](const std::function<void(SetGradient&)>& spoil) {
    SetGradient h = small_gradient();
    spoil(h);
    check_error<DivergenceError>([&] { set.update(h, 1); }, {"not finite"});
    for (std::size_t s = 0; s < 2; ++s) {
      CHECK(equal(set.set().images[s], before.images[s]));
      CHECK(equal(set.set().labels[s], before.labels[s]));
    }
    CHECK(equal(set.set().learning_rates, before.learning_rates));
  };
  refused([](auto& h) { h.images[1][3] = std::numeric_limits<float>::quiet_NaN(); });
  refused([](auto& h) { h.labels[0][0] = std::numeric_limits<float>::infinity(); });
  refused([](auto& h) { h.learning_rates[5] = -std::numeric_limits<float>::infinity(); });
}

TEST_CASE("distilled parameters: what is saved goes on to the same bits") {
  const auto change = [](DistillOptions& o) {
    o.labels.soft = true, o.outer_loop.clip_average = 2, o.outer_loop.clip_each = true, o.outer_loop.average = 0.9;
  };
  DistilledParameters first = small_parameters(change);
  first.update(small_gradient(), 1);
  io::Npz npz;
  first.save(npz);
  DistilledParameters second = small_parameters(change);
  second.restore(npz, "checkpoint.npz");
  for (DistilledParameters* set : {&first, &second}) set->update(small_gradient(), 0.9);
  for (std::size_t s = 0; s < 2; ++s) {
    CHECK(equal(first.set().images[s], second.set().images[s]));
    CHECK(equal(first.set().labels[s], second.set().labels[s]));
  }
  CHECK(equal(first.set().learning_rates, second.set().learning_rates));
  CHECK(equal(first.result().images[0], second.result().images[0]));
  CHECK(equal(first.result().learning_rates, second.result().learning_rates));
  npz.erase("raw_rates");
  check_error<DataError>([&] { second.restore(npz, "checkpoint.npz"); }, {"checkpoint.npz", "raw_rates"});
}

TEST_CASE("distilled parameters: a state that no run leaves is refused") {
  DistilledParameters set = small_parameters([](DistillOptions& o) { o.outer_loop.clip_average = 2; });
  set.update(small_gradient(), 1);
  io::Npz saved;
  set.save(saved);
  const auto refused = [&](const std::string& name, const auto& spoil, std::initializer_list<std::string_view> words) {
    io::Npz npz = saved;
    spoil(npz.at(name));
    check_error<DataError>([&] { set.restore(npz, "checkpoint.npz"); }, words);
  };
  const auto doubles = [](double value) {
    return [value](io::NpyArray& array) { std::get<std::vector<double>>(array.values)[0] = value; };
  };
  const auto floats = [](float value) {
    return [value](io::NpyArray& array) { std::get<std::vector<float>>(array.values)[0] = value; };
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused("images.adam_square", floats(-1), {"checkpoint.npz", "images.adam_*", "the mean square -1 at 0"});
  refused("raw_rates.adam_mean", doubles(nan), {"checkpoint.npz", "raw_rates.adam_*", "the mean nan at 0"});
  refused("raw_rates", doubles(nan), {"checkpoint.npz", "'raw_rates'", "finite", "nan"});
  refused("raw_rates", doubles(1e300), {"checkpoint.npz", "'raw_rates'", "finite learning rates", "inf"});
  refused("clip_average", doubles(-2), {"checkpoint.npz", "'clip_average'", "the average -2"});
  refused("images.adam_steps", [](io::NpyArray& array) { std::get<std::vector<std::int64_t>>(array.values)[0] = -5; },
          {"checkpoint.npz", "images.adam_*", "-5 steps"});
}

}  // namespace
}  // namespace hypertape::testing
