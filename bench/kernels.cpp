/// bench_kernels: the time of each kernel on the shapes of the paper's networks, in float, on one thread, as all
/// kernels are single-threaded. A kernel is timed only if its result agrees with the obvious loop in double precision;
/// the exit code is 1 if one does not. The same layers with oneDNN and OpenBLAS are included if these were found.

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <ctime>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "check.hpp"
#include "fma_peak.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/error.hpp"
#include "kernel_cases.hpp"
#include "program.hpp"
#include "sgemm.hpp"

namespace hypertape::bench {
namespace {

using hypertape::detail::concat;

/// Float rounds at 6e-8 and the longest sums here have 4096 terms; one wrong value among a million has a larger error.
constexpr double tolerance = 1e-5;

/// The messages of kernels with wrong results.
std::vector<std::string> wrong;

/// Prepares the kernel when it first runs (the filter may skip it), checks it once, and times it.
class TimedKernel {
 public:
  TimedKernel(KernelCase kernel, Index samples, double peak, double sgemm)
      : kernel_(std::move(kernel)), samples_(samples), peak_(peak), sgemm_(sgemm) {}

  void operator()(benchmark::State& state) {
    if (!prepared_) {
      prepared_ = kernel_.prepare(samples_);
      prepared_->run();
      try {
        require(concat(kernel_.name, " of ", samples_, " samples"), prepared_->error(), tolerance);
      } catch (const WrongResult& error) {
        wrong_ = error.what();
        wrong.push_back(wrong_);
      }
    }
    if (!wrong_.empty()) return state.SkipWithError(wrong_.c_str());
    // Processor time excludes what other processes take of a busy processor.
    const std::clock_t start = std::clock();
    for (auto _ : state) {
      prepared_->run();
      benchmark::ClobberMemory();
    }
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    const double calls_a_nanosecond = 1e-9 * static_cast<double>(state.iterations()) / seconds;
    const double gflops = prepared_->flop * calls_a_nanosecond;
    state.counters["GFLOP/s"] = gflops;
    state.counters["%peak"] = 100 * gflops / peak_;
    state.counters["%sgemm"] = 100 * gflops / sgemm_;
    state.counters["GB/s"] = prepared_->bytes * calls_a_nanosecond;
    state.SetLabel(prepared_->note);
  }

 private:
  KernelCase kernel_;
  Index samples_;
  double peak_, sgemm_;
  std::optional<PreparedKernel> prepared_;
  std::string wrong_;  ///< empty if the result is right
};

std::string name_of(const KernelCase& kernel, Index samples) { return concat(kernel.name, '/', samples); }

/// Checks a filter of Google Benchmark, which may begin with a minus. @throws CLI::ValidationError if it is not a
/// regular expression, ArgumentError if it matches no kernel.
void check_filter(const std::string& filter) {
  const bool inverted = filter.starts_with('-');
  bool any = filter.empty() || filter == "all";
  try {
    const std::regex expression(filter.substr(inverted ? 1 : 0), std::regex::extended);
    for (const KernelCase& kernel : kernel_cases()) {
      for (const Index samples : kernel.samples) {
        any = any || std::regex_search(name_of(kernel, samples), expression) != inverted;
      }
    }
  } catch (const std::regex_error& error) {
    throw CLI::ValidationError("--filter", concat(filter, " is not a regular expression: ", error.what()));
  }
  if (!any) throw ArgumentError("no kernel's name matches ", filter);
}

void run(const std::vector<std::string>& flags) {
  std::vector<char*> argv;
  std::vector<std::string> writable = flags;
  for (std::string& flag : writable) argv.push_back(flag.data());
  auto argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
  if (argc > 1) throw CLI::ExtrasError({argv[1]});

  const double peak = fma_peak_gflops(1), sgemm = sgemm_gflops(1);
  benchmark::AddCustomContext("peak_gflops", std::to_string(peak));
  benchmark::AddCustomContext("sgemm_gflops", std::to_string(sgemm));
  for (const KernelCase& kernel : kernel_cases()) {
    for (const Index samples : kernel.samples) {
      benchmark::RegisterBenchmark(name_of(kernel, samples).c_str(), TimedKernel(kernel, samples, peak, sgemm))
          ->Unit(benchmark::kMicrosecond);
    }
  }
  const std::size_t matched = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  std::string all;
  for (const std::string& what : wrong) all += (all.empty() ? "" : "; ") + what;
  if (!all.empty()) throw WrongResult(all);
  if (matched == 0) throw ArgumentError("no kernel was timed");
}

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  std::string filter = ".";
  double min_time = 0.1;
  bool json = false, list = false;
  CLI::App app(
      "The time of each kernel on the shapes of the paper's networks, on one thread. Names are kernel/layer/samples.",
      "bench_kernels");
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.set_version_flag("--version", HYPERTAPE_VERSION);
  app.add_option("--filter", filter, "Regular expression: time the kernels whose names it matches");
  app.add_option("--min-time", min_time, "Least seconds to spend on each kernel")->check(CLI::Range(0.0, 1000.0));
  app.add_flag("--list", list, "Print the names, time nothing");
  app.add_flag("--json", json, "JSON on the standard output");
  app.allow_extras();
  app.footer("Options that begin with --benchmark_ go to Google Benchmark.");
  return hypertape::bench::run_program(app, argc, argv, [&] {
    hypertape::bench::check_filter(filter);
    if (std::isnan(min_time))
      throw CLI::ValidationError("--min-time", "not a number");  // in no range, but not out of it
    std::vector<std::string> flags{argv[0], "--benchmark_filter=" + filter,
                                   "--benchmark_min_time=" + std::to_string(min_time)};
    if (list) flags.emplace_back("--benchmark_list_tests=true");
    if (json) flags.emplace_back("--benchmark_format=json");
    for (const std::string& extra : app.remaining()) flags.push_back(extra);
    hypertape::bench::run(flags);
  });
}
