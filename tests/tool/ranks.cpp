#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/distill/checkpoint.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The tool under mpirun: on any number of processes it does what one does.

#ifdef HYPERTAPE_MPIEXEC

namespace hypertape::testing {
namespace {

using hypertape::detail::concat;

/// Has the tool run on so many ranks, on however few processors.
std::string on_ranks(int ranks, const std::string& arguments) {
  return concat(HYPERTAPE_MPIEXEC " --oversubscribe -n ", ranks, ' ', HYPERTAPE_TOOL, ' ', arguments);
}

/// Standard output and error of a run that must go well.
std::string run(const std::string& command) {
  const Result result = shell(command);
  CAPTURE(command);
  CAPTURE(result.output);
  REQUIRE(result.exit_code == 0);
  return result.output;
}

/// Everything in the folder's files but what a clock or the number of ranks says.
std::vector<std::string> contents(const std::filesystem::path& out) {
  std::vector<std::string> all;
  for (const char* name : {"distilled.npz", "last.npz", "networks.csv", "real.csv", "grid.csv", "network-0000.npz",
                           "network-0002.npz", "network-0004.npz"}) {
    if (std::filesystem::exists(out / name)) all.push_back(name + file_bytes(out / name));
  }
  auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  for (const char* key : {"ranks", "threads", "wall_seconds", "train_seconds", "peak_rss_mb", "traffic"}) {
    summary.erase(key);
  }
  all.push_back(summary.dump(1));
  return all;
}

std::string distil(const std::string& more, const std::filesystem::path& out) {
  return concat("distill --dataset mnist --net linear --init random --networks 3 --validation-networks 2 ",
                "--test-networks 3 --steps 2 --soft-labels --batch 48 --hold-out 64 --evaluate-every 3 --seed 5 ", more,
                " --out ", out.string());
}

TEST_CASE("tool: every command gives the same bits on any number of ranks and threads") {
  const TemporaryFolder folder;
  const auto set = folder / "set";
  run(concat(HYPERTAPE_TOOL, ' ', distil("--iterations 6", set)));
  const std::string given = (set / "distilled.npz").string();
  const auto check = [&](const std::string& arguments, std::initializer_list<std::pair<int, int>> rank_counts) {
    CAPTURE(arguments);
    const auto one = folder / "one", many = folder / "many";
    std::filesystem::remove_all(one);
    run(concat(HYPERTAPE_TOOL, ' ', arguments, " --threads 1 --out ", one.string()));
    for (const auto& counts : rank_counts) {
      const int ranks = counts.first, threads = counts.second;
      CAPTURE(ranks);
      std::filesystem::remove_all(many);
      const std::string output =
          run(on_ranks(ranks, concat(arguments, " --threads ", threads, " --out ", many.string())));
      CHECK(contents(many) == contents(one));
      CHECK(nlohmann::json::parse(file_bytes(many / "summary.json"))["ranks"] == ranks);
      CHECK(output.find("test accuracy") != std::string::npos);
      CHECK(output.find("test accuracy: ") == output.rfind("test accuracy: "));  // is said once
    }
  };
  const std::string learn = distil("--iterations 6", "");
  check(learn.substr(0, learn.find(" --out")), {{2, 1}, {3, 2}, {4, 1}, {7, 1}});
  check("distill --dataset mnist --net linear --iterations 4 --batch 48 --hold-out 64 --evaluate-every 2", {{3, 1}});
  check("evaluate --dataset mnist --net linear --init random --test-networks 5 --distilled " + given, {{2, 2}, {4, 1}});
  check("pretrain --dataset mnist --net linear --epochs 1 --networks 5", {{3, 1}, {7, 1}});
  check(
      "baseline --dataset mnist --net linear --init random --method random-real --selection-images 100 --sets 2 "
      "--test-networks 5 --learning-rates 0.01,0.1 --epochs-grid 1",
      {{3, 1}});
}

TEST_CASE("tool: a run that was stopped on some ranks goes on on others, to the bits of one that was not") {
  const TemporaryFolder folder;
  const auto whole = folder / "whole", parts = folder / "parts";
  run(concat(HYPERTAPE_TOOL, ' ', distil("--iterations 300", whole)));
  // What ends it, and what it then says; the shell has the tool's first checkpoint by then.
  const auto stop = [&](int ranks, const std::string& how, int exit_code) {
    const Result result = shell(
        concat(on_ranks(ranks, std::filesystem::exists(parts) ? "distill --resume " + parts.string()
                                                              : distil("--iterations 300 --checkpoint-every 5", parts)),
               " & for i in $(seq 1200); do [ -s ", (parts / "checkpoint.previous.npz").string(),
               " ] && break; sleep 0.05; done; sleep 0.3; ", how, "; wait $!"));
    CAPTURE(result.output);
    CHECK(result.exit_code == exit_code);
    CHECK(distill::Checkpoints(parts).read().has_value());
  };
  const std::string pids = concat("$(pgrep -f '^", HYPERTAPE_TOOL, ".*", parts.string(), "')");
  stop(4, concat("for last in ", pids, "; do :; done; kill -KILL $last"), 137);
  stop(1, concat("for last in ", pids, "; do :; done; kill -TERM $last"), 143);
  stop(3, concat("for last in ", pids, "; do :; done; kill -TERM $last"), 143);
  run(on_ranks(2, "distill --resume " + parts.string()));
  CHECK(contents(parts) == contents(whole));
}

TEST_CASE("tool: a rank that fails ends all, with its message and exit code") {
  const TemporaryFolder folder;
  const auto out = folder / "out";
  // What all have to say is said once.
  const Result wrong = shell(on_ranks(3, "distill --iteration 3 --out " + out.string()));
  CAPTURE(wrong.output);
  CHECK(wrong.exit_code == 2);
  const std::size_t said = wrong.output.find("hypertape: ");
  CHECK(said != std::string::npos);
  CHECK(wrong.output.find("hypertape: ", said + 1) == std::string::npos);
  CHECK(!std::filesystem::exists(out));

  // One of them alone: it finds no data.
  const std::string mpirun = on_ranks(1, distil("--iterations 9", out));
  const Result apart = shell(concat(mpirun, " : -n 1 env HYPERTAPE_DATA=", folder.path().string(), " XDG_CACHE_HOME=",
                                    folder.path().string(), ' ', HYPERTAPE_TOOL, ' ', distil("--iterations 9", out)));
  CAPTURE(apart.output);
  CHECK(apart.exit_code == 1);
  CHECK(apart.says("hypertape: rank 1: "));
  CHECK(apart.says("mnist"));

  // The first rank cannot write any more: the disk is full, as it were.
  const std::string endless = distil("--iterations 1000000 --checkpoint-every 1", out);
  const Result full = shell(
      concat(on_ranks(2, endless), " & for i in $(seq 1200); do [ -s ", (out / "checkpoint.previous.npz").string(),
             " ] && break; sleep 0.05; done; for first in ", "$(pgrep -f '^", HYPERTAPE_TOOL, ".*", out.string(),
             "'); do break; done; prlimit --pid $first --fsize=1000; wait $!"));
  CAPTURE(full.output);
  CHECK(full.exit_code == 1);
  CHECK(full.says(".npz: cannot write: File too large"));
  CHECK(distill::Checkpoints(out).read().has_value());
  std::filesystem::remove_all(out);

  // All of them, alike: the step diverges.
  std::string lenet = distil("--iterations 9 --initial-learning-rate 1e9", out);
  lenet.replace(lenet.find("linear"), 6, "lenet");
  const Result diverged = shell(on_ranks(3, lenet));
  CAPTURE(diverged.output);
  CHECK(diverged.exit_code == 1);
  CHECK(diverged.says("hypertape: iteration 0: network 0: "));
  CHECK(!diverged.says("rank "));
}

}  // namespace
}  // namespace hypertape::testing

#else

TEST_CASE("tool: under mpirun") { MESSAGE("left out: there is no MPI here"); }

#endif
