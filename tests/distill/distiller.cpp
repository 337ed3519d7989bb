#include "hypertape/distill/distiller.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"
#include "support/rank_threads.hpp"
#include "support/sanitized.hpp"

namespace hypertape::testing {
namespace {

using distill::Distiller;
using distill::DistillOptions;
using distill::InitialWeights;
using distill::RandomPurpose;

DistillOptions distiller_options() {
  DistillOptions options;
  options.outer_loop.iterations = 60;
  options.real.batch = 64;
  options.validation.hold_out = 100;
  options.seed = 3;
  return options;
}

nn::Network<float> lenet() { return {"lenet", nn::LeNet()}; }

InitialWeights fixed(const nn::Network<float>& network, const DistillOptions& options) {
  Random random = distill::random_stream(options.seed, RandomPurpose::theta);
  return InitialWeights({network.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random)});
}

/// A distiller for one fixed initialization.
std::unique_ptr<Distiller> distiller_for(const nn::Network<float>& network, const DistillOptions& options,
                                         int threads = 1) {
  const InitialWeights weights = fixed(network, options);
  return std::make_unique<Distiller>(network, glyphs<600, 100>(), options, weights, weights, WorkerTeam(threads));
}

/// One for random initializations.
std::unique_ptr<Distiller> random_distiller(const DistillOptions& options, int threads = 1) {
  return std::make_unique<Distiller>(glyph_network(), glyphs<600, 100>(), options,
                                     InitialWeights(glyph_network(), {}, options.seed, RandomPurpose::theta),
                                     InitialWeights(glyph_network(), {}, options.seed, RandomPurpose::validation),
                                     WorkerTeam(threads));
}

void check_same(const distill::DistilledSet& a, const distill::DistilledSet& b) {
  CHECK(equal(a.learning_rates, b.learning_rates));
  REQUIRE(a.images.size() == b.images.size());
  for (std::size_t s = 0; s < a.images.size(); ++s) {
    CHECK(equal(a.images[s], b.images[s]));
    CHECK(equal(a.labels[s], b.labels[s]));
  }
}

TEST_CASE("distiller: a linear model learns digits from ten images, far above chance") {
  const auto distiller = distiller_for(glyph_network(), distiller_options(), 2);
  const double before = distiller->evaluate();
  const double first_loss = distiller->iterate();
  double last_loss = first_loss;
  while (distiller->iteration() < 60) last_loss = distiller->iterate();
  CHECK(last_loss < first_loss);
  CHECK(before <= 40);
  CHECK(distiller->evaluate() >= 60);
}

TEST_CASE("distiller: it learns for random initializations too, and for soft labels, momentum and clipping") {
  const auto gain = [](const std::function<void(DistillOptions&)>& change) {
    DistillOptions options = distiller_options();
    options.inner_loop.epochs = 5;
    change(options);
    const auto distiller = random_distiller(options, 2);
    const double before = distiller->evaluate();
    while (distiller->iteration() < 30) distiller->iterate();
    return distiller->evaluate() - before;
  };
  CHECK(gain([](DistillOptions&) {}) >= 30);
  CHECK(gain([](DistillOptions& o) { o.labels.soft = true; }) >= 50);
  CHECK(gain([](DistillOptions& o) { o.inner_loop.rule = optim::HeavyBall{0.5}; }) >= 30);
  CHECK(gain([](DistillOptions& o) { o.outer_loop.clip = 0.05; }) >= 30);
  CHECK(gain([](DistillOptions& o) {
          o.inner_loop.rule = optim::Adam{};
          o.inner_loop.initial_learning_rate = 0.01, o.inner_loop.epochs = 10;
        }) >= 15);
  CHECK(gain([](DistillOptions& o) { o.inner_loop.unordered = true, o.images.per_class = 3; }) >= 30);
  CHECK(gain([](DistillOptions& o) {
          o.inner_loop.unordered = true, o.images.per_class = 3, o.inner_loop.batch = 10;
        }) >= 30);
  CHECK(gain([](DistillOptions& o) { o.outer_loop.average = 0.5, o.outer_loop.clip_each = true; }) >= 30);
}

TEST_CASE("distiller: the same bits on one thread and on more") {
  const auto distil = [](int threads, bool random) {
    DistillOptions options = distiller_options();
    options.inner_loop.steps = 2;
    if (random) options.inner_loop.unordered = true, options.images.per_class = 2, options.inner_loop.batch = 15;
    options.labels.soft = true;
    options.outer_loop.networks = 3;
    const auto distiller = random ? random_distiller(options, threads) : distiller_for(lenet(), options, threads);
    for (int i = 0; i < 3; ++i) distiller->iterate();
    return std::pair(distiller->distilled(), distiller->evaluate());
  };
  for (const bool random : {false, true}) {
    const auto one = distil(1, random);
    for (const int threads : {2, 5}) {
      const auto many = distil(threads, random);
      check_same(many.first, one.first);
      CHECK(many.second == one.second);
    }
  }
}

TEST_CASE("distiller: the same bits on any number of ranks and threads, and a run goes on on another number") {
  enum class Kind { fixed, random, varied, ridge };
  const auto options_of = [](Kind kind) {
    DistillOptions options = distiller_options();
    options.inner_loop.steps = 2;
    options.labels.soft = true;
    options.outer_loop.iterations = 6;
    options.outer_loop.networks = 3;
    options.outer_loop.certify_every = 2;
    options.initialization.random = kind != Kind::fixed;
    if (kind == Kind::varied || kind == Kind::ridge) {
      options.inner_loop.unordered = true, options.images.per_class = 2, options.inner_loop.batch = 15;
      options.augmentation = {.flip = true, .crop = 2};
    }
    if (kind == Kind::ridge) {
      options.outer_loop.step = distill::OuterStepKind::ridge;
      options.outer_loop.certify_every.reset();
    }
    return options;
  };
  struct Outcome {
    distill::DistilledSet set;
    std::vector<double> figures = {};
    io::Npz checkpoint = {};
  };
  const auto distil = [&](Kind kind, int threads, const Communicator& ranks, const io::Npz* from) {
    const nn::Network<float> network = kind == Kind::ridge ? lenet() : glyph_network();
    Distiller distiller(network, glyphs<600, 100>(), options_of(kind), WorkerTeam(threads), ranks);
    if (from != nullptr) distiller.restore(*from, "checkpoint");
    Outcome outcome;
    while (distiller.iteration() < (from == nullptr ? 2 : 4)) outcome.figures.push_back(distiller.iterate());
    outcome.figures.push_back(distiller.evaluate());
    if (ranks.rank() == 0 && distiller.certificate()) outcome.figures.push_back(distiller.certificate()->difference);
    outcome.set = distiller.distilled();
    outcome.checkpoint = distiller.checkpoint();
    return outcome;
  };
  for (const Kind kind : {Kind::fixed, Kind::random, Kind::varied, Kind::ridge}) {
    CAPTURE(static_cast<int>(kind));
    const Outcome first = distil(kind, 1, Communicator::alone(), nullptr),
                  then = distil(kind, 1, Communicator::alone(), &first.checkpoint);
    for (const auto& counts : {std::pair(2, 1), {3, 2}, {4, 1}, {7, 1}}) {
      const int size = counts.first, threads = counts.second;
      if (sanitized && size != 3) continue;  // the same code
      CAPTURE(size);
      std::vector<Outcome> firsts(static_cast<std::size_t>(size)), thens(firsts.size());
      RankThreads::run(size, [&](const Communicator& ranks) {
        const auto rank = static_cast<std::size_t>(ranks.rank());
        firsts[rank] = distil(kind, threads, ranks, nullptr);
        thens[rank] = distil(kind, threads, ranks, &first.checkpoint);
      });
      for (std::size_t rank = 0; rank < firsts.size(); ++rank) {
        CAPTURE(rank);
        check_same(firsts[rank].set, first.set);
        check_same(thens[rank].set, then.set);
        if (rank > 0 && kind != Kind::ridge) continue;  // certificates are the first rank's
        CHECK(firsts[rank].figures == first.figures);
        CHECK(thens[rank].figures == then.figures);
      }
    }
  }
}

TEST_CASE("distiller: a network that diverges on one rank is that of all") {
  DistillOptions options = distiller_options();
  options.initialization.random = true;
  options.outer_loop.networks = 4;
  options.inner_loop.initial_learning_rate = 1e9;
  const auto iterate = [&](bool skip, const Communicator& ranks) {
    options.outer_loop.skip_diverged = skip;
    Distiller distiller(lenet(), glyphs<600, 100>(), options, WorkerTeam(1), ranks);
    distiller.iterate();
    return distiller.skipped();
  };
  std::string message;
  try {
    iterate(false, Communicator::alone());
  } catch (const DivergenceError& error) {
    message = error.what();
  }
  REQUIRE(message.starts_with("iteration 0: initialization 0: "));
  CHECK(iterate(true, Communicator::alone()) == 1);
  DistillOptions shared = options;
  RankThreads::run(3, [&](const Communicator& ranks) {
    DistillOptions own = shared;
    own.outer_loop.skip_diverged = false;
    Distiller stops(lenet(), glyphs<600, 100>(), own, WorkerTeam(1), ranks);
    try {
      stops.iterate();
      throw ArgumentError("it went on");
    } catch (const DivergenceError& error) {
      if (error.what() != message) throw ArgumentError(error.what());
    }
    own.outer_loop.skip_diverged = true;
    Distiller skips(lenet(), glyphs<600, 100>(), own, WorkerTeam(1), ranks);
    skips.iterate();
    if (skips.skipped() != 1) throw ArgumentError("it was not skipped");
  });
}

TEST_CASE("distiller: a run that is continued from a checkpoint gives the bits of one that was not stopped") {
  DistillOptions options = distiller_options();
  options.inner_loop.steps = 3;
  options.labels.soft = true;
  options.inner_loop.rule = optim::HeavyBall{0.9};
  options.outer_loop.clip_average = 1.5;
  options.outer_loop.window = 4;
  options.outer_loop.random_windows = true;
  options.augmentation = {.flip = true, .crop = 2};
  options.outer_loop.networks = 2;
  const auto whole = random_distiller(options);
  for (int i = 0; i < 12; ++i) whole->iterate();
  for (const int stop : {0, 5}) {
    const auto first = random_distiller(options);
    for (int i = 0; i < stop; ++i) first->iterate();
    const io::Npz saved = first->checkpoint();
    const auto second = random_distiller(options);
    second->iterate();  // whatever was there before is gone
    second->restore(saved, "checkpoint.npz");
    CHECK(second->iteration() == stop);
    while (second->iteration() < 12) second->iterate();
    check_same(second->distilled(), whole->distilled());
  }
  io::Npz damaged = whole->checkpoint();
  for (const char* name : {"iteration", "skipped"}) {
    for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{1} << 40}) {
      io::Npz other = damaged;
      other[name].values = std::vector<std::int64_t>{value};
      check_error<DataError>(
          [&] { whole->restore(other, "checkpoint.npz"); },
          {"checkpoint.npz: array '", name, "': expected a count in 0 .. ", hypertape::detail::concat(value)});
    }
  }
  damaged["images.adam_mean"].shape = {1};
  check_error<DataError>([&] { whole->restore(damaged, "checkpoint.npz"); }, {"checkpoint.npz", "images.adam_mean"});
}

TEST_CASE("distiller: another seed gives other images and weights") {
  DistillOptions options = distiller_options();
  const auto first = distiller_for(glyph_network(), options)->distilled();
  options.seed = 4;
  const auto second = distiller_for(glyph_network(), options)->distilled();
  CHECK(!equal(first.images[0], second.images[0]));
  CHECK(!equal(*first.theta0, *second.theta0));
  CHECK(!random_distiller(options)->distilled().theta0);
}

TEST_CASE("distiller: options do what they say") {
  const auto after_one = [](const std::function<void(DistillOptions&)>& change) {
    DistillOptions options = distiller_options();
    change(options);
    const auto distiller = distiller_for(glyph_network(), options);
    distiller->iterate();
    return distiller->distilled();
  };
  const distill::DistilledSet plain = after_one([](DistillOptions&) {});
  CHECK(equal(after_one([](DistillOptions& o) { o.inner_loop.rates_learning_rate = 0; }).learning_rates,
              Tensor<float>(Shape{3, 1}, 0.2f)));
  CHECK(!equal(plain.learning_rates, Tensor<float>(Shape{3, 1}, 0.2f)));
  const auto soft = after_one([](DistillOptions& o) { o.labels.soft = true; });
  CHECK(soft.soft_labels);
  CHECK(!equal(soft.labels[0], plain.labels[0]));
  CHECK(after_one([](DistillOptions& o) { o.inner_loop.rule = optim::HeavyBall{0.5}; }).rule["momentum"] == 0.5f);
  // Pixel 0 and pixel 255 in normalized space.
  const auto clamped = after_one([](DistillOptions& o) { o.images.clamp = true, o.images.initial_noise = 10; });
  const data::Normalization& scale = glyphs<600, 100>().normalization;
  for (const float value : clamped.images[0].values()) {
    REQUIRE(value >= (0 - scale.mean[0]) / scale.std[0]);
    REQUIRE(value <= (1 - scale.mean[0]) / scale.std[0]);
  }
}

TEST_CASE("distiller: outer learning rates are halved, or follow a cosine") {
  const auto steps_of_second_iteration = [](std::optional<long> halve_every) {
    DistillOptions options = distiller_options();
    options.outer_loop.halve_every = halve_every;
    options.outer_loop.clip.reset();
    const auto distiller = distiller_for(glyph_network(), options);
    distiller->iterate();
    const Tensor<float> before = distiller->distilled().images[0];
    distiller->iterate();
    const Tensor<float> after = distiller->distilled().images[0];
    Tensor<double> step(before.shape());
    for (Index i = 0; i < step.size(); ++i) step[i] = double{after[i]} - double{before[i]};
    return step;
  };
  const Tensor<double> whole = steps_of_second_iteration(2), half = steps_of_second_iteration(1);
  Tensor<double> twice = half;
  for (double& value : twice.values()) value *= 2;
  CHECK(relative_error(twice, whole) <= 1e-5);  // of floats that are a hundred times as large as the steps
  const Tensor<double> cosine = steps_of_second_iteration(std::nullopt);
  Tensor<double> scaled = whole;
  for (double& value : scaled.values()) value *= 0.5 * (1 + std::cos(std::acos(-1.0) / 60));
  CHECK(relative_error(cosine, scaled) <= 1e-5);
}

TEST_CASE("distiller: it can start from real images, random or central, each of its class and none held out") {
  DistillOptions options = distiller_options();
  options.inner_loop.steps = 2;
  const std::vector<Index> seen = distill::hold_out(glyphs<600, 100>().train, 100, options.seed).train;
  std::vector<distill::DistilledSet> sets;
  for (const distill::Start start : {distill::Start::real, distill::Start::kmeans}) {
    options.images.start = start;
    sets.push_back(distiller_for(glyph_network(), options)->distilled());
    check_same(sets.back(), distiller_for(glyph_network(), options, 3)->distilled());
    for (const Tensor<float>& images : sets.back().images) {
      for (Index k = 0; k < 10; ++k) {
        bool found = false;
        for (const Index i : data::indices_of_class(glyphs<600, 100>().train, seen, static_cast<std::int32_t>(k))) {
          Tensor<float> real;
          data::gather(glyphs<600, 100>().train, std::span<const Index>(&i, 1), glyphs<600, 100>().normalization, real);
          found = found || equal(samples(images, k, 1), real);
        }
        CHECK(found);
      }
    }
  }
  CHECK(!equal(sets[0].images[0], sets[1].images[0]));
}

TEST_CASE("distiller: a window gives derivatives to its last steps alone") {
  DistillOptions options = distiller_options();
  options.inner_loop.steps = 3;
  options.inner_loop.epochs = 1;
  options.outer_loop.window = 1;
  const auto distiller = distiller_for(glyph_network(), options);
  const auto before = distiller->distilled();
  distiller->iterate();
  const auto after = distiller->distilled();
  CHECK(equal(after.images[0], before.images[0]));
  CHECK(equal(after.images[1], before.images[1]));
  CHECK(!equal(after.images[2], before.images[2]));
}

TEST_CASE("distiller: an attack teaches the target's label for the attacked class") {
  DistillOptions options = distiller_options();
  options.objective.attack = distill::Attack{2, 5};
  const auto distiller = distiller_for(glyph_network(), options);
  while (distiller->iteration() < 30) distiller->iterate();
  const distill::DistilledSet set = distiller->distilled();
  const nn::Network<float> network = glyph_network();
  const Tensor<float> theta = distill::set_trainer(network, set, 0)(*set.theta0, 0, WorkerTeam(1));
  const auto confusion =
      distill::confusion(network, theta, glyphs<600, 100>().test, glyphs<600, 100>().normalization, WorkerTeam(1));
  CHECK(confusion.rate(2, 5) >= 50);
  CHECK(confusion.rate(2, 2) <= 30);
  options.objective.attack = distill::Attack{2, 12};
  check_error<ArgumentError>([&] { distiller_for(glyph_network(), options); }, {"class 12"});
}

TEST_CASE("distiller: a learning rate that diverges stops the run, and says where") {
  DistillOptions options = distiller_options();
  options.inner_loop.initial_learning_rate = 1e9;
  const auto distiller = distiller_for(lenet(), options, 2);
  const distill::DistilledSet before = distiller->distilled();
  check_error<DivergenceError>([&] { distiller->iterate(); }, {"iteration 0", "inner step 1", "learning rates 1e+09"});
  check_same(distiller->distilled(), before);
}

TEST_CASE("distiller: steps in which a network diverges can be skipped, and are counted") {
  DistillOptions options = distiller_options();
  options.inner_loop.initial_learning_rate = 1e9;
  options.outer_loop.skip_diverged = true;
  const auto distiller = distiller_for(lenet(), options);
  const distill::DistilledSet before = distiller->distilled();
  CHECK(std::isnan(distiller->iterate()));
  CHECK(std::isnan(distiller->iterate()));
  CHECK(distiller->iteration() == 2);
  CHECK(distiller->skipped() == 2);
  check_same(distiller->distilled(), before);
  const auto resumed = distiller_for(lenet(), options);
  resumed->restore(distiller->checkpoint(), "checkpoint.npz");
  CHECK(resumed->skipped() == 2);
}

TEST_CASE("distiller: validation networks that diverge score nothing where they are skipped, else stop the run") {
  DistillOptions options = distiller_options();
  options.validation.networks = 2;
  const auto score = [&](float weight, bool skip) {
    options.outer_loop.skip_diverged = skip;
    const InitialWeights good = fixed(glyph_network(), options);
    Tensor<float> bad = good[0];
    for (float& value : bad.values()) value = weight;
    return Distiller(glyph_network(), glyphs<600, 100>(), options, good, InitialWeights({good[0], bad}), WorkerTeam(1))
        .evaluate();
  };
  const double alone = distiller_for(glyph_network(), options)->evaluate();
  // In training, and by outputs of a network that training leaves finite: its gradient is that of equal logits.
  for (const float weight : {std::nanf(""), 3e36f}) {
    CHECK(score(weight, true) == alone / 2);
    check_error<DivergenceError>([&] { score(weight, false); }, {"network 1: "});
  }
}

TEST_CASE("distiller: the held-out images are those of the seed that draws them") {
  const auto score = [](std::uint64_t hold_out_seed) {
    DistillOptions options = distiller_options();
    options.validation.hold_out_seed = hold_out_seed;
    return distiller_for(glyph_network(), options)->evaluate();
  };
  const distill::DistilledSet set = distiller_for(glyph_network(), distiller_options())->distilled();
  const auto expected = [&](std::uint64_t seed) {
    const nn::Network<float> network = glyph_network();
    const Tensor<float> theta = distill::set_trainer(network, set, 0)(*set.theta0, 0, WorkerTeam(1));
    return distill::confusion(network, theta, glyphs<600, 100>().train,
                              distill::hold_out(glyphs<600, 100>().train, 100, seed).held_out,
                              glyphs<600, 100>().normalization, WorkerTeam(1))
        .accuracy();
  };
  for (const std::uint64_t seed : {1U, 2U, 3U}) CHECK(score(seed) == expected(seed));
  CHECK(expected(1) != expected(2));
  CHECK(distiller_for(glyph_network(), distiller_options())->evaluate() == expected(distiller_options().seed));
}

TEST_CASE("distiller: options out of range, and a dataset that is too small") {
  const auto refused = [](const std::function<void(DistillOptions&)>& change,
                          std::initializer_list<std::string_view> words) {
    DistillOptions options = distiller_options();
    change(options);
    check_error<ArgumentError>([&] { distiller_for(glyph_network(), options); }, words);
  };
  refused([](DistillOptions& o) { o.validation.hold_out = 590; },
          {"training set of 600 images", "hold-out of 590", "batch of 64"});
  refused([](DistillOptions& o) { o.inner_loop.steps = 0; }, {"steps needs a number above zero", "got 0"});
  refused([](DistillOptions& o) { o.images.start = distill::Start::real, o.images.per_class = 60; },
          {"class 0 has", "60"});
  refused([](DistillOptions& o) { o.images.start = distill::Start::kmeans, o.images.per_class = 60; },
          {"k-means: class 0 has", "60"});
}

TEST_CASE("distiller: a dataset with labels that are no class, or without normalization, is refused at once") {
  const auto refused = [](const std::function<void(data::Dataset&)>& change,
                          std::initializer_list<std::string_view> words) {
    data::Dataset dataset = glyphs<600, 100>();
    change(dataset);
    check_error<ArgumentError>([&] { Distiller(glyph_network(), dataset, distiller_options(), WorkerTeam(1)); }, words);
  };
  refused([](data::Dataset& d) { d.train.labels[5] = 10; }, {"distill: label 10 of training image 5 is not in 0 .. 9"});
  refused([](data::Dataset& d) { d.test.labels[7] = -2; }, {"distill: label -2 of test image 7 is not in 0 .. 9"});
  refused([](data::Dataset& d) { d.normalization = {}; },
          {"distill: expected 1 means and standard deviations", "got 0 and 0"});
  refused([](data::Dataset& d) { d.normalization.std[0] = 0; }, {"distill: a standard deviation must be positive"});
}

/// Noise of two classes, of which every third picture is all black: with instance norm its layers have variance 0.
data::Dataset with_black_pictures() {
  data::Dataset dataset{"own", {}, {60, 1, 8, 8, 2, {}, {}}, {}, {{0}, {1}}};
  Random random(1);
  for (Index n = 0; n < 60; ++n) {
    dataset.train.labels.push_back(static_cast<std::int32_t>(n % 2));
    for (Index i = 0; i < 64; ++i) {
      dataset.train.pixels.push_back(static_cast<std::uint8_t>(n % 3 == 0 ? 0 : random.below(256)));
    }
  }
  return dataset;
}

TEST_CASE("distiller: constant pictures, real and distilled, leave a network with instance norm finite") {
  const data::Dataset dataset = with_black_pictures();
  const nn::Network<float> network("convnet",
                                   nn::ConvNet({.channels = 1, .size = 8, .classes = 2, .width = 6, .depth = 2}));
  DistillOptions options;
  options.inner_loop = {.steps = 2, .epochs = 2};
  options.outer_loop.iterations = 5;
  options.outer_loop.certify_every = 1;
  options.real.batch = 40;
  options.validation.hold_out = 12;
  const InitialWeights weights(network, {}, options.seed, RandomPurpose::theta);
  distill::DistilledSet start;  // of black images alone
  start.images.assign(2, Tensor<float>(Shape::batch(2, 1, 8, 8)));
  start.labels.assign(2, distill::balanced_labels(2, 1));
  start.learning_rates = Tensor<float>(Shape{2, 2}, 0.1f);
  start.normalization = dataset.normalization;
  Distiller distiller(network, dataset, options, InitialWeights({weights[0]}), InitialWeights({weights[0]}),
                      WorkerTeam(1), start);
  for (int i = 0; i < 5; ++i) {
    CHECK(std::isfinite(distiller.iterate()));
    REQUIRE(distiller.certificate().has_value());
    CHECK(distiller.certificate()->difference <= 0.05);
    for (const Tensor<float>& images : distiller.distilled().images) CHECK(images.all_finite());
  }
  CHECK(distiller.evaluate() >= 0);
}

}  // namespace
}  // namespace hypertape::testing
