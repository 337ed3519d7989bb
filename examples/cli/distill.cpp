#include <memory>
#include <optional>

#include "commands.hpp"
#include "common.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/core/version.hpp"
#include "hypertape/distill/distiller.hpp"
#include "hypertape/distill/picture.hpp"
#include "hypertape/nn/lenet.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

namespace hypertape::cli {
namespace {

struct Options {
  CommonOptions common;
  distill::DistillOptions distill;
  std::string init = "fixed";
  long evaluate_every = 100;
};

Json config_of(const Options& options, const data::Dataset& dataset) {
  const distill::DistillOptions& d = options.distill;
  return {{"command", "distill"},
          {"version", HYPERTAPE_VERSION},
          {"dataset", options.common.dataset},
          {"data", folder_of(dataset)},
          {"network", "lenet"},
          {"theta_layout",
           "conv1.weight conv1.bias conv2.weight conv2.bias fc1.weight fc1.bias fc2.weight fc2.bias fc3.weight "
           "fc3.bias, each row-major in PyTorch's axis order"},
          {"init", options.init},
          {"initializer", "xavier_normal"},
          {"objective", "classification"},
          {"steps", d.steps},
          {"epochs", d.epochs},
          {"images_per_class", d.images_per_class},
          {"iterations", d.iterations},
          {"batch", d.batch},
          {"learning_rate", d.learning_rate},
          {"rates_learning_rate", d.rates_learning_rate},
          {"initial_learning_rate", d.initial_learning_rate},
          {"initial_noise", d.initial_noise},
          {"clip", d.clip},
          {"hold_out", d.hold_out},
          {"evaluate_every", options.evaluate_every},
          {"seed", d.seed},
          {"threads", WorkerTeam(options.common.threads).size()}};
}

std::string rates_of(const distill::DistilledSet& set) {
  constexpr Index shown = 6;
  std::string text;
  for (Index t = 0; t < std::min(shown, set.learning_rates.size()); ++t) {
    text += message(t > 0 ? " " : "", fixed(set.learning_rates[t], 2));
  }
  return set.learning_rates.size() > shown ? text + " ..." : text;
}

/// What is kept of a run: the state that did best on the held-out images, written as soon as it is found.
class Best {
 public:
  explicit Best(std::filesystem::path path) : path_(std::move(path)) {}

  void offer(double accuracy, long iteration, distill::DistilledSet set) {
    if (accuracy <= accuracy_) return;
    accuracy_ = accuracy;
    iteration_ = iteration;
    set_ = std::move(set);
    distill::save(set_, path_);
  }
  double accuracy() const { return accuracy_; }
  long iteration() const { return iteration_; }
  const distill::DistilledSet& set() const { return set_; }

 private:
  std::filesystem::path path_;
  double accuracy_ = -1;
  long iteration_ = 0;
  distill::DistilledSet set_;
};

void run(const Options& options) {
  const Stopwatch wall;
  const data::Dataset dataset = data::load_dataset(options.common.dataset, options.common.data);
  const WorkerTeam team(options.common.threads);
  const nn::LeNet network(dataset.train.channels, dataset.train.width, dataset.train.classes);
  distill::Distiller<nn::LeNet> distiller(network, dataset, options.distill, team);
  const OutputFolder out(options.common.out, "distill");
  out.write_json("config.json", config_of(options, dataset));

  std::cout << "hypertape " << HYPERTAPE_VERSION << ": " << options.common.dataset << ", LeNet, "
            << options.distill.images_per_class * dataset.train.classes * options.distill.steps << " images, "
            << options.distill.steps << " x " << options.distill.epochs << " steps, " << options.distill.iterations
            << " iterations, " << team.size() << " threads\n";

  const Stopwatch training;
  const Interrupt interrupt;
  Progress progress;
  Best best(out / "distilled.npz");
  std::string log = "iteration,loss,hold_out_accuracy,seconds\n";
  const long iterations = options.distill.iterations;
  // Loss is that of the iteration's real batch; there is none before the first.
  const auto evaluate = [&](std::optional<double> loss) {
    const long done = distiller.iteration();
    const double held_out = distiller.hold_out_accuracy();
    best.offer(held_out, done, distiller.distilled());
    const double seconds = training.seconds();
    log += message(done, ',', loss ? message(*loss) : "", ',', held_out, ',', fixed(seconds, 2), '\n');
    data::write_atomically(out / "log.csv", log);
    if (done == 0) return;
    const double left = seconds / static_cast<double>(done) * static_cast<double>(iterations - done);
    progress.show(message(done, "/", iterations, " loss ", fixed(loss.value_or(0), 3), " hold-out ", fixed(held_out, 1),
                          "% (best ", fixed(best.accuracy(), 1), ") left ", minutes(left), " rates ",
                          rates_of(distiller.distilled())));
  };
  evaluate(std::nullopt);
  while (distiller.iteration() < iterations && !interrupt.requested()) {
    const double loss = distiller.iterate();
    const long done = distiller.iteration();
    if (done % options.evaluate_every == 0 || done == iterations || interrupt.requested()) evaluate(loss);
  }
  progress.finish();
  const double train_seconds = training.seconds();
  const bool interrupted = distiller.iteration() < iterations;
  if (interrupted) std::cout << "stopped at iteration " << distiller.iteration() << " of " << iterations << '\n';
  distill::save_picture(best.set(), out / "distilled.png");

  // The test set is touched here, once.
  Unroll<float, nn::ClassificationLoss<nn::LeNet>> unroll({&network});
  const auto test = [&](const Tensor<float>& theta) {
    return distill::accuracy(network, theta, dataset.test, dataset.normalization, team);
  };
  const double before = test(*best.set().theta0);
  const double after = test(unroll.train(best.set().inner_loop(*best.set().theta0)));

  const distill::DistillOptions& d = options.distill;
  out.write_json("summary.json", {{"dataset", options.common.dataset},
                                  {"network", "lenet"},
                                  {"init", options.init},
                                  {"objective", "classification"},
                                  {"steps", d.steps},
                                  {"epochs", d.epochs},
                                  {"images_per_class", d.images_per_class},
                                  {"iterations", distiller.iteration()},
                                  {"interrupted", interrupted},
                                  {"best_iteration", best.iteration()},
                                  {"hold_out_accuracy", best.accuracy()},
                                  {"seed", d.seed},
                                  {"threads", team.size()},
                                  {"networks_tested", 1},
                                  {"test_accuracy", after},
                                  {"test_accuracy_std", 0.0},
                                  {"initial_accuracy", before},
                                  {"wall_seconds", wall.seconds()},
                                  {"train_seconds", train_seconds},
                                  {"peak_rss_mb", peak_memory_mb()}});
  std::cout << "test accuracy: " << fixed(before, 2) << " % before, " << fixed(after, 2) << " % after training on the "
            << "distilled images (best hold-out: iteration " << best.iteration() << ")\n"
            << "picture: " << (out / "distilled.png").string() << "\n"
            << "images:  " << (out / "distilled.npz").string() << "\n"
            << "time:    " << minutes(wall.seconds()) << ", peak memory " << fixed(peak_memory_mb(), 0) << " MB\n";
}

}  // namespace

void add_distill(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("distill", "Learn distilled images and learning rates");
  options->common.add(*command);
  distill::DistillOptions& d = options->distill;
  command->add_option("--init", options->init, "Which weights a network starts from; fixed: the same each time")
      ->check(CLI::IsMember({"fixed"}));
  command->add_option("--steps", d.steps, "Gradient steps of one epoch, each with images of its own")
      ->check(positive());
  command->add_option("--epochs", d.epochs, "Times that the steps are repeated")->check(positive());
  command->add_option("--images-per-class", d.images_per_class, "Distilled images of a class, in each step")
      ->check(positive());
  command->add_option("--iterations", d.iterations, "Outer steps")->check(positive());
  command->add_option("--batch", d.batch, "Real images of one outer step")->check(positive());
  command->add_option("--learning-rate", d.learning_rate, "Of the outer Adam, for the images")->check(positive());
  command->add_option("--rates-learning-rate", d.rates_learning_rate, "Of the outer Adam, for the learning rates")
      ->check(positive(true));
  command->add_option("--initial-learning-rate", d.initial_learning_rate, "Of each inner step, before it is learned")
      ->check(positive());
  command->add_option("--initial-noise", d.initial_noise, "Standard deviation of the images that it starts from")
      ->check(positive());
  command->add_option("--clip", d.clip, "Largest norm of the hypergradient; 0: no limit")->check(positive(true));
  command->add_option("--hold-out", d.hold_out, "Training images kept back to choose the best state")
      ->check(positive());
  command->add_option("--evaluate-every", options->evaluate_every, "Iterations between evaluations")->check(positive());
  command->callback([options] {
    options->distill.seed = options->common.seed;
    run(*options);
  });
}

}  // namespace hypertape::cli
