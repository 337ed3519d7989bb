// Dataset distillation with your own data and network. 3,000 points in the plane, on the three arms of a spiral, are
// distilled into nine points, which train new networks better than nine real points do.

#include <hypertape/distill.hpp>
#include <iostream>

using namespace hypertape;

/// Points of three classes, one per arm. Each is an image of one pixel with two channels, x and y, one byte each.
data::LabeledImages spiral(Index count, std::uint64_t seed) {
  data::LabeledImages points{count, 2, 1, 1, 3, {}, {}};
  Random random(seed);
  for (Index i = 0; i < count; ++i) {
    const double radius = 0.1 + 0.9 * random.uniform(), angle = 2.1 * static_cast<double>(i % 3) + 3 * radius;
    for (const double x : {radius * std::cos(angle), radius * std::sin(angle)}) {
      const double noisy = 127.5 + 100 * x + 5 * random.normal();
      points.pixels.push_back(static_cast<std::uint8_t>(std::clamp(noisy, 0., 255.)));
    }
    points.labels.push_back(static_cast<std::int32_t>(i % 3));
  }
  return points;
}

/// Random real points, one of each class per step, with one learning rate for all steps.
distill::DistilledSet real_set(const data::Dataset& points, double learning_rate, Index epochs, Index steps) {
  const auto drawn =
      distill::draw_real_images(points.train, data::all_indices(points.train.count), steps, 1, Random(3));
  return distill::baseline_set(distill::real_images(points.train, drawn, points.normalization), points.train.classes, 1,
                               points.normalization, distill::constant_schedule(learning_rate, epochs, steps));
}

int main() {
  data::Dataset points{"spiral", {}, spiral(3000, 1), spiral(1000, 2), {}};
  points.normalization = data::compute_normalization(points.train);
  const nn::Network<float> network("mlp-64", nn::Mlp({2, 64, 3}));

  distill::DistillOptions options;
  options.initialization.random = true;  // for new networks rather than a single one
  options.inner_loop = {.steps = 3, .epochs = 10, .initial_learning_rate = 0.1};
  options.images.start = distill::Start::real;
  options.outer_loop.iterations = 500;
  options.validation.evaluate_every = 250;
  const auto show = [](const distill::Progress& now) {
    if (now.score) std::cout << now.iteration << ": " << *now.score << " % of the held-out points are right\n";
    return true;  // go on
  };
  const distill::BestState best = distill::distill(network, points, options, show);

  const distill::EvaluateOptions new_networks{.initialization = {.random = true}, .networks = 50};
  const auto report = [&](const char* what, const distill::DistilledSet& set) {
    const auto accuracy = distill::evaluate(network, set, points, new_networks).accuracy();  // mean and deviation
    std::cout << "new networks, trained on " << what << ": " << accuracy.mean << " %\n";
  };
  report("nine distilled points", best.set);
  for (const double rate : {0.03, 0.1, 0.3}) report("nine real points", real_set(points, rate, 10, 3));
}
