#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "hypertape/core/error.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// What the tool meets outside: full disks, closed streams, odd names of folders, impatient users.

namespace hypertape::testing {
namespace {

const std::string program = HYPERTAPE_TOOL;

void check_nothing_half_written(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) CHECK(entry.path().extension() != ".tmp");
}

TEST_CASE("tool: files that cannot grow fail a run with one line, and nothing half-written") {
  const TemporaryFolder folder;
  const auto out = folder / "run", whole = folder / "whole";
  REQUIRE(tool(quick(whole)).exit_code == 0);
  const Result full = shell("ulimit -f 20; " + program + ' ' + quick(out) + " >/dev/null");  // blocks of 512 bytes
  CAPTURE(full.output);
  CHECK(full.exit_code == 1);
  CHECK(full.output == "hypertape: " + (out / "report.html").string() + ": cannot write: File too large\n");
  check_nothing_half_written(out);
  REQUIRE(tool("distill --resume " + out.string()).exit_code == 0);
  CHECK(file_bytes(out / "distilled.npz") == file_bytes(whole / "distilled.npz"));
}

TEST_CASE("tool: a standard output that takes nothing is a failure, one that is closed was not wanted") {
  const TemporaryFolder folder;
  const auto open = folder / "open", closed = folder / "closed";
  for (const std::string& arguments : {std::string("--help"), "linear --iterations 1 --out " + open.string()}) {
    const Result full = shell(program + ' ' + arguments + " >/dev/full");
    CHECK(full.exit_code == 1);
    CHECK(full.output == "hypertape: cannot write to standard output\n");
  }
  std::filesystem::remove_all(open);
  REQUIRE(tool(quick(open)).exit_code == 0);
  REQUIRE(shell(program + ' ' + quick(closed) + " <&- >&- 2>&-").exit_code == 0);
  for (const char* name : {"distilled.npz", "last.npz", "networks.csv", "distilled.png"}) {
    CHECK(file_bytes(open / name) == file_bytes(closed / name));
  }
}

TEST_CASE("tool: spaces, quotes, letters of all alphabets and links in paths") {
  const TemporaryFolder folder;
  const auto real = folder / "the r\u00e9sults", link = folder / "link";
  std::filesystem::create_directory(real);
  std::filesystem::create_symlink("the r\u00e9sults", link);
  const auto in = [&](const std::string& arguments) {
    return shell("cd '" + folder.path().string() + "' && " + program + ' ' + arguments);
  };
  const std::string options =
      "distill --dataset mnist --net linear --iterations 4 --batch 32 --hold-out 64 --evaluate-every 2 --out ";
  const Result stopped = in(options + "\"link/it's \u5b57\" --time-limit 0.000001");
  CAPTURE(stopped.output);
  CHECK(stopped.exit_code == 124);
  const std::string resume = "--resume 'link/it'\\''s \u5b57'";
  CHECK(stopped.says("continue with " + resume + "\n"));
  CHECK(in(options + "\"link/it's \u5b57\"").says("continue it with " + resume + ", or remove the folder\n"));
  REQUIRE(in("distill " + resume).exit_code == 0);  // what it says can be pasted
  CHECK(std::filesystem::exists(real / "it's \u5b57" / "summary.json"));
  REQUIRE(in("chart \"link/it's \u5b57/log.csv\" --y hold_out_score --out 'link/\u5b57 .svg'").exit_code == 0);
  REQUIRE(in("evaluate --dataset mnist --net linear --distilled \"link/it's \u5b57/distilled.npz\" --out link/again")
              .exit_code == 0);
  CHECK(std::filesystem::exists(real / "again" / "summary.json"));
}

TEST_CASE("tool: Ctrl-C twice") {
  const TemporaryFolder folder;
  const auto out = folder / "run";
  const Result result = shell(hypertape::detail::concat(
      program, " distill --dataset mnist --net linear --iterations 1000000 --batch 32 --hold-out 64 ",
      "--evaluate-every 1 --out ", out.string(), " & pid=$!; for i in $(seq 1200); do [ -s ",
      (out / "log.csv").string(), " ] && break; sleep 0.05; done; kill -INT $pid; kill -INT $pid; wait $pid"));
  CAPTURE(result.output);
  CHECK(result.exit_code == 130);  // stopped, or killed before it could
  const Result resumed = tool("distill --time-limit 0.000001 --resume " + out.string());
  CAPTURE(resumed.output);
  CHECK(resumed.exit_code == 124);
  check_nothing_half_written(out);
}

}  // namespace
}  // namespace hypertape::testing
