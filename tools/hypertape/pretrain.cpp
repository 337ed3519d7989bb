#include <algorithm>
#include <memory>
#include <vector>

#include "commands.hpp"
#include "common.hpp"
#include "format.hpp"
#include "hold_out.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/mean_and_std.hpp"
#include "hypertape/distill/network_pool.hpp"
#include "hypertape/distill/pretraining.hpp"
#include "initialization.hpp"
#include "interrupt.hpp"
#include "network.hpp"
#include "progress.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

struct PretrainCommand {
  PretrainCommand(CLI::App& command, const Communicator& all) : ranks(all), options(command) {}

  const Communicator& ranks;
  Options options;
  CommonOptions common;
  NetworkOptions network;
  InitializationOptions initialization;
  distill::PretrainOptions pretrain;
  Index networks = 70;
};

/// Whether the folder holds any network of a pool.
bool has_networks(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with("network-")) return true;
  }
  return false;
}

/// Whether the pool has this network. A damaged file is reported and counts as missing.
bool is_there(const std::filesystem::path& path, const nn::Network<float>& network) {
  if (!std::filesystem::exists(path)) return false;
  try {
    distill::load_pool_network(path, network);
    return true;
  } catch (const DataError& error) {
    std::cerr << "hypertape: " << error.what() << "; this network is trained again\n";
    return false;
  }
}

/// Begins a pool, or checks that the one in the folder has the same options. Each network depends on its number alone,
/// so existing ones are kept.
void begin_pool(const PretrainCommand& command, const Json& config, OutputFolder& out) {
  const std::filesystem::path path = out / "config.json";
  if (std::filesystem::exists(path) && has_networks(out.path())) {
    Json before = OutputFolder::read_config(out.path(), "pretrain");
    if (!before.contains("hold_out")) before["hold_out"] = 0;  // written by a version without --hold-out
    if (!before.contains("balance")) before["balance"] = "off";
    const auto differences = command.options.differences(before, path);
    if (!differences.empty()) {
      const Options::Difference& first = differences.front();
      throw ArgumentError("--out ", out.path().string(), ": the pool there was begun with ", first.name, " ",
                          first.before.dump(), ", not ", first.now.dump());
    }
    require_same_data(before, config, path);
  } else {
    out.create();
  }
  out.write_json("config.json", config);
}

/// Trains the networks with these numbers, divided among the ranks. The first rank writes each as soon as it has it.
void train_and_save(const PretrainCommand& command, const nn::Network<float>& network, const data::Dataset& dataset,
                    std::span<const Index> numbers, const OutputFolder& out, const WorkerTeam& team) {
  const Communicator& ranks = command.ranks;
  const auto count = static_cast<Index>(numbers.size());
  const Range own = TaskShare(ranks, count).tasks;
  const auto save = [&](Index i, const Tensor<float>& theta) {
    if (out.writes()) distill::save_pool_network(out.path(), numbers[static_cast<std::size_t>(i)], theta);
  };
  std::vector<Tensor<float>> trained(static_cast<std::size_t>(own.size()));
  together(ranks, [&] {
    distill::for_each_network(team, own.size(), [&](Index i) {
      Tensor<float>& theta = trained[static_cast<std::size_t>(i)];
      theta =
          distill::pretrain(network, dataset, command.pretrain, numbers[static_cast<std::size_t>(own.begin + i)], team);
      save(own.begin + i, theta);
    });
  });
  for (int rank = 1; rank < ranks.size(); ++rank) {
    const TaskShare share(rank, ranks.size(), count);
    for (Index i = share.tasks.begin; share.leads && i < share.tasks.end; ++i) {
      if (ranks.rank() == rank) {
        ranks.send(std::as_bytes(trained[static_cast<std::size_t>(i - own.begin)].values()), 0);
      } else if (ranks.rank() == 0) {
        Tensor<float> theta(Shape{network.parameters().size()});
        ranks.receive(std::as_writable_bytes(theta.values()), rank);
        save(i, theta);
      }
    }
  }
}

void run(PretrainCommand& command) {
  const Stopwatch wall;
  command.common.detect(command.options);
  command.common.check(command.options);
  command.options.check_paths();
  OutputFolder out(command.common.out, "pretrain", {}, command.ranks);
  const data::Dataset dataset = command.common.load();
  const data::LabeledImages& images = dataset.train;
  const nn::Network<float> network = command.network.make(images, command.options);
  command.pretrain.initial = command.initialization.of_new_weights().distribution;
  command.pretrain.seed = command.common.seed;
  distill::PretrainOptions& p = command.pretrain;
  if (p.hold_out != 0) choose_hold_out("--hold-out", p.hold_out, dataset, command.initialization, p.seed);
  choose_batch(p.batch, 128, *p.hold_out, images.count);
  const WorkerTeam team(command.common.threads);
  Json config = config_of("pretrain", command.options);
  config.update(description_of(dataset, command.ranks));
  config.update({{"network", network.name()},
                 {"image", {images.channels, images.height, images.width}},
                 {"classes", images.classes}});
  begin_pool(command, config, out);
  out.write_report();
  const std::filesystem::path earlier = out / "summary.json";
  const double seconds_before =
      std::filesystem::exists(earlier) ? require_value<double>(read_json(earlier), earlier, "wall_seconds") : 0;

  std::vector<Index> missing;
  for (Index i = 0; i < command.networks; ++i) {
    if (!is_there(out / distill::pool_file_name(i), network)) missing.push_back(i);
  }
  const auto there = command.networks - static_cast<Index>(missing.size());
  std::cout << "hypertape " << HYPERTAPE_VERSION << ": " << command.common.dataset << ", " << network.name() << ", "
            << command.networks << " networks of " << command.pretrain.epochs << " epochs, " << there
            << " there already, " << workers_text(team, command.ranks) << '\n'
            << sizes_text(images.count, *p.hold_out, *p.batch) << '\n';

  Json summary = {{"dataset", command.common.dataset}, {"network", network.name()}, {"epochs", command.pretrain.epochs},
                  {"seed", command.common.seed},       {"threads", team.size()},    {"ranks", command.ranks.size()}};
  const auto write_summary = [&](std::size_t networks) {
    summary["networks"] = networks;
    summary["interrupted"] = static_cast<Index>(networks) < command.networks;
    summary["wall_seconds"] = rounded(seconds_before + wall.seconds(), 3);
    summary["peak_rss_mb"] = rounded(peak_memory_mb(), 1);
    out.write_json("summary.json", summary);
    out.refresh_report();
  };
  Interrupt interrupt(command.ranks);
  Progress progress;
  const auto at_once = static_cast<std::size_t>(team.size()) * static_cast<std::size_t>(command.ranks.size());
  std::size_t done = 0;
  while (done < missing.size() && !interrupt.requested()) {
    const std::size_t count = std::min(at_once, missing.size() - done);
    train_and_save(command, network, dataset, std::span(missing).subspan(done, count), out, team);
    done += count;
    const double left = wall.seconds() / static_cast<double>(done) * static_cast<double>(missing.size() - done);
    write_summary(static_cast<std::size_t>(there) + done);  // records the time even if the process is killed later
    progress.show(concat("network ", there + static_cast<Index>(done), "/", command.networks, " left ", minutes(left)));
  }
  progress.finish();

  if (done < missing.size()) {
    std::cout << "stopped, not tested; repeat the command to continue\n";
    exit_stopped(interrupt.exit_code());
  }
  largest(command.ranks, 0);  // waits until all networks are written
  const std::vector<std::filesystem::path> files = distill::pool_files(out.path());
  const auto test = [&](Range own) {
    std::vector<double> percent;
    for (Index i = own.begin; i < own.end; ++i) {
      const Tensor<float> theta = distill::load_pool_network(files[static_cast<std::size_t>(i)], network);
      const distill::Confusion found = distill::confusion(network, theta, dataset.test, dataset.normalization, team);
      percent.insert(percent.end(), {found.accuracy(), found.balanced_accuracy()});
    }
    return percent;
  };
  const std::vector<double> found = share_out<double>(command.ranks, static_cast<Index>(files.size()), test);
  std::vector<double> accuracies, balanced;
  std::string log = "network,test_accuracy\n";
  for (std::size_t i = 0; i < files.size(); ++i) {
    accuracies.push_back(found[2 * i]);
    balanced.push_back(found[2 * i + 1]);
    log += concat(files[i].filename().string(), ',', accuracies.back(), '\n');
  }
  out.write("log.csv", log);
  const distill::MeanAndStd spread = distill::mean_and_std(accuracies), of_balanced = distill::mean_and_std(balanced);
  summary["test_accuracy"] = rounded_percent(spread.mean);
  summary["test_accuracy_std"] = rounded_percent(spread.deviation);
  summary["test_balanced_accuracy"] = rounded_percent(of_balanced.mean);
  summary["test_balanced_accuracy_std"] = rounded_percent(of_balanced.deviation);
  write_summary(accuracies.size());
  out.write_report();
  std::cout << accuracies.size() << " networks, test accuracy " << fixed(spread.mean, 2) << " % (standard deviation "
            << fixed(spread.deviation, 2) << "; balanced " << fixed(of_balanced.mean, 2) << " %), "
            << minutes(wall.seconds()) << "\nreport: " << (out / "report.html").string() << '\n';
}

}  // namespace

void add_pretrain(CLI::App& app, const Communicator& ranks) {
  const auto command =
      std::make_shared<PretrainCommand>(*app.add_subcommand("pretrain", "Train and save a pool of networks"), ranks);
  Options& options = command->options;
  command->common.add(options);
  command->common.add_whitening(options);
  command->network.add(options);
  command->initialization.add_distribution(options);
  options.group("Training");
  options.add("--networks", command->networks, "Number of networks; existing ones are kept", Options::OnResume::free)
      ->check(positive());
  options.add_declared(command->pretrain);
  options.command().callback([command] { run(*command); });
}

}  // namespace hypertape::cli
