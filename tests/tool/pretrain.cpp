#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <tuple>
#include <utility>

#include "hypertape/io/npz.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

TEST_CASE("tool: pools of trained networks, made in two goes; to distil for, to attack, to test with") {
  const TemporaryFolder folder;
  const auto pool = folder.path() / "pool", whole = folder.path() / "whole", out = folder.path() / "run";
  const std::string options = "pretrain --dataset mnist --net linear --epochs 5 --learning-rate 0.01 --seed 3 --out ";
  REQUIRE(tool(options + whole.string() + " --networks 4 --threads 1").exit_code == 0);
  REQUIRE(tool(options + pool.string() + " --networks 3").exit_code == 0);
  const auto seconds = [&] {
    return nlohmann::json::parse(file_bytes(pool / "summary.json"))["wall_seconds"].get<double>();
  };
  const double first_seconds = seconds();
  const Result more = tool(options + pool.string() + " --networks 4");
  CAPTURE(more.output);
  REQUIRE(more.exit_code == 0);
  CHECK(more.says("3 there already"));
  CHECK(seconds() > first_seconds);  // those of both goes
  for (const char* name : {"network-0000.npz", "network-0002.npz", "network-0003.npz"}) {
    CHECK(file_bytes(pool / name) == file_bytes(whole / name));
  }
  CHECK(nlohmann::json::parse(file_bytes(pool / "summary.json"))["test_accuracy"] > 60);
  const Result other = tool(options + pool.string() + " --networks 5 --batch 64");
  CHECK(other.exit_code == 2);
  CHECK(other.says("begun with batch 128, not 64"));
  const std::string config = file_bytes(pool / "config.json");
  nlohmann::json of_other_data = nlohmann::json::parse(config);
  of_other_data["data_checksum"] = 1;
  put_file(pool / "config.json", of_other_data.dump());
  check_exit(options + pool.string() + " --networks 5", 1, {"images, labels or class names have changed"});
  put_file(pool / "config.json", config);

  const std::string attack =
      "distill --dataset mnist --net linear --iterations 6 --batch 32 --hold-out 64 --evaluate-every 3 --epochs 1 "
      "--validation-networks 1 --init random-pretrained --pool " +
      pool.string() + " --out " + out.string();
  const std::string classes = " --objective attack --attack-class 3 --target-class 5";
  const Result attacked = tool(attack + " --test-networks 2 --source-dataset mnist" + classes);
  CAPTURE(attacked.output);
  REQUIRE(attacked.exit_code == 0);
  CHECK(attacked.says("of class 3 classified as 5"));
  const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  CHECK(summary["networks_tested"] == 2);
  for (const char* name : {"success_ratio", "relabeled_accuracy", "other_classes_accuracy"}) {
    CHECK(summary["attack"][name].contains("after"));
  }
  const auto again = folder.path() / "again";
  const Result evaluated =
      tool("evaluate --dataset mnist --net linear --init random-pretrained --test-networks 2 --pool " + pool.string() +
           " --distilled " + (out / "distilled.npz").string() + " --out " + again.string() + classes);
  CAPTURE(evaluated.output);
  REQUIRE(evaluated.exit_code == 0);
  CHECK(nlohmann::json::parse(file_bytes(again / "summary.json"))["attack"] == summary["attack"]);

  check_exit(attack + classes + " --test-networks 2 --networks 2", 2, {"--networks 2: the pool leaves 1"});
  CHECK(!io::read_npz(out / "distilled.npz").contains("theta0"));  // though one network is all that it was made for
  check_exit(attack + classes + " --test-networks 3", 2, {"4 networks are too few, 5 are needed"});
  check_exit(attack + " --test-networks 2 --source-dataset usps", 1, {"dataset \"mnist\", not \"usps\""});
  const std::string lenet = "distill --dataset mnist --init fixed-pretrained --out " + (folder.path() / "x").string();
  check_exit(lenet + " --pool " + pool.string(), 1, {"network \"linear\", not \"lenet\""});
  check_exit("distill --dataset mnist-rgb --net linear --init fixed-pretrained --out " +
                 (folder.path() / "x").string() + " --pool " + pool.string(),
             1, {"image [1,28,28], not [3,32,32]"});
  check_exit(lenet + " --pool " + out.string(), 1, {"pretrain"});
  std::ofstream(pool / "network-0000.npz") << "nothing";
  check_exit(attack + " --test-networks 2", 1, {"network-0000.npz"});
  check_exit(options + pool.string() + " --networks 4", 0, {"network-0000.npz", "trained again"});
  CHECK(file_bytes(pool / "network-0000.npz") == file_bytes(whole / "network-0000.npz"));
  std::filesystem::remove(pool / "network-0001.npz");
  check_exit(attack + " --test-networks 2", 1, {"network-0001.npz is missing among the 3"});
}

TEST_CASE("tool: images to choose with are ones that the pool has not seen; if it has, the score says so") {
  const TemporaryFolder folder;
  const auto pool = folder.path() / "pool", all = folder.path() / "all";
  const std::string pretrain = "pretrain --dataset mnist --net linear --epochs 1 --networks 4 --seed 3 --out ";
  check_exit(pretrain + pool.string(), 0, {"2000 training images, 400 of them held out, batches of 128"});
  check_exit(pretrain + all.string() + " --hold-out 0", 0, {"2000 training images, 0 of them held out"});
  CHECK(file_bytes(pool / "network-0000.npz") != file_bytes(all / "network-0000.npz"));
  const auto run = [&](const std::string& command, const std::filesystem::path& of, int exit_code,
                       std::initializer_list<std::string> words) {
    const auto out = folder.path() / "run";
    std::filesystem::remove_all(out);
    const Result result = tool(command + " --dataset mnist --net linear --init random-pretrained --pool " +
                               of.string() + " --test-networks 1 --out " + out.string());
    CAPTURE(result.output);
    CHECK(result.exit_code == exit_code);
    for (const std::string& word : words) CHECK_MESSAGE(result.says(word), word);
    if (exit_code != 0) return std::pair(nlohmann::json(), nlohmann::json());
    const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
    CHECK(summary["hold_out_seen"] == result.says("scores also reflect memorized images"));
    return std::pair(nlohmann::json::parse(file_bytes(out / "config.json")), summary);
  };
  const std::string distill = "distill --iterations 2 --evaluate-every 1 --validation-networks 1",
                    baseline = "baseline --method random-real --sets 1 --selection-networks 1";
  for (const auto& [command, option, key] : {std::tuple(distill, "--hold-out", "hold_out"),
                                             std::tuple(baseline, "--selection-images", "selection_images")}) {
    const auto size = [option = std::string(option)](int count) {
      return hypertape::detail::concat(' ', option, ' ', count);
    };
    const auto [config, summary] = run(command, pool, 0, {"2000 training images, 400 of them"});
    CHECK(config[key] == 400);
    CHECK(config["hold_out_seed"] == 3);
    CHECK(summary["hold_out_seen"] == false);
    CHECK(run(command + size(100), pool, 0, {}).first["hold_out_seed"] == 3);
    run(command + size(401), pool, 2, {option, "401: --pool", "all but 400 of the 2000 training images"});
    CHECK(
        run(command, all, 0, {"were trained on all training images, held-out ones included"}).second["hold_out_seen"] ==
        true);
  }
  CHECK(run(distill, pool, 0, {}).second["hold_out_seen"] == false);
  run(distill, all, 0, {"% (seen by the pool)"});

  // One of a version that held nothing out still serves, and is what is said of it.
  nlohmann::json config = nlohmann::json::parse(file_bytes(all / "config.json"));
  config.erase("hold_out");
  put_file(all / "config.json", config.dump());
  run(distill, all, 0, {"held-out ones included"});
  check_exit(pretrain + all.string(), 2, {"begun with hold_out 0, not 400"});
  check_exit(pretrain + all.string() + " --hold-out 0", 0, {"4 there already"});
  // The same files, divided in another way, or another data set.
  config["dataset"] = "mnist-rgb";
  config["data_checksum"] = 1;
  put_file(all / "config.json", config.dump());
  run(distill, all, 0, {"may have seen images that are held out or tested here", "(seen by the pool)"});
  config["dataset"] = "usps";
  put_file(all / "config.json", config.dump());
  CHECK(run(distill, all, 0, {}).second["hold_out_seen"] == false);
  config["hold_out"] = "many";
  put_file(all / "config.json", config.dump());
  run(distill, all, 1, {"config.json: hold_out: expected a whole number of 32 bits, not negative, found \"many\""});
}

TEST_CASE("tool: a pool that was never begun does not stand in the way") {
  const TemporaryFolder folder;
  const std::string out = (folder.path() / "pool").string();
  const std::string options = "pretrain --dataset mnist --net linear --epochs 1 --networks 1 --out " + out;
  check_exit(options + " --batch 20000", 2,
             {"--batch 20000: 400 of 2000 training images are held out, which leaves 1600 for a batch"});
  CHECK(!std::filesystem::exists(out));
  check_exit(options, 0, {});
  std::filesystem::remove(folder.path() / "pool" / "network-0000.npz");  // as if its first network had diverged
  check_exit(options + " --batch 64", 0, {"0 there already"});
}

}  // namespace
}  // namespace hypertape::testing
