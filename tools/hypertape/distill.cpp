#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "commands.hpp"
#include "common.hpp"
#include "distilled_picture.hpp"
#include "format.hpp"
#include "hold_out.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/distill/batches.hpp"
#include "hypertape/distill/checkpoint.hpp"
#include "hypertape/distill/distillation.hpp"
#include "hypertape/distill/hold_out.hpp"
#include "initialization.hpp"
#include "interrupt.hpp"
#include "network.hpp"
#include "objective.hpp"
#include "own_pictures.hpp"
#include "progress.hpp"
#include "run_log.hpp"
#include "snapshots.hpp"
#include "testing.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

struct DistillCommand {
  DistillCommand(CLI::App& command, const Communicator& all) : ranks(all), options(command) {}

  const Communicator& ranks;
  Options options;
  CommonOptions common;
  NetworkOptions network;
  InitializationOptions initialization;
  ObjectiveOptions objective;
  distill::DistillOptions distill;
  std::optional<Index> images;
  std::optional<std::filesystem::path> start_from;
  long checkpoint_every = 500;
  double time_limit = 0;
  std::optional<std::filesystem::path> resume;
};

/// One run of the distiller in its folder: its log, its checkpoints, and when it stops.
class Run {
 public:
  Run(const DistillCommand& command, OutputFolder& out, distill::Distiller& distiller, const HoldOut& hold_out)
      : command_(command),
        out_(out),
        distiller_(distiller),
        hold_out_(hold_out),
        checkpoints_(out.path()),
        log_(command.distill.inner_loop.unordered ? 1 : command.distill.inner_loop.steps) {}

  /// Training time, including the time before the run was resumed.
  double seconds() const { return seconds_before_ + clock_.seconds(); }
  double seconds_before() const { return seconds_before_; }

  /// Trains until the last iteration, a signal or the time limit. @returns the exit code of a stopped run, else 0.
  int train() {
    Interrupt interrupt(command_.ranks);
    const Traffic before = command_.ranks.traffic();
    const long first = distiller_.iteration();
    distill::distill(distiller_, [&](const distill::Progress& progress) { return proceed(progress, interrupt); });
    progress_.finish();
    const Traffic own = command_.ranks.traffic() - before;
    traffic_ = {};
    for (const Traffic& sent : gather(command_.ranks, std::span<const Traffic>(&own, 1))) {
      traffic_.messages += sent.messages;
      traffic_.bytes += sent.bytes;
    }
    iterations_ = distiller_.iteration() - first;
    const distill::DistilledSet last = distiller_.distilled();
    out_.put("last.npz", [&](const auto& path) { distill::save(last, path); });
    std::vector<Snapshot> snapshots = snapshots_.all();
    if (snapshots.back().iteration < distiller_.iteration()) {
      snapshots.push_back({distiller_.iteration(), last.images.front()});
    }
    out_.put("strip.png",
             [&](const auto& path) { write_drawing(path, draw_snapshots(snapshots, last.normalization)); });
    out_.put("accuracy.svg", [&](const auto& path) { write_line_chart(path, log_.accuracy_chart()); });
    out_.put("learning-rates.svg", [&](const auto& path) { write_line_chart(path, log_.rates_chart()); });
    return stopped_;
  }

  /// Average messages and bytes per training iteration, over all ranks.
  Json traffic() const {
    const auto each = [&](std::int64_t count) {
      return rounded(static_cast<double>(count) / static_cast<double>(std::max(iterations_, 1L)), 1);
    };
    return {{"messages_per_iteration", each(traffic_.messages)}, {"bytes_per_iteration", each(traffic_.bytes)}};
  }

  /// Removes the checkpoints. To be called once the results of a completed run are written.
  void finish() const {
    if (out_.writes()) checkpoints_.remove();
  }

  /// Continues from the newest checkpoint, or from the start if there is none.
  void restore() {
    const auto found = checkpoints_.read();
    if (!found) return;
    if (!found->warning.empty()) {
      std::cerr << "hypertape: " << found->warning << "; continuing from " << found->path.string() << '\n';
    }
    distiller_.restore(found->arrays, found->path);
    const distill::DistilledSet present = distiller_.distilled();
    log_.restore(io::with_prefix(found->arrays, "log"), found->path, present.learning_rates.size());
    snapshots_.restore(io::with_prefix(found->arrays, "snapshots"), found->path, present.images.front().shape());
    seconds_before_ = io::require_values<double>(found->arrays, found->path, "seconds", {1})[0];
    if (!std::isfinite(seconds_before_)) {
      throw io::bad_content(found->path, "array 'seconds'", "a finite number", concat(seconds_before_));
    }
    if (distiller_.best()) save_best();
    std::cout << "resumed at iteration " << distiller_.iteration() << '\n';
  }

 private:
  /// Called after each iteration, and once more to log the last state of a stopped run. That comes after the
  /// checkpoint: a resumed run must choose among the same states as one that never stopped.
  bool proceed(const distill::Progress& now, Interrupt& interrupt) {
    if (now.score) log(now);
    if (now.iteration == 0 || stopped_ != 0) return true;
    const bool done = now.iteration == command_.distill.outer_loop.iterations;
    if (command_.time_limit > 0 && clock_.seconds() >= command_.time_limit && !done) {
      interrupt.request(time_limit_exit_code);
    }
    if (interrupt.requested()) stopped_ = interrupt.exit_code();
    const bool due = command_.checkpoint_every > 0 && now.iteration % command_.checkpoint_every == 0;
    if (due || stopped_ != 0 || done) save_checkpoint();
    return stopped_ == 0;
  }

  void log(const distill::Progress& now) {
    const distill::DistilledSet set = distiller_.distilled();
    const distill::BestState& best = *distiller_.best();
    if (best.iteration == now.iteration) save_best();
    log_.add({now.iteration, now.loss, *now.score, seconds(), now.certificate}, set.learning_rates);
    out_.write("log.csv", log_.csv());
    snapshots_.offer(now.iteration, set.images.front());
    out_.refresh_report();
    if (now.iteration == 0) return;
    const long iterations = command_.distill.outer_loop.iterations;
    const double left =
        seconds() / static_cast<double>(now.iteration) * static_cast<double>(iterations - now.iteration);
    progress_.show(concat(now.iteration, "/", iterations, " loss ", now.loss ? fixed(*now.loss, 3) : "(diverged)",
                          " hold-out ", fixed(*now.score, 1), '%', hold_out_.remark(), " (best ", fixed(best.score, 1),
                          ')', now.certificate ? concat(" certificate ", scientific(*now.certificate)) : "", " left ",
                          minutes(left), " eta ", rates_text(set.learning_rates)));
  }

  void save_best() const {
    out_.put("distilled.npz", [&](const auto& path) { distill::save(distiller_.best()->set, path); });
  }

  void save_checkpoint() {
    io::Npz npz = distiller_.checkpoint();
    io::add_prefixed(npz, "log", log_.arrays());
    io::add_prefixed(npz, "snapshots", snapshots_.arrays());
    npz["seconds"] = {{1}, std::vector<double>{seconds()}};
    if (out_.writes()) checkpoints_.write(npz);
  }

  static std::string rates_text(const Tensor<float>& rates) {
    constexpr Index shown = 6;
    std::string text;
    for (Index t = 0; t < std::min(shown, rates.size()); ++t) text += concat(t > 0 ? " " : "", fixed(rates[t], 2));
    return rates.size() > shown ? text + " ..." : text;
  }

  const DistillCommand& command_;
  OutputFolder& out_;
  distill::Distiller& distiller_;
  const HoldOut& hold_out_;
  distill::Checkpoints checkpoints_;
  Stopwatch clock_;
  double seconds_before_ = 0;
  int stopped_ = 0;  // the exit code
  Traffic traffic_;  // of all ranks
  long iterations_ = 0;
  Progress progress_;
  RunLog log_;
  Snapshots snapshots_;
};

/// The message about balanced batches: the classes with the most and the fewest images.
std::string balance_text(const data::Dataset& dataset) {
  const std::vector<Index> sizes = distill::class_sizes(dataset.train, data::all_indices(dataset.train.count));
  const auto one = [&](auto at) {
    return concat(*at, " of class ", class_name(dataset, static_cast<std::size_t>(at - sizes.begin())));
  };
  return concat(" with equally many of each class (--balance on: there are ", one(std::ranges::max_element(sizes)),
                ", ", one(std::ranges::min_element(sizes)), ')');
}

/// For balanced batches: warns of classes whose training images include none held out. @throws ArgumentError if all
/// images of a class are held out.
void check_balance(const data::Dataset& dataset, const distill::DistillOptions& options) {
  const data::LabeledImages& images = dataset.train;
  const data::Split split = distill::hold_out(images, *options.validation.hold_out, *options.validation.hold_out_seed);
  const std::vector<Index> learned = distill::class_sizes(images, split.train),
                           held_out = distill::class_sizes(images, split.held_out);
  for (std::size_t k = 0; k < learned.size(); ++k) {
    const std::string name = class_name(dataset, k);
    if (learned[k] == 0 && held_out[k] > 0) {
      throw ArgumentError("--hold-out ", *options.validation.hold_out, ": holds out all ", held_out[k],
                          " training images of class ", name, "; hold out fewer, or change --seed");
    }
    if (learned[k] > 0 && held_out[k] == 0) {
      std::cerr << "hypertape: none of the " << learned[k] << " training images of class " << name
                << " is held out, so the choice of the best state ignores this class; change --hold-out or --seed\n";
    }
  }
}

/// @throws ArgumentError naming a class with too few images to start from, or to compare the distilled ones with.
void check_class_sizes(const data::Dataset& dataset, const distill::DistillOptions& options, bool starts_from_real) {
  const data::LabeledImages& images = dataset.train;
  const Index groups = options.inner_loop.unordered ? 1 : options.inner_loop.steps, each = options.images.per_class;
  if (each > images.count / groups) return;  // the distiller rejects this for all classes together
  const std::vector<Index> wanted(static_cast<std::size_t>(images.classes), groups * each);
  const std::string what = concat(groups, groups == 1 ? " step of " : " steps of ", each, " images per class");
  require_of_each_class(dataset, data::all_indices(images.count), wanted, what);
  if (!starts_from_real) return;
  const data::Split split = distill::hold_out(images, *options.validation.hold_out, *options.validation.hold_out_seed);
  require_of_each_class(dataset, split.train, wanted, "--start real or k-means, " + what);
}

/// Whether the run in this folder is complete. @throws DataError if its summary.json is damaged.
bool is_done(const std::filesystem::path& folder) {
  const std::filesystem::path summary = folder / "summary.json";
  return std::filesystem::exists(summary) && !require_value<bool>(read_json(summary), summary, "interrupted");
}

/// Loads the options and the folder of an earlier run; returns its config.json. @throws ArgumentError if other options
/// are given or the run is complete, DataError if there is no such run.
Json resume(DistillCommand& command) {
  const std::filesystem::path& folder = *command.resume;
  std::error_code ignored;
  if (!command.common.out.empty() && !std::filesystem::equivalent(command.common.out, folder, ignored)) {
    throw ArgumentError("--out: a run is resumed in its own folder, " + folder.string());
  }
  Json config = OutputFolder::read_config(folder, "distill");
  if (!config.contains("balance")) config["balance"] = "off";  // written by a version without --balance
  if (!config.contains("start")) config["start"] = config.value("from_real_images", Json()) == true ? "real" : "noise";
  if (const Json version = config.value("version", Json()); version != HYPERTAPE_VERSION) {
    std::cerr << "hypertape: the run began with version " << version << ", this is " << HYPERTAPE_VERSION
              << "; it may continue differently\n";
  }
  if (is_done(folder)) throw ArgumentError("--resume " + folder.string() + ": this run is complete");
  if (!distill::Checkpoints(folder).exist() && std::filesystem::exists(folder / "last.npz")) {
    throw DataError("--resume ", folder.string(), ": has results, but no checkpoint to continue from");
  }
  command.options.resume(config, folder / "config.json");
  command.common.out = folder;
  return config;
}

/// @throws ArgumentError naming an option that would be ignored.
void check_options(const DistillCommand& command) {
  const Options& options = command.options;
  command.common.check(options);
  command.initialization.check(options);
  options.only(command.distill.labels.soft, "--soft-labels", {"--labels-learning-rate", "--clamp-labels"});
  options.only(command.distill.images.start == distill::Start::noise, "--start noise", {"--initial-noise"});
  options.only(!command.start_from, "a start from noise or real images, without --start-from",
               {"--initial-noise", "--start"});
  options.only(!command.initialization.fixed(), "--init random or random-pretrained",
               {"--networks", "--validation-networks"});
  const bool ridge = command.distill.outer_loop.step == distill::OuterStepKind::ridge;
  options.only(!ridge, "--outer-step unroll",
               {"--networks", "--window", "--random-windows", "--certify", "--memory", "--rates-learning-rate"});
  options.only(ridge, "--outer-step ridge",
               {"--pool-networks", "--pool-steps", "--pool-learning-rate", "--regularizer"});
  options.only(!ridge || command.initialization.init == "random", "--init random", {"--outer-step"});
}

/// The folder of the run, locked against other processes. @throws ArgumentError if a new run would replace a stopped
/// one.
OutputFolder folder_of(const DistillCommand& command) {
  if (command.resume) return OutputFolder::open("--resume", *command.resume, command.ranks);
  const std::filesystem::path& path = command.common.out;
  OutputFolder out(path, "distill",
                   {"log.csv", "networks.csv", "confusion.csv", "distilled.npz", "last.npz", "distilled.png",
                    "strip.png", "accuracy.svg", "learning-rates.svg", "checkpoint.npz", "checkpoint.previous.npz"},
                   command.ranks);
  if (distill::Checkpoints(path).exist() && !is_done(path)) {
    throw ArgumentError("--out ", path.string(), ": holds a stopped run; continue it with --resume ", shell_word(path),
                        ", or remove the folder");
  }
  return out;
}

void distil(DistillCommand& command) {
  const Stopwatch wall;
  if (!command.resume) {
    command.common.detect(command.options);
    if (command.common.out.empty()) command.common.out = command.common.new_folder("distill");
    check_options(command);
  }
  OutputFolder out = folder_of(command);
  const Json earlier = command.resume ? resume(command) : Json();
  if (command.resume) check_options(command);
  command.options.check_paths();
  distill::DistillOptions& d = command.distill;
  d.seed = command.common.seed;
  const data::Dataset dataset = command.common.load();
  const Index classes = dataset.train.classes;
  if (command.common.detected_pictures()) choose_for_own_pictures(dataset, command.options, command.network, d);
  if (command.images) {
    if (*command.images % classes != 0) {
      throw ArgumentError("--images ", *command.images, ": ", classes, " classes need a multiple of their number");
    }
    d.images.per_class = *command.images / classes;
  }
  d.objective = command.objective.make(classes);
  d.initialization = command.initialization.of_new_weights();
  const HoldOut hold_out =
      choose_hold_out("--hold-out", d.validation.hold_out, dataset, command.initialization, command.common.seed);
  d.validation.hold_out_seed = hold_out.seed;
  choose_batch(d.real.batch, 256, hold_out.count, dataset.train.count);
  d = d.resolved(dataset.train);
  if (*d.real.balanced) check_balance(dataset, d);
  check_class_sizes(dataset, d, !command.start_from && d.images.start != distill::Start::noise);
  const WorkerTeam team(command.common.threads);
  const nn::Network<float> network = command.network.make(dataset.train, command.options);
  std::optional<distill::DistilledSet> start;
  if (command.start_from) start = load_distilled("--start-from", *command.start_from, dataset);
  const InitialWeightFamilies weights(command.initialization, network, dataset.train, command.common.seed,
                                      start ? start->theta0 : std::nullopt);
  const distill::InitialWeights test_weights = weights.testing(), training = weights.training(d.validation.networks);
  const Index given = training.count().value_or(d.outer_loop.networks);
  if (command.options.given("--networks") && given < d.outer_loop.networks) {
    throw ArgumentError("--networks ", d.outer_loop.networks, ": the pool leaves ", given, " for training");
  }
  distill::Distiller distiller(network, dataset, d, training, weights.validation(d.validation.networks), team, start,
                               command.ranks);
  Json config = config_of("distill", command.options);
  config.update(description_of(dataset, command.ranks));
  config.update({{"network", network.name()},
                 {"theta_layout", layout_of(network)},
                 {"hold_out_seed", hold_out.seed},
                 {"weights_checksum", distiller.weights_checksum()}});
  if (command.resume) {  // checkpoints store these too, but there may be none yet
    const std::filesystem::path path = *command.resume / "config.json";
    require_same_data(earlier, config, path);
    require_same("weights_checksum", "initial weights", earlier, config, path);
  }
  if (!command.resume) {
    out.create();
    out.write_json("config.json", config);
    out.write_report();
  }

  std::cout << "hypertape " << HYPERTAPE_VERSION << ": " << command.common.dataset << ", " << network.name() << ", "
            << d.images.per_class * classes * (d.inner_loop.unordered ? 1 : d.inner_loop.steps) << " images"
            << (d.inner_loop.unordered ? " without an order, " : ", ") << d.inner_loop.steps << " x "
            << d.inner_loop.epochs << " steps, " << d.outer_loop.iterations << " iterations, "
            << workers_text(team, command.ranks) << '\n'
            << sizes_text(dataset.train.count, *d.validation.hold_out, *d.real.batch)
            << (*d.real.balanced ? balance_text(dataset) : std::string()) << '\n';
  Run run(command, out, distiller, hold_out);
  if (command.resume) run.restore();
  out.remove("summary.json");  // written when this run was stopped
  const int stopped = run.train();
  const double train_seconds = run.seconds();  // excludes the test below
  if (distiller.skipped() > 0) {
    std::cout << distiller.skipped() << " iterations were skipped because a network diverged\n";
  }
  const distill::BestState& best = *distiller.best();
  out.put("distilled.png", [&](const auto& path) { write_drawing(path, draw_set(best.set, dataset.class_names)); });

  Json summary = {{"dataset", command.common.dataset},
                  {"network", network.name()},
                  {"init", command.initialization.init},
                  {"objective", command.objective.objective},
                  {"steps", d.inner_loop.steps},
                  {"epochs", d.inner_loop.epochs},
                  {"images_per_class", static_cast<double>(d.images.per_class)},
                  {"iterations", distiller.iteration()},
                  {"skipped_iterations", distiller.skipped()},
                  {"interrupted", stopped != 0},
                  {"best_iteration", best.iteration},
                  {"hold_out_score", rounded_percent(best.score)},
                  {"hold_out_seen", hold_out.seen},
                  {"seed", d.seed},
                  {"threads", team.size()},
                  {"ranks", command.ranks.size()}};
  if (command.ranks.size() > 1) summary["traffic"] = run.traffic();
  summary["protocol"] = protocol_of(best.set, nullptr, false);
  // The only use of the test set; a stopped run never gets here.
  Comparison result;
  if (stopped == 0) {
    const auto test = [&](bool real) {
      distill::EvaluateOptions options;
      options.seed = d.seed;
      options.real_images = real;
      return distill::evaluate(network, distill::trainer_of(network, best.set, dataset, options), test_weights,
                               data::all_indices(command.initialization.networks_to_test()), dataset.test,
                               best.set.normalization, real || d.outer_loop.skip_diverged, {}, team, command.ranks);
    };
    result = {test(false), test(true)};
    out.write("networks.csv", csv_of(result.distilled, d.objective));
    out.write("confusion.csv", confusion_csv(result.distilled));
    summary.update(summary_of(result.distilled, d.objective, dataset));
    summary["real_images"] = real_images_of(result);
  }
  summary.update({{"wall_seconds", rounded(run.seconds_before() + wall.seconds(), 3)},
                  {"train_seconds", rounded(train_seconds, 3)},
                  {"peak_rss_mb", rounded(peak_memory_mb(), 1)}});
  out.write_json("summary.json", summary);
  out.write_report();
  if (stopped == 0) run.finish();
  if (stopped != 0) {
    std::cout << "stopped at iteration " << distiller.iteration() << " of " << d.outer_loop.iterations
              << ", not tested; continue with --resume " << shell_word(out.path()) << '\n';
  } else {
    std::cout << text_of(result.distilled, d.objective) << '\n'
              << real_images_text("the same", result) << "\nbest hold-out: " << fixed(best.score, 2) << " % (iteration "
              << best.iteration << ')' << hold_out.remark() << '\n';
  }
  if (command.ranks.size() > 1) {
    const Json traffic = run.traffic();
    std::cout << "traffic: " << fixed(traffic["messages_per_iteration"], 1)
              << " messages per iteration over all ranks, "
              << fixed(traffic["bytes_per_iteration"].get<double>() / 1000, 1) << " kB\n";
  }
  std::cout << "picture: " << (out / "distilled.png").string() << "\n"
            << "images:  " << (out / "distilled.npz").string() << "\n"
            << "report:  " << (out / "report.html").string() << "\n"
            << "time:    " << minutes(wall.seconds()) << ", peak memory " << fixed(peak_memory_mb(), 0) << " MB\n";
  if (stopped != 0) exit_stopped(stopped);
}

}  // namespace

void add_distill(CLI::App& app, const Communicator& ranks) {
  using enum Options::OnResume;
  const auto command = std::make_shared<DistillCommand>(
      *app.add_subcommand("distill", "Learn distilled images and learning rates"), ranks);
  Options& options = command->options;
  command->common.add(options, "out/distill-DATASET; if it exists, with -2, -3 appended");
  command->common.add_whitening(options);
  command->network.add(options);
  command->initialization.add(options);
  command->objective.add(options);
  options.add_declared(command->distill);
  options.add("--images", command->images, "Distilled images per step, instead of --images-per-class")
      ->check(positive())
      ->excludes(options.command().get_option("--images-per-class"))
      ->group("Distilled images");
  options.group("Distilled images");
  options.add_file("--start-from", command->start_from,
                   "A distilled.npz to start from; its order, steps, epochs, rule and network may differ. --init fixed "
                   "also takes its theta0 if the network has as many weights");
  options.group("Stopping and continuing");
  options
      .add("--checkpoint-every", command->checkpoint_every,
           "Iterations between checkpoints for --resume; 0: only when stopped", free)
      ->check(positive(true));
  options
      .add("--time-limit", command->time_limit, "Seconds after which the run stops, to be resumed; 0: no limit",
           not_kept)
      ->check(positive(true));
  options.command()
      .add_option("--resume", command->resume, "Continue the stopped run in this folder, with bit-identical results")
      ->check(Options::not_empty())
      ->type_name("DIR")
      ->group("Stopping and continuing");
  options.command().callback([command] { distil(*command); });
}

}  // namespace hypertape::cli
