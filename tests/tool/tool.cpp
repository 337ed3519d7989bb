#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "hypertape/data/idx.hpp"
#include "hypertape/data/npz.hpp"
#include "support/temporary_folder.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

struct Result {
  int exit_code;
  std::string output;  ///< standard output and standard error together

  bool says(const std::string& words) const { return output.find(words) != std::string::npos; }
};

Result shell(const std::string& command) {
  FILE* pipe = popen(("{ " + command + " ; } 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Result result{};
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) result.output.append(buffer, got);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

Result tool(const std::string& arguments) { return shell(std::string(HYPERTAPE_TOOL) + " " + arguments); }

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// A run that takes moments.
std::string quick(const std::filesystem::path& out) {
  return "distill --dataset glyphs --iterations 4 --batch 32 --evaluate-every 2 --hold-out 64 --out " + out.string();
}

TEST_CASE("tool: distill writes every result, and evaluate reaches the same accuracy") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "a" / "run";
  const Result distilled = tool(quick(out) + " --steps 2 --epochs 2 --seed 5");
  CAPTURE(distilled.output);
  REQUIRE(distilled.exit_code == 0);
  CHECK(distilled.says("test accuracy"));
  for (const char* name : {"config.json", "summary.json", "log.csv", "distilled.npz", "distilled.png"}) {
    CHECK(std::filesystem::file_size(out / name) > 0);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 5);  // and nothing else
  const auto summary = nlohmann::json::parse(content(out / "summary.json"));
  for (const char* key : {"dataset", "network", "init", "objective", "steps", "epochs", "images_per_class",
                          "iterations", "seed", "threads", "networks_tested", "test_accuracy", "test_accuracy_std",
                          "initial_accuracy", "wall_seconds", "train_seconds", "peak_rss_mb"}) {
    CHECK(summary.contains(key));
  }
  CHECK(summary["iterations"] == 4);
  CHECK(nlohmann::json::parse(content(out / "config.json"))["seed"] == 5);
  CHECK(data::read_npz(out / "distilled.npz").at("images").shape == std::vector<Index>{2, 10, 1, 28, 28});

  const auto again = folder.path() / "evaluated";
  const Result evaluated =
      tool("evaluate --dataset glyphs --distilled " + (out / "distilled.npz").string() + " --out " + again.string());
  CAPTURE(evaluated.output);
  REQUIRE(evaluated.exit_code == 0);
  const auto evaluation = nlohmann::json::parse(content(again / "summary.json"));
  CHECK(evaluation["test_accuracy"] == summary["test_accuracy"]);
  CHECK(evaluation["initial_accuracy"] == summary["initial_accuracy"]);

  const Result random = tool("evaluate --dataset glyphs --init random --networks 3 --distilled " +
                             (out / "distilled.npz").string() + " --out " + again.string());
  REQUIRE(random.exit_code == 0);
  CHECK(nlohmann::json::parse(content(again / "summary.json"))["networks_tested"] == 3);
}

TEST_CASE("tool: the same seed gives the same bytes on one thread and on two") {
  const TemporaryFolder folder;
  REQUIRE(tool(quick(folder.path() / "one") + " --seed 7 --threads 1").exit_code == 0);
  REQUIRE(tool(quick(folder.path() / "two") + " --seed 7 --threads 2").exit_code == 0);
  const std::string one = content(folder.path() / "one" / "distilled.npz");
  CHECK(one.size() > 250000);  // theta_0 alone has 61,706 floats
  CHECK(one == content(folder.path() / "two" / "distilled.npz"));
}

TEST_CASE("tool: Ctrl-C stops cleanly and leaves a usable result") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  const Result result = shell(std::string(HYPERTAPE_TOOL) +
                              " distill --dataset glyphs --iterations 100000 --batch 32 --hold-out 64 "
                              "--evaluate-every 1 --out " +
                              out.string() + " & pid=$!; for i in $(seq 600); do [ -s " + (out / "log.csv").string() +
                              " ] && break; sleep 0.1; done; kill -INT $pid; wait $pid");
  CAPTURE(result.output);
  CHECK(result.exit_code == 0);
  CHECK(result.says("stopped at iteration"));
  const auto summary = nlohmann::json::parse(content(out / "summary.json"));
  CHECK(summary["interrupted"] == true);
  CHECK(summary["iterations"] < 100000);
  CHECK(tool("evaluate --dataset glyphs --distilled " + (out / "distilled.npz").string() + " --out " +
             (folder.path() / "evaluated").string())
            .exit_code == 0);
}

TEST_CASE("tool: a run that diverges fails, says where, and keeps the last good result") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  const Result result = tool(quick(out) + " --initial-learning-rate 1e9");
  CAPTURE(result.output);
  CHECK(result.exit_code == 1);
  CHECK(result.says("iteration 0"));
  CHECK(result.says("inner step 1"));
  CHECK(result.says("learning rates 1e+09"));
  CHECK(!std::filesystem::exists(out / "summary.json"));
}

TEST_CASE("tool: wrong usage exits with 2 and names the option") {
  const TemporaryFolder folder;
  const std::string out = " --out " + (folder.path() / "x").string();
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    const Result result = tool(arguments);
    CAPTURE(arguments);
    CAPTURE(result.output);
    CHECK(result.exit_code == 2);
    CHECK(result.says(words));
  };
  refused("", "A command is required");
  refused("dance", "dance");
  refused("distill --dataset glyphs", "--out is required");
  refused("distill --dataset glyphs --no-such-option 3" + out, "--no-such-option");
  refused("distill --dataset glyphs stray" + out, "stray");
  refused("distill --dataset glyphs --seed 1 --seed 2" + out, "--seed");
  refused("distill --dataset imagenet" + out, "imagenet");
  refused("distill --dataset glyphs --steps 0" + out, "--steps");
  refused("distill --dataset glyphs --steps two" + out, "two");
  refused("distill --dataset glyphs --batch -3" + out, "--batch");
  refused("distill --dataset glyphs --iterations 99999999999999999999" + out, "--iterations");
  refused("distill --dataset glyphs --seed -1" + out, "--seed");
  refused("distill --dataset glyphs --seed 99999999999999999999" + out, "--seed");
  refused("distill --dataset glyphs --learning-rate 0" + out, "--learning-rate");
  refused("distill --dataset glyphs --learning-rate nan" + out, "--learning-rate");
  refused("distill --dataset glyphs --initial-learning-rate inf" + out, "--initial-learning-rate");
  refused("distill --dataset glyphs --threads -1" + out, "--threads");
  refused("distill --dataset glyphs --init random" + out, "random");
  refused("evaluate --dataset glyphs" + out, "--distilled is required");
  refused("distill --dataset glyphs --hold-out 100000" + out, "hold-out of 100000");
  refused("distill --dataset glyphs --data ." + out, "glyphs");
  CHECK(!std::filesystem::exists(folder.path() / "x"));
  CHECK(tool("--help").exit_code == 0);
  CHECK(tool("distill --help").says("--learning-rate"));
  CHECK(tool("--version").exit_code == 0);
}

TEST_CASE("tool: files that cannot be used fail with 1, one clear line, and nothing half-written") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "out";
  const auto fails = [&](const std::string& arguments, std::initializer_list<const char*> words) {
    const Result result = tool(arguments);
    CAPTURE(arguments);
    CAPTURE(result.output);
    CHECK(result.exit_code == 1);
    for (const char* word : words) CHECK(result.says(word));
    CHECK(!std::filesystem::exists(out));
  };
  const std::string to_out = " --out " + out.string();
  const auto empty = folder.path() / "empty";
  std::filesystem::create_directory(empty);
  fails("distill --dataset mnist --data " + empty.string() + to_out, {"train-images-idx3-ubyte", "folder"});

  const auto broken = folder.path() / "broken.npz";
  std::ofstream(broken) << "not an archive";
  fails("evaluate --dataset glyphs --distilled " + broken.string() + to_out, {"broken.npz"});
  fails("evaluate --dataset glyphs --distilled " + (folder.path() / "absent.npz").string() + to_out, {"absent.npz"});

  data::Npz npz;
  npz["images"] = {{1, 2, 1, 4, 4}, std::vector<float>(32)};
  npz["labels"] = {{1, 2}, std::vector<std::int64_t>{0, 1}};
  npz["learning_rates"] = {{1, 1}, std::vector<float>{0.1f}};
  npz["mean"] = npz["std"] = {{1}, std::vector<float>{0.5f}};
  const auto small = folder.path() / "small.npz";
  data::write_npz(small, npz);
  fails("evaluate --dataset glyphs --distilled " + small.string() + to_out, {"small.npz", "(2, 1, 4, 4)", "28"});
  npz["images"] = {{1, 2, 1, 28, 28}, std::vector<float>(2 * 784)};
  data::write_npz(small, npz);
  fails("evaluate --dataset glyphs --distilled " + small.string() + to_out, {"theta0", "--init random"});
}

TEST_CASE("tool: a folder shows one run only") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  const std::string set = (folder.path() / "set.npz").string();
  REQUIRE(tool(quick(out)).exit_code == 0);
  std::filesystem::copy(out / "distilled.npz", set);

  const Result other = tool("evaluate --dataset glyphs --distilled " + set + " --out " + out.string());
  CHECK(other.exit_code == 1);
  CHECK(other.says("not of an earlier `evaluate`"));
  CHECK(std::filesystem::exists(out / "summary.json"));

  CHECK(tool(quick(out) + " --initial-learning-rate 1e9").exit_code == 1);
  CHECK(std::filesystem::exists(out / "config.json"));
  CHECK(!std::filesystem::exists(out / "summary.json"));  // the old outcome would belong to another configuration
}

TEST_CASE("tool: evaluate trains other networks than the one that the images were made for") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", again = folder.path() / "evaluated";
  REQUIRE(tool(quick(out) + " --seed 5").exit_code == 0);
  const std::string set = " --distilled " + (out / "distilled.npz").string() + " --out " + again.string();
  REQUIRE(tool("evaluate --dataset glyphs --init random --networks 4 --seed 5" + set).exit_code == 0);
  const double fixed = nlohmann::json::parse(content(out / "summary.json"))["initial_accuracy"];
  std::ifstream log(again / "log.csv");
  std::string line;
  std::getline(log, line);
  int networks = 0;
  for (; std::getline(log, line); ++networks) {
    CHECK(std::abs(std::stod(line.substr(line.find(',') + 1)) - fixed) > 1e-9);
  }
  CHECK(networks == 4);
  const Result ignored = tool("evaluate --dataset glyphs --init fixed --networks 4" + set);
  CHECK(ignored.exit_code == 2);
  CHECK(ignored.says("--networks goes with --init random"));
}

TEST_CASE("tool: evaluate does not score a network that diverged") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  REQUIRE(tool(quick(out)).exit_code == 0);
  data::Npz npz = data::read_npz(out / "distilled.npz");
  npz["learning_rates"] = {{1, 1}, std::vector<float>{1e38f}};
  data::write_npz(folder.path() / "set.npz", npz);
  const Result result = tool("evaluate --dataset glyphs --distilled " + (folder.path() / "set.npz").string() +
                             " --out " + (folder.path() / "evaluated").string());
  CAPTURE(result.output);
  CHECK(result.exit_code == 1);
  CHECK(result.says("network 0"));
  CHECK(result.says("not finite"));
  CHECK(!std::filesystem::exists(folder.path() / "evaluated" / "summary.json"));
}

TEST_CASE("tool: linear writes its table and chart, and learned points come near the bound") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "linear";
  const std::string small = "linear --dimension 3 --samples 5 --out " + out.string();
  const Result result = tool(small + " --iterations 300");
  CAPTURE(result.output);
  REQUIRE(result.exit_code == 0);
  CHECK(result.says("points        bound"));
  for (const char* name : {"config.json", "summary.json", "linear.csv", "linear.svg"}) {
    CHECK(std::filesystem::file_size(out / name) > 0);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 4);  // and nothing else
  const auto summary = nlohmann::json::parse(content(out / "summary.json"));
  CHECK(summary["bound"] == std::vector<int>{2, 1, 0});
  CHECK(summary["largest_error"] <= 1e-10);
  CHECK(summary["interrupted"] == false);
  for (std::size_t i = 0; i < 3; ++i) {
    const double bound = summary["bound"][i], learned = summary["learned"][i];
    CHECK(learned >= bound * (1 - 1e-13));
    CHECK(learned <= bound + 0.1);
    CHECK(summary["random"][i] > learned);
  }

  const Result stopped = shell(std::string(HYPERTAPE_TOOL) + " " + small +
                               " --iterations 1000000000 & pid=$!; for i in $(seq 600); do [ ! -e " +
                               (out / "linear.csv").string() + " ] && [ -e " + (out / "config.json").string() +
                               " ] && break; sleep 0.1; done; sleep 0.5; kill -INT $pid; wait $pid");
  CAPTURE(stopped.output);
  CHECK(stopped.exit_code == 0);
  CHECK(stopped.says("stopped"));
  CHECK(nlohmann::json::parse(content(out / "summary.json"))["interrupted"] == true);

  const Result few = tool("linear --dimension 8 --samples 7 --out " + (folder.path() / "few").string());
  CHECK(few.exit_code == 2);
  CHECK(few.says("7 samples"));
  CHECK(!std::filesystem::exists(folder.path() / "few"));
  CHECK(tool("linear --step-size 0 --out " + out.string()).exit_code == 2);
}

TEST_CASE("tool: an output folder that cannot be written is refused before any work") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "in the way";
  const Result result = tool(quick(folder.path() / "file" / "out"));
  CAPTURE(result.output);
  CHECK(result.exit_code == 1);
  CHECK(result.says("--out"));
  CHECK(!result.says("iteration"));
  CHECK(content(folder.path() / "file") == "in the way");
}

}  // namespace
}  // namespace hypertape::testing
