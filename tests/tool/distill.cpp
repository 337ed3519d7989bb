#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/io/npz.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

TEST_CASE("tool: distill writes every result, and evaluate reaches the same accuracy") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "a" / "run";
  const Result distilled = tool(quick(out) + " --steps 2 --epochs 2 --seed 5");
  CAPTURE(distilled.output);
  REQUIRE(distilled.exit_code == 0);
  CHECK(distilled.says("test accuracy"));
  for (const char* name :
       {"config.json", "summary.json", "log.csv", "networks.csv", "distilled.npz", "last.npz", "distilled.png",
        "strip.png", "accuracy.svg", "learning-rates.svg", "confusion.csv", "report.html"}) {
    CHECK(std::filesystem::file_size(out / name) > 0);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 12);  // and nothing else
  const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  for (const char* key : {"dataset", "network", "init", "objective", "steps", "epochs", "images_per_class",
                          "iterations", "seed", "threads", "networks_tested", "test_accuracy", "test_accuracy_std",
                          "initial_accuracy", "wall_seconds", "train_seconds", "peak_rss_mb"}) {
    CHECK(summary.contains(key));
  }
  CHECK(summary["iterations"] == 4);
  // Each class has as many test images, so that the mean of their accuracies is that of all images.
  using Names = std::pair<const char*, const char*>;
  for (const auto& [all, classes] :
       {Names("test_accuracy", "class_accuracies"), Names("initial_accuracy", "initial_class_accuracies")}) {
    const nlohmann::json& rates = summary[classes];
    REQUIRE(rates.size() == 10);
    double mean = 0;
    for (int k = 0; k < 10; ++k) mean += rates[std::to_string(k)].get<double>() / 10;
    CHECK(std::abs(mean - summary[all].get<double>()) <= 1e-4);  // four decimals are written
  }
  CHECK(nlohmann::json::parse(file_bytes(out / "config.json"))["seed"] == 5);
  CHECK(io::read_npz(out / "distilled.npz").at("images").shape == std::vector<Index>{2, 10, 1, 28, 28});

  const auto again = folder.path() / "evaluated";
  const Result evaluated =
      tool("evaluate --dataset mnist --distilled " + (out / "distilled.npz").string() + " --out " + again.string());
  CAPTURE(evaluated.output);
  REQUIRE(evaluated.exit_code == 0);
  const auto evaluation = nlohmann::json::parse(file_bytes(again / "summary.json"));
  CHECK(evaluation["test_accuracy"] == summary["test_accuracy"]);
  CHECK(evaluation["initial_accuracy"] == summary["initial_accuracy"]);

  const Result random = tool("evaluate --dataset mnist --init random --test-networks 3 --distilled " +
                             (out / "distilled.npz").string() + " --out " + again.string());
  REQUIRE(random.exit_code == 0);
  CHECK(nlohmann::json::parse(file_bytes(again / "summary.json"))["networks_tested"] == 3);
}

TEST_CASE("tool: a learning rate has one name, in the log and in the chart") {
  const TemporaryFolder folder;
  const auto out = folder / "run", chart = folder / "chart.svg";
  REQUIRE(tool(quick(out) + " --net linear --steps 2 --epochs 2").exit_code == 0);
  const std::string log = file_bytes(out / "log.csv");
  CHECK(
      log.starts_with("iteration,loss,hold_out_score,seconds,eta_step1_epoch1,eta_step2_epoch1,eta_step1_epoch2,"
                      "eta_step2_epoch2\n"));
  const std::string picture = file_bytes(out / "learning-rates.svg");
  for (const char* name : {"eta_step1_epoch1", "eta_step2_epoch1", "eta_step1_epoch2", "eta_step2_epoch2"}) {
    CHECK(picture.find("; " + std::string(name) + ": (0, ") != std::string::npos);
  }
  check_exit("chart " + (out / "log.csv").string() + " --y eta_step2_epoch1 --out " + chart.string(), 0, {"chart: "});
}

TEST_CASE("tool: the same seed gives the same bytes on one thread and on two") {
  const TemporaryFolder folder;
  REQUIRE(tool(quick(folder.path() / "one") + " --seed 7 --threads 1").exit_code == 0);
  REQUIRE(tool(quick(folder.path() / "two") + " --seed 7 --threads 2").exit_code == 0);
  const std::string one = file_bytes(folder.path() / "one" / "distilled.npz");
  CHECK(one.size() > 250000);  // theta_0 alone has 61,706 floats
  CHECK(one == file_bytes(folder.path() / "two" / "distilled.npz"));
}

TEST_CASE("tool: Ctrl-C stops cleanly and leaves a usable result") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  const Result result = tool_with_signal(
      "distill --dataset mnist --iterations 100000 --batch 32 --hold-out 64 --evaluate-every 1 --out " + out.string(),
      out / "log.csv", "INT");
  CAPTURE(result.output);
  CHECK(result.exit_code == 130);
  CHECK(result.says("stopped at iteration"));
  const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  CHECK(summary["interrupted"] == true);
  CHECK(summary["iterations"] < 100000);
  CHECK(summary.contains("hold_out_score"));
  CHECK(!summary.contains("test_accuracy"));  // the test images are for the end alone
  CHECK(!std::filesystem::exists(out / "networks.csv"));
  const auto log = file_bytes(out / "log.csv");
  check_exit(quick(out), 2, {"--out", "--resume"});  // which would have removed the checkpoint
  CHECK(file_bytes(out / "log.csv") == log);
  CHECK(tool("evaluate --dataset mnist --distilled " + (out / "distilled.npz").string() + " --out " +
             (folder.path() / "evaluated").string())
            .exit_code == 0);
}

TEST_CASE("tool: hypergradients are certified every so many iterations, and a window cannot be") {
  const TemporaryFolder folder;
  const std::filesystem::path out = folder.path() / "run";
  REQUIRE(tool(quick(out) + " --net mlp --hidden 20 --certify 1").exit_code == 0);
  std::ifstream log(out / "log.csv");
  std::string line;
  std::getline(log, line);
  CHECK(line.ends_with(",certificate"));
  std::getline(log, line);
  CHECK(line.ends_with(","));  // before the first iteration
  std::size_t certified = 0;
  while (std::getline(log, line)) {
    const double difference = std::stod(line.substr(line.rfind(',') + 1));
    CHECK(difference >= 0);
    CHECK(difference <= 1e-3);  // float, through a training run
    ++certified;
  }
  CHECK(certified > 0);
  check_exit(quick(folder.path() / "window") + " --certify 1 --window 1", 2, {"certify", "window"});
}

TEST_CASE("tool: memory that does not do is refused before anything is written") {
  const TemporaryFolder folder;
  const std::filesystem::path out = folder.path() / "run";
  check_exit(quick(out) + " --net mlp --hidden 20 --memory 3kB", 2, {"do not fit into 3000 bytes", "the least is"});
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("tool: images kept in the range of pixels, real ones varied, a clip that follows the norm, and less memory") {
  const TemporaryFolder folder;
  const auto run = [&](const char* name, const std::string& options) {
    REQUIRE(tool(quick(folder.path() / name) + " --net mlp --hidden 20 --start real --learning-rate 0.5 " + options)
                .exit_code == 0);
    const io::Npz npz = io::read_npz(folder.path() / name / "last.npz");
    return std::get<std::vector<float>>(npz.at("images").values);
  };
  const std::vector<float> plain = run("plain", "");
  for (const char* policy : {"recompute", "checkpoints", "checkpoints:2", "binomial:2", "50MB"}) {
    CHECK(run(policy, std::string("--memory ") + policy) == plain);
  }
  for (const char* other : {"--augment flip", "--augment crop=2,cutout=0.5", "--clip-average 0.5"})
    CHECK(run("other", other) != plain);
  const auto outside = [](const std::vector<float>& images) {
    return std::ranges::count_if(images, [](float x) { return x < -0.4243F || x > 2.8216F; });
  };
  CHECK(outside(plain) > 0);
  CHECK(outside(run("clamped", "--clamp-images")) == 0);  // (0 - 0.1307) / 0.3081 to (1 - 0.1307) / 0.3081
}

TEST_CASE("tool: outer steps by ridge regression on whitened images make a set that evaluate trains networks on") {
  const TemporaryFolder folder;
  const std::filesystem::path out = folder.path() / "run";
  const std::string network = " --net mlp --hidden 20 --image-size 8", ridge = " --outer-step ridge --unordered";
  const std::string random = " --init random --validation-networks 1 --test-networks 2";
  const Result made =
      tool(quick(out) + network + ridge + random + " --zca 0.1 --pool-networks 2 --pool-steps 3" + " --augment crop=1");
  CAPTURE(made.output);
  REQUIRE(made.exit_code == 0);
  const io::Npz npz = io::read_npz(out / "distilled.npz");
  CHECK(npz.at("whitening").shape == std::vector<Index>{64, 64});
  CHECK(npz.contains("augmentation"));
  CHECK(nlohmann::json::parse(file_bytes(out / "config.json")).at("outer_step") == "ridge");
  const Result tested = tool("evaluate --dataset mnist --protocol free --epochs 2 --init random --test-networks 2" +
                             network + " --augment none --distilled " + (out / "distilled.npz").string() + " --out " +
                             (folder.path() / "test").string());
  CAPTURE(tested.output);
  REQUIRE(tested.exit_code == 0);
  const auto protocol = nlohmann::json::parse(file_bytes(folder.path() / "test" / "summary.json")).at("protocol");
  CHECK(protocol.at("augment") == "none");
  CHECK(protocol.at("whitened") == true);
  const auto refused = [&](const std::string& options, const char* words) {
    check_exit(quick(folder.path() / "x") + network + options, 2, {words});
  };
  refused(ridge, "--outer-step goes with --init random");
  refused(random + " --outer-step ridge", "outer_step ridge goes with unordered");
  refused(random + ridge + " --networks 2", "--networks goes with --outer-step unroll");
  refused(random + " --pool-steps 3", "--pool-steps goes with --outer-step ridge");
  refused(" --zca 0.1 --clamp-images", "no range of pixels");
  refused(" --zca 1e-9", "--zca");
}

TEST_CASE("tool: a run that diverges fails, and says where") {
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

TEST_CASE("tool: a run that diverges later keeps the best result so far") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", again = folder.path() / "again";
  // The outer steps drive the images out of all bounds.
  const Result result = tool(quick(out) + " --learning-rate 1e9 --clip 0");
  CAPTURE(result.output);
  CHECK(result.exit_code == 1);
  CHECK(!result.says("iteration 0:"));
  CHECK(!std::filesystem::exists(out / "summary.json"));
  check_exit("evaluate --dataset mnist --distilled " + (out / "distilled.npz").string() + " --out " + again.string(), 0,
             {"after training on the distilled images"});
}

TEST_CASE("tool: a folder shows one run only") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  const std::string set = (folder.path() / "set.npz").string();
  REQUIRE(tool(quick(out)).exit_code == 0);
  std::filesystem::copy(out / "distilled.npz", set);

  const Result other = tool("evaluate --dataset mnist --distilled " + set + " --out " + out.string());
  CHECK(other.exit_code == 1);
  CHECK(other.says("config.json: command: expected \"evaluate\", found \"distill\""));
  CHECK(std::filesystem::exists(out / "summary.json"));

  CHECK(tool(quick(out) + " --initial-learning-rate 1e9").exit_code == 1);
  CHECK(std::filesystem::exists(out / "config.json"));
  CHECK(!std::filesystem::exists(out / "summary.json"));  // the old outcome would belong to another configuration
}

TEST_CASE("tool: files that are no run's are not overwritten") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "distilled.npz") << "mine";
  check_exit(quick(folder.path()), 1, {"--out", "distilled.npz", "would be overwritten"});
  CHECK(file_bytes(folder.path() / "distilled.npz") == "mine");
}

TEST_CASE("tool: an output folder that cannot be written is refused before any work") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "in the way";
  const Result result = tool(quick(folder.path() / "file" / "out"));
  CAPTURE(result.output);
  CHECK(result.exit_code == 1);
  CHECK(result.says("--out"));
  CHECK(!result.says("iteration"));
  CHECK(file_bytes(folder.path() / "file") == "in the way");
}

}  // namespace
}  // namespace hypertape::testing
