#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "hypertape/core/error.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

using hypertape::detail::concat;

TEST_CASE("tool: linear writes its table and chart, and learned points come near the bound") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "linear";
  const std::string small = concat("linear --dimension 3 --samples 5 --out ", out.string());
  const Result result = tool(concat(small, " --iterations 300"));
  CAPTURE(result.output);
  REQUIRE(result.exit_code == 0);
  CHECK(result.says("points        bound"));
  for (const char* name : {"config.json", "summary.json", "linear.csv", "linear.svg", "report.html"}) {
    CHECK(std::filesystem::file_size(out / name) > 0);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 5);  // and nothing else
  const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  CHECK(summary["bound"] == std::vector<int>{2, 1, 0});
  CHECK(summary["largest_error"] <= 1e-10);
  CHECK(summary["interrupted"] == false);
  for (std::size_t i = 0; i < 3; ++i) {
    const double bound = summary["bound"][i], learned = summary["learned"][i];
    CHECK(learned >= bound * (1 - 1e-13));
    CHECK(learned <= bound + 0.1);
    CHECK(summary["random"][i] > learned);
  }

  const Result stopped =
      shell(concat(HYPERTAPE_TOOL, " ", small, " --iterations 1000000000 & pid=$!; for i in $(seq 600); ", "do [ ! -e ",
                   (out / "linear.csv").string(), " ] && [ -e ", (out / "config.json").string(),
                   " ] && break; sleep 0.1; done; sleep 0.5; kill -INT $pid; wait $pid"));
  CAPTURE(stopped.output);
  CHECK(stopped.exit_code == 130);
  CHECK(stopped.says("stopped"));
  CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["interrupted"] == true);

  const Result few = tool("linear --dimension 8 --samples 7 --out " + (folder.path() / "few").string());
  CHECK(few.exit_code == 2);
  CHECK(few.says("7 samples"));
  CHECK(!std::filesystem::exists(folder.path() / "few"));
  CHECK(tool("linear --step-size 0 --out " + out.string()).exit_code == 2);
}

}  // namespace
}  // namespace hypertape::testing
