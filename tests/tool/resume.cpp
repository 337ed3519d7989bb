#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

/// Waits until the run's log has a line that starts with these words.
std::string until_logged(const std::filesystem::path& out, const std::string& words) {
  return "for i in $(seq 1200); do grep -q '^" + words + "' " + (out / "log.csv").string() +
         " 2>/dev/null && break; sleep 0.05; done; ";
}

TEST_CASE("tool: a run that is killed and resumed gives the bytes of one that was not") {
  const TemporaryFolder folder;
  const auto whole = folder.path() / "whole", killed = folder.path() / "killed";
  const std::string options =
      " distill --dataset mnist --iterations 14 --batch 32 --hold-out 64 --evaluate-every 2 --checkpoint-every 3 "
      "--steps 2 --soft-labels --momentum 0.5 --init random --networks 2 --validation-networks 2 --test-networks 2 "
      "--net mlp --hidden 20 --seed 5 --out ";
  REQUIRE(shell(HYPERTAPE_TOOL + options + whole.string()).exit_code == 0);
  shell(HYPERTAPE_TOOL + options + killed.string() + " & pid=$!; " + until_logged(killed, "8,") +
        "kill -KILL $pid; wait $pid");
  const Result resumed = tool("distill --threads 1 --resume " + killed.string());
  CAPTURE(resumed.output);
  REQUIRE(resumed.exit_code == 0);
  CHECK(file_bytes(killed / "distilled.npz") == file_bytes(whole / "distilled.npz"));
  CHECK(file_bytes(killed / "last.npz") == file_bytes(whole / "last.npz"));
  CHECK(file_bytes(killed / "networks.csv") == file_bytes(whole / "networks.csv"));
  CHECK(file_bytes(killed / "strip.png") == file_bytes(whole / "strip.png"));
  CHECK(file_bytes(killed / "accuracy.svg") == file_bytes(whole / "accuracy.svg"));
  const Result again = tool("distill --resume " + killed.string());
  CHECK(again.exit_code == 2);
  CHECK(again.says("this run is done"));
}

TEST_CASE("tool: a time limit stops cleanly; other options, a damaged checkpoint and other folders are noticed") {
  const TemporaryFolder folder;
  const auto whole = folder.path() / "whole", out = folder.path() / "run";
  const std::string options =
      "distill --dataset mnist --iterations 40 --batch 32 --hold-out 64 --evaluate-every 5 --checkpoint-every 2 "
      "--net linear --seed 5 --out ";
  REQUIRE(tool(options + whole.string()).exit_code == 0);
  const Result stopped = tool(options + out.string() + " --time-limit 0.000001");
  CAPTURE(stopped.output);
  REQUIRE(stopped.exit_code == 0);
  CHECK(stopped.says("stopped at iteration 1 of 40, not tested; continue with --resume"));
  CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["interrupted"] == true);

  const std::string resume = "distill --resume " + out.string();
  check_exit(resume + " --seed 6 --iterations 50", 2,
             {"--seed is 6 now and was 5", "--iterations is 50 now and was 40"});
  check_exit(resume + " --out " + whole.string(), 2, {"--out", "own folder"});
  check_exit("distill --resume " + folder.path().string(), 1, {"config.json", "distill"});

  CHECK(tool(resume + " --time-limit 0.000001").says("stopped at iteration 2 of 40"));
  std::ofstream(out / "checkpoint.npz") << "half a file";
  const Result resumed = tool(resume);
  CAPTURE(resumed.output);
  REQUIRE(resumed.exit_code == 0);
  CHECK(resumed.says("checkpoint.npz"));
  CHECK(resumed.says("resumed at iteration 1"));
  CHECK(file_bytes(out / "last.npz") == file_bytes(whole / "last.npz"));
  CHECK(file_bytes(out / "distilled.npz") == file_bytes(whole / "distilled.npz"));
}

}  // namespace
}  // namespace hypertape::testing
