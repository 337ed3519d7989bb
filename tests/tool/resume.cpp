#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "hypertape/io/npz.hpp"
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
      "--steps 2 --soft-labels --inner-optimizer sgd:momentum=0.5 --init random --networks 2 --validation-networks 2 "
      "--test-networks 2 "
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
  CHECK(again.says("this run is complete"));
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
  REQUIRE(stopped.exit_code == 124);
  CHECK(stopped.says("stopped at iteration 1 of 40, not tested; continue with --resume"));
  CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["interrupted"] == true);

  const std::string resume = "distill --resume " + out.string();
  check_exit(resume + " --seed 6 --iterations 50", 2, {"--seed is 6, was 5", "--iterations is 50, was 40"});
  check_exit(resume + " --out " + whole.string(), 2, {"--out", "own folder"});
  check_exit("distill --resume " + folder.path().string(), 1, {"no config.json of an earlier `distill`"});

  CHECK(tool(resume + " --time-limit 0.000001").says("stopped at iteration 2 of 40"));
  std::ofstream(out / "checkpoint.npz") << "half a file";
  const Result resumed = tool(resume);
  CAPTURE(resumed.output);
  REQUIRE(resumed.exit_code == 0);
  CHECK(resumed.says("checkpoint.npz"));
  CHECK(resumed.says("resumed at iteration 1"));
  CHECK(file_bytes(out / "last.npz") == file_bytes(whole / "last.npz"));
  CHECK(file_bytes(out / "distilled.npz") == file_bytes(whole / "distilled.npz"));
  std::filesystem::remove(out / "summary.json");
  check_exit(resume, 1, {"has results, but no checkpoint"});
}

TEST_CASE("tool: a run is resumed with what it began with, from any folder") {
  const TemporaryFolder folder;
  const auto pool = folder.path() / "pool", out = folder.path() / "run", sub = folder.path() / "sub";
  const auto in = [&](const std::filesystem::path& where, const std::string& arguments) {
    return shell("cd " + where.string() + " && " + HYPERTAPE_TOOL + " " + arguments);
  };
  std::filesystem::create_directory(sub);
  const std::string pretrain = "pretrain --dataset mnist --net linear --epochs 1 --out pool --networks ";
  REQUIRE(in(folder.path(), pretrain + "5").exit_code == 0);
  const std::string options =
      "distill --dataset mnist --net linear --iterations 4 --batch 32 --hold-out 64 --init random-pretrained "
      "--test-networks 1 --validation-networks 1 --pool pool --time-limit 0.000001 --out run";
  REQUIRE(in(folder.path(), options).exit_code == 124);
  const Result later = in(sub, "distill --time-limit 0.000001 --pool ../pool --resume ../run --out ../sub/../run");
  CAPTURE(later.output);
  CHECK(later.exit_code == 124);
  CHECK(later.says("stopped at iteration 2 of 4"));

  REQUIRE(in(folder.path(), pretrain + "6").exit_code == 0);  // which shifts the ones to distil for
  const Result longer_pool = in(folder.path(), "distill --resume run");
  CHECK(longer_pool.exit_code == 1);
  CHECK(longer_pool.says("the initial weights have changed"));
  std::filesystem::remove(pool / "network-0005.npz");
  REQUIRE(shell("cd " + folder.path().string() + " && cp -r $HYPERTAPE_DATA/mnist other && printf '\\011\\010' | " +
                "dd of=other/train-labels-idx1-ubyte bs=1 seek=8 conv=notrunc")
              .exit_code == 0);  // two other labels
  const Result other_data = in(folder.path(), "distill --resume run --data other");
  CHECK(other_data.exit_code == 1);
  CHECK(other_data.says("images, labels or class names have changed"));
  CHECK(nlohmann::json::parse(file_bytes(out / "summary.json"))["interrupted"] == true);
  CHECK(in(folder.path(), "distill --resume run").exit_code == 0);
}

TEST_CASE("tool: a run that was killed before its first checkpoint is resumed, with the data that it began with") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", whole = folder.path() / "whole", config = out / "config.json";
  REQUIRE(tool(quick(whole)).exit_code == 0);
  REQUIRE(tool(quick(out) + " --time-limit 0.000001").exit_code == 124);
  for (const char* name : {"checkpoint.npz", "distilled.npz", "last.npz", "log.csv", "summary.json"}) {
    std::filesystem::remove(out / name);  // what a run leaves that is killed at once is config.json
  }
  const std::string right = file_bytes(config), resume = "distill --resume " + out.string();
  const auto with = [&](const char* name, const nlohmann::json& value) {
    nlohmann::json edited = nlohmann::json::parse(right);
    edited[name] = value;
    return edited.dump();
  };
  put_file(config, with("data_checksum", 1));
  check_exit(resume, 1, {config.string(), "images, labels or class names have changed"});
  put_file(config, with("weights_checksum", 1));
  check_exit(resume, 1, {config.string(), "initial weights have changed"});
  put_file(config, with("version", "0.0.9"));
  const Result resumed = tool(resume);
  CAPTURE(resumed.output);
  CHECK(resumed.exit_code == 0);
  CHECK(resumed.says("the run began with version \"0.0.9\""));
  CHECK(file_bytes(out / "distilled.npz") == file_bytes(whole / "distilled.npz"));
}

TEST_CASE("tool: an edited config.json is checked as the command line is") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", config = out / "config.json";
  REQUIRE(tool(quick(out) + " --time-limit 0.000001").exit_code == 124);
  const nlohmann::json right = nlohmann::json::parse(file_bytes(config));
  const auto check = [&](const char* name, const nlohmann::json& value, const std::string& complaint) {
    nlohmann::json edited = right;
    edited[name] = value;
    put_file(config, edited.dump());
    check_exit("distill --resume " + out.string(), 1, {config.string() + ": " + name + ": ", complaint});
  };
  check("evaluate_every", 0, "needs a number above zero");
  check("hold_out", -5, "needs a number above zero");
  check("net", "squid", "squid not in");
  check("hidden", {20, 0}, "0 not in range");
  check("seed", "seven", "seven");
  check("steps", 1.5, "steps: expected a whole number of 64 bits, found 1.5");
  check("soft_labels", 2, "expected true or false, found 2");
  check("batch", "many", "expected a whole number of 64 bits or null, found \"many\"");
  check("clip_memory", nullptr, "expected a finite number, found null");
  check("clip_memory", 1e300, "needs a number in [0 - 0.999999], got 1e+300");
  check("inner_optimizer", "sgd:momentum=2", "heavy ball needs momentum in [0, 1), got 2");
  check("hidden", {20, "x"}, "expected a list, each element a whole number of");
  check("dataset", 3, "expected a string, found 3");
  check("command", 1, "expected a string, found 1");
  check("command", "pretrain", "expected \"distill\", found \"pretrain\"");
  const auto check_file = [&](const std::string& content, const std::string& complaint) {
    put_file(config, content);
    check_exit("distill --resume " + out.string(), 1, {config.string() + ": ", complaint});
  };
  check_file("{}", "command: expected a string, found no such key");
  check_file("[1]", "byte 0: expected an object, found [1]");
  check_file("", "byte 0: expected valid JSON, found the end of the file");
  check_file("{\"command\": \"distill\" oops", "byte 22: expected valid JSON, found oops");
  check_file("{\"clip_memory\": 1e999}", "its numbers: expected numbers that fit in 64 bits, found a larger one");
  check_file("{\"seed\": " + std::string(100'000, '['), "expected at most 32 levels, found more");
  nlohmann::json of_other_version = right;
  of_other_version["version"] = 7;
  put_file(config, of_other_version.dump());
  CHECK(tool("distill --resume " + out.string() + " --time-limit 0.000001").says("began with version 7, this is"));
  put_file(config, right.dump());
  CHECK(tool("distill --resume " + out.string()).exit_code == 0);
}

TEST_CASE("tool: a checkpoint that is sound, but holds what no run leaves, is refused") {
  using Integers = std::vector<std::int64_t>;
  using Doubles = std::vector<double>;
  using Floats = std::vector<float>;
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", whole = folder.path() / "whole", path = out / "checkpoint.npz";
  const std::string options =
      "distill --dataset mnist --net linear --iterations 4 --batch 32 --evaluate-every 1 --hold-out 64 --out ";
  REQUIRE(tool(options + whole.string()).exit_code == 0);
  REQUIRE(tool(options + out.string() + " --time-limit 0.000001").exit_code == 124);
  const io::Npz right = io::read_npz(path);
  const auto check = [&](const std::string& name, const io::NpyArray& array, const std::string& complaint) {
    REQUIRE(right.contains(name));
    io::Npz edited = right;
    edited[name] = array;
    io::write_npz(path, edited);
    check_exit("distill --resume " + out.string(), 1, {path.string() + ": array", complaint});
  };
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  check("snapshots.iterations", {{2}, Integers{-1, 1}}, "'iterations': expected an iteration in 0 .. ");
  check("snapshots.iterations", {{2}, Integers{0, 0}}, "'iterations': expected an iteration in 1 .. ");
  check("snapshots.iterations", {{2}, Integers{0, most}}, "found 9223372036854775807");
  check("snapshots.iterations", {{1}, Integers{0}}, "'images': expected float32 (1, ");
  check("log.iterations", {{1}, Integers{0}}, "'figures': expected float64 (1, 4)");
  check("log.rates", {{2, 1}, Floats{1, 1}}, "'rates': expected float32 (2, ");
  const auto rates = std::get<Floats>(right.at("log.rates").values);
  check("log.rates", {right.at("log.rates").shape, Floats(rates.size(), std::numeric_limits<float>::infinity())},
        "'rates': expected finite values, found inf");
  check("log.figures", {{2, 4}, Doubles{infinity, 50, 1, nan, 1, 50, 1, nan}},
        "'figures': expected finite losses, found inf");
  check("log.figures", {{2, 4}, Doubles{nan, 1e305, 1, nan, 1, 50, 1, nan}},
        "'figures': expected scores in percent, found 1e+305");
  check("log.figures", {{2, 4}, Doubles{nan, nan, 1, nan, 1, 50, 1, nan}},
        "'figures': expected scores in percent, found nan");
  check("log.figures", {{2, 4}, Doubles{nan, 50, nan, nan, 1, 50, 1, nan}},
        "'figures': expected finite seconds, found nan");
  check("log.figures", {{2, 4}, Doubles{nan, 50, 1, infinity, 1, 50, 1, nan}},
        "'figures': expected finite certificates, found inf");
  check("seconds", {{1}, Doubles{infinity}}, "'seconds': expected a finite number, found inf");
  check("best_score", {{1}, Doubles{nan}}, "'best_score': expected a finite number, found nan");
  const io::NpyArray& best_rates = right.at("best.learning_rates");
  check("best.learning_rates", {{1, best_rates.shape[1]}, Floats(static_cast<std::size_t>(best_rates.shape[1]), 0.5F)},
        "s 'best.*': expected the steps, epochs and images of this run");
  io::write_npz(path, right);
  CHECK(tool("distill --resume " + out.string()).exit_code == 0);
  CHECK(file_bytes(out / "distilled.npz") == file_bytes(whole / "distilled.npz"));
}

TEST_CASE("tool: a folder where a run is going on is no folder of a run that was stopped") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  const std::string endless =
      "distill --dataset mnist --net linear --iterations 1000000 --batch 32 --hold-out 64 --evaluate-every 1 "
      "--checkpoint-every 1 --out " +
      out.string();
  const std::string tool = std::string("; ") + HYPERTAPE_TOOL + " ", code = "; echo ended with $?";
  const Result result = shell(HYPERTAPE_TOOL + (" " + endless) + " >/dev/null & pid=$!; " + until_logged(out, "2,") +
                              "true" + tool + endless + code + tool + "distill --resume " + out.string() + code + tool +
                              "pretrain --dataset mnist --out " + out.string() + code + "; kill -KILL $pid; wait $pid" +
                              tool + endless + code);
  CAPTURE(result.output);
  const std::string busy = " " + out.string() + ": another process is writing there";
  CHECK(result.says("hypertape: --out" + busy + "; wait until it ends\nended with 1\nhypertape: --resume" + busy));
  CHECK(result.says("; wait until it ends\nended with 1\nhypertape: --out" + busy));
  CHECK(result.says("holds a stopped run; continue it with --resume"));  // now it is
  CHECK(result.says("ended with 2"));
}

}  // namespace
}  // namespace hypertape::testing
