#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/hypertape.hpp"
#include "program.hpp"
#include "timing.hpp"

/// Programs that time named tasks, which a script of the same name in bench/pytorch performs too.
namespace hypertape::bench {

struct TaskOptions {
  std::vector<std::string> only;
  int threads = 1, runs = 9;
  bool json = false, list = false;
};

/// How all tasks are timed.
struct Setting {
  TaskOptions options;
  WorkerTeam team;

  /// The block size that gives each thread one block.
  Index block(Index samples) const { return (samples + team.size() - 1) / team.size(); }
};

/// Times the call and prints the time with the relative error found for its result.
template <class Call>
void time(const Setting& setting, const std::string& name, const Call& call, double error) {
  const Timing timing = measure(setting.options.runs, call);
  if (setting.options.json) {
    std::cout << nlohmann::ordered_json{{"task", name},
                                        {"threads", setting.team.size()},
                                        {"runs", setting.options.runs},
                                        {"min_ms", timing.min_ms},
                                        {"median_ms", timing.median_ms},
                                        {"relative_error", error},
                                        {"peak_rss_mb", peak_memory_mb()}}
                     .dump()
              << std::endl;
    return;
  }
  std::cout << name << ", " << setting.team.size() << " threads: median " << timing.median_ms << " ms, min "
            << timing.min_ms << " ms; relative error " << error << std::endl;
}

/// Tasks by name. Each checks what it computes, throws WrongResult if that is off, and prints a time.
using Tasks = std::vector<std::pair<std::string, void (*)(const Setting&, const std::string&)>>;

/// Runs the program with these command-line options and returns its exit code.
inline int run_tasks(const std::string& program, const std::string& description, const Tasks& tasks, int argc,
                     char** argv) {
  TaskOptions options;
  std::vector<std::string> names;
  for (const auto& [name, task] : tasks) names.push_back(name);
  CLI::App app(description, program);
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.set_version_flag("--version", HYPERTAPE_VERSION);
  app.add_option("--threads", options.threads, "0: as many as processors")->check(CLI::Range(0, 1024));
  app.add_option("--runs", options.runs, "Timed runs")->check(CLI::Range(1, 1000000));
  app.add_flag("--json", options.json, "One JSON object per line");
  app.add_flag("--list", options.list, "Print the names of the tasks, time nothing");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--only", options.only, "Time these tasks only; default: all")->check(CLI::IsMember(names));
  return run_program(app, argc, argv, [&] {
    const Setting setting{options, WorkerTeam(options.threads)};
    for (const auto& [name, task] : tasks) {
      if (!options.only.empty() && std::ranges::find(options.only, name) == options.only.end()) continue;
      if (options.list) {
        std::cout << name << '\n';
      } else {
        task(setting, name);
      }
    }
  });
}

}  // namespace hypertape::bench
