#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "hypertape/io/npz.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

/// A baseline that takes moments.
std::string quick_baseline(const std::filesystem::path& out) {
  return "baseline --dataset mnist --steps 2 --selection-images 200 --learning-rates 0.01,0.1 --epochs-grid 1,3 "
         "--out " +
         out.string();
}

TEST_CASE("tool: baseline chooses learning rates on training images, and evaluate reaches the same accuracy") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  const Result result = tool(quick_baseline(out) + " --method average-real --seed 5");
  CAPTURE(result.output);
  REQUIRE(result.exit_code == 0);
  for (const char* name : {"config.json", "log.csv", "grid.csv", "distilled.npz", "distilled.png"}) {
    CHECK(std::filesystem::file_size(out / name) > 0);
  }
  const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  for (const char* key : {"dataset",
                          "network",
                          "init",
                          "objective",
                          "steps",
                          "epochs",
                          "images_per_class",
                          "iterations",
                          "seed",
                          "threads",
                          "networks_tested",
                          "test_accuracy",
                          "test_accuracy_std",
                          "initial_accuracy",
                          "wall_seconds",
                          "train_seconds",
                          "peak_rss_mb",
                          "method",
                          "classifier",
                          "learning_rate",
                          "selection_accuracy",
                          "sets"}) {
    CHECK(summary.contains(key));
  }
  // The best cell of the grid is the chosen one.
  std::ifstream grid(out / "grid.csv");
  std::string line;
  std::getline(grid, line);
  double best = -1, rate = 0;
  int epochs = 0, cells = 0;
  for (; std::getline(grid, line); ++cells) {
    double one_rate = 0, accuracy = 0;
    int one_epochs = 0;
    REQUIRE(std::sscanf(line.c_str(), "%lf,%d,%lf", &one_rate, &one_epochs, &accuracy) == 3);
    if (accuracy > best) best = accuracy, rate = one_rate, epochs = one_epochs;
  }
  CHECK(cells == 4);
  CHECK(summary["learning_rate"] == rate);
  CHECK(summary["epochs"] == epochs);
  CHECK(io::read_npz(out / "distilled.npz").at("learning_rates").shape == std::vector<Index>{epochs, 2});

  const auto again = folder.path() / "evaluated";
  REQUIRE(tool("evaluate --dataset mnist --distilled " + (out / "distilled.npz").string() + " --out " + again.string())
              .exit_code == 0);
  CHECK(nlohmann::json::parse(file_bytes(again / "summary.json"))["test_accuracy"] == summary["test_accuracy"]);
}

TEST_CASE("tool: baseline gives the same on one thread and on two") {
  const TemporaryFolder folder;
  const auto one = folder.path() / "one", two = folder.path() / "two";
  const std::string options =
      " --method optimized-real --candidates 10 --init random --test-networks 3 --net mlp --hidden 20";
  REQUIRE(tool(quick_baseline(one) + options + " --threads 1").exit_code == 0);
  REQUIRE(tool(quick_baseline(two) + options + " --threads 2").exit_code == 0);
  CHECK(file_bytes(one / "log.csv").size() > 60);
  for (const char* name : {"log.csv", "grid.csv", "distilled.npz"})
    CHECK(file_bytes(one / name) == file_bytes(two / name));
}

TEST_CASE("tool: baseline classifies by nearest neighbors, of its own images and of distilled ones") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", again = folder.path() / "again";
  const std::string common = "baseline --dataset mnist --selection-images 200 --classifier k-nn --out ";
  const Result result = tool(common + out.string() + " --method k-means --steps 3 --sets 2 --kmeans-iterations 5");
  CAPTURE(result.output);
  REQUIRE(result.exit_code == 0);
  const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  REQUIRE(summary["neighbors"].size() == 4);
  CHECK(summary["sets"] == 2);
  double best = -1, of_best = 0;
  for (const auto& one : summary["neighbors"]) {
    if (one["selection_accuracy"] > best) best = one["selection_accuracy"], of_best = one["test_accuracy"];
  }
  CHECK(summary["test_accuracy"] == of_best);
  CHECK(of_best > 50);

  const Result distilled = tool(common + again.string() + " --distilled " + (out / "distilled.npz").string());
  CAPTURE(distilled.output);
  REQUIRE(distilled.exit_code == 0);
  const auto second = nlohmann::json::parse(file_bytes(again / "summary.json"));
  CHECK(second["method"] == "distilled");
  CHECK(second["sets"] == 1);
  CHECK(std::abs(second["test_accuracy"].get<double>() - of_best) < 10);

  const Result own = tool(common + out.string() + " --distilled " + (out / "distilled.npz").string());
  CAPTURE(own.output);
  CHECK(own.exit_code == 0);  // read before the folder's earlier results are removed
  CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["test_accuracy"] == second["test_accuracy"]);
}

TEST_CASE("tool: baseline refuses options that it would ignore") {
  const TemporaryFolder folder;
  const std::string out = " --out " + (folder.path() / "x").string();
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    check_exit("baseline --dataset mnist" + out + " " + arguments, 2, {words});
  };
  refused("", "--method is required");
  refused("--method best-real", "best-real");
  refused("--method random-real --classifier k-nn --learning-rates 0.1", "--learning-rates goes with");
  refused("--method random-real --classifier k-nn --init random", "--init goes with --classifier network");
  refused("--distilled a.npz", "--distilled goes with --classifier k-nn");
  refused("--distilled a.npz --classifier k-nn --steps 2", "--steps goes with --method");
  refused("--distilled a.npz --classifier k-nn --method k-means", "excludes");
  refused("--method random-real --candidates 5", "--candidates goes with --method optimized-real");
  refused("--method random-real --kmeans-iterations 5", "--kmeans-iterations goes with --method k-means");
  refused("--method average-real --sets 5", "--sets goes with");
  refused("--method random-real --learning-rates 0.1,nan", "nan");
  refused("--method random-real --learning-rates 0.1 0.2", "0.2");
  refused("--method random-real --epochs-grid 0", "--epochs-grid");
  refused("--method random-real --selection-images 200 --epochs-grid 1000000", "100000 inner steps");
  refused("--method average-real --selection-images 200 --images-per-class 100000",
          "more than the 2000 training images");
  refused("--method random-real --selection-images 200 --steps 5000", "more than the 2000 training images");
  refused("--method random-real --selection-images 200 --steps 200",
          "class 0 has 174 training images besides those held out, 200 are needed");
  refused("--method random-real --selection-images 12000", "--selection-images 12000: of 2000 training images");
  refused("--method random-real --selection-images 200 --test-networks 3", "--test-networks");
  refused("--method random-real --selection-networks 3", "--selection-networks goes with --init random");
  CHECK(!std::filesystem::exists(folder.path() / "x"));
}

}  // namespace
}  // namespace hypertape::testing
