#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "hypertape/core/error.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// Runs that are stopped: by a signal, a time limit, or because nobody reads what they say.

namespace hypertape::testing {
namespace {

std::string distil(int iterations, const std::filesystem::path& out) {
  return hypertape::detail::concat("distill --dataset mnist --net linear --iterations ", iterations,
                                   " --batch 32 --hold-out 64 --evaluate-every 1 --out ", out.string());
}
std::string endless(const std::filesystem::path& out) { return distil(1000000, out); }

TEST_CASE("tool: what stopped a run shows in its exit code") {
  const TemporaryFolder folder;
  for (const auto& [signal, exit_code] : {std::pair("INT", 130), std::pair("TERM", 143), std::pair("HUP", 129)}) {
    const auto out = folder / signal;
    const Result result = tool_with_signal(endless(out), out / "log.csv", signal);
    CAPTURE(result.output);
    CHECK(result.exit_code == exit_code);
    CHECK(result.says("not tested; continue with --resume"));
    CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["interrupted"] == true);
    CHECK(std::filesystem::exists(out / "checkpoint.npz"));
  }
  check_exit(endless(folder / "limit") + " --time-limit 0.000001", 124, {"stopped at iteration 1 of 1000000"});
  // A limit that is over when the last iteration is done has stopped nothing.
  check_exit(distil(1, folder / "done") + " --time-limit 0.000001", 0, {"test accuracy"});
  const Result help = tool("--help");
  for (const char* code : {"124", "130", "143", "129", "141"}) CHECK(help.says(code));
}

TEST_CASE("tool: every command keeps what it has and says that it was stopped") {
  const TemporaryFolder folder;
  const auto set = folder / "set", out = folder / "out";
  REQUIRE(tool(quick(set) + " --net linear").exit_code == 0);
  const std::string common = " --dataset mnist --net linear --out " + out.string();
  const auto stop = [&](const std::string& arguments, const char* file) {
    std::filesystem::remove_all(out);
    const Result result = tool_with_signal(arguments + common, out / file, "TERM");
    CAPTURE(arguments);
    CAPTURE(result.output);
    CHECK(result.exit_code == 143);
    CHECK(result.says("stopped"));
    CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["interrupted"] == true);
    for (const auto& entry : std::filesystem::directory_iterator(out)) CHECK(entry.path().extension() != ".tmp");
  };
  stop("evaluate --init random --test-networks 1000000 --distilled " + (set / "distilled.npz").string(), "log.csv");
  stop("baseline --method random-real --init random --selection-images 100 --test-networks 1000000", "log.csv");
  stop("pretrain --epochs 1 --networks 1000000", "network-0000.npz");
}

TEST_CASE("tool: a run that nobody listens to any more stops cleanly; nohup keeps one alive") {
  const TemporaryFolder folder;
  const auto out = folder / "run";
  const Result result = shell("{ " + std::string(HYPERTAPE_TOOL) + " " + endless(out) + "; echo $? >" +
                              (folder / "code").string() + "; } | head -n 3");
  CAPTURE(result.output);
  CHECK(file_bytes(folder / "code") == "141\n");
  CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["interrupted"] == true);
  CHECK(std::filesystem::exists(out / "checkpoint.npz"));

  const auto deaf = folder / "deaf";
  const Result nohup = shell("nohup " + std::string(HYPERTAPE_TOOL) + " " + distil(300, deaf) + " & pid=$!; " +
                             "for i in $(seq 1200); do [ -s " + (deaf / "log.csv").string() +
                             " ] && break; sleep 0.05; done; kill -HUP $pid; wait $pid");
  CAPTURE(nohup.output);
  CHECK(nohup.exit_code == 0);
  CHECK(nohup.says("test accuracy"));
}

}  // namespace
}  // namespace hypertape::testing
