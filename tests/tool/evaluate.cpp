#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "hypertape/io/npz.hpp"
#include "support/picture_files.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

TEST_CASE("tool: evaluate trains other networks than the one that the images were made for") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", again = folder.path() / "evaluated";
  REQUIRE(tool(quick(out) + " --seed 5").exit_code == 0);
  const std::string set = " --distilled " + (out / "distilled.npz").string() + " --out " + again.string();
  REQUIRE(tool("evaluate --dataset mnist --init random --test-networks 4 --seed 5" + set).exit_code == 0);
  const double fixed = nlohmann::json::parse(file_bytes(out / "summary.json"))["initial_accuracy"];
  std::ifstream log(again / "log.csv");
  std::string line;
  std::getline(log, line);
  int networks = 0, others = 0;
  for (; std::getline(log, line); ++networks) {
    others += std::abs(std::stod(line.substr(line.find(',') + 1)) - fixed) > 1e-9;
  }
  CHECK(networks == 4);
  CHECK(others >= 3);  // of 300 images, two networks may classify as many
}

TEST_CASE("tool: a distilled set trains a network in a plain PyTorch loop to the same accuracy") {
  if (shell("python3 -c 'import numpy, torch'").exit_code != 0) {
    MESSAGE("left out: there is no PyTorch");
    return;
  }
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  REQUIRE(tool(quick(out) + " --start real --initial-learning-rate 0.1").exit_code == 0);
  const Result result = shell("python3 " HYPERTAPE_TEST_FOLDER "/../examples/python/train_on_distilled.py " +
                              (out / "distilled.npz").string() + " --data $HYPERTAPE_DATA/mnist");
  CAPTURE(result.output);
  const std::string words = "after training:";
  const std::size_t found = result.output.find(words);
  REQUIRE(found != std::string::npos);
  const double accuracy = std::stod(result.output.substr(found + words.size()));
  const nlohmann::json summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  CHECK(summary["test_accuracy"] > summary["initial_accuracy"].get<double>() + 3);  // there is something to compare
  CHECK(std::abs(accuracy - summary["test_accuracy"].get<double>()) <= 1);  // rounding may decide a few of 300 images
}

TEST_CASE("tool: a set without an order by Adam, gone on from, tested by both protocols beside real images") {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const auto summary = [&](const char* name) {
    return nlohmann::json::parse(file_bytes(folder / name / "summary.json"));
  };
  const std::string common = " --dataset glyphs --net linear --init random --test-networks 3 --validation-networks 2";
  const std::string learn =
      "distill --unordered --inner-optimizer adam --initial-learning-rate 0.01 --iterations 4"
      " --evaluate-every 2 --networks 2 --images-per-class 2" +
      common;
  REQUIRE(tool(learn + " --steps 6 --inner-batch 10 --average 0.5 --out " + path("first")).exit_code == 0);
  const auto first = summary("first");
  CHECK(first["protocol"]["optimizer"] == "adam:beta1=0.9,beta2=0.999,epsilon=1e-08");
  CHECK(first["protocol"]["ordered"] == false);
  const double gain = first["test_accuracy"].get<double>() - first["real_images"]["test_accuracy"].get<double>();
  CHECK(std::abs(first["real_images"]["gain"].get<double>() - gain) <= 1e-3);
  const std::string from = " --start-from " + path("first/distilled.npz");
  REQUIRE(tool(learn + " --steps 3 --soft-labels" + from + " --out " + path("second")).exit_code == 0);
  CHECK(summary("second")["protocol"]["labels"] == "soft");
  check_exit(learn + " --images-per-class 3" + from + " --out " + path("third"), 2, {"images-per-class"});
  check_exit("distill --iterations 4 --steps 3" + common + from + " --out " + path("third"), 2,
             {"start from has 20 images, expected 3 times 1 of 10 classes"});
  for (const char* protocol : {"paper", "free --epochs 10"}) {
    REQUIRE(tool("evaluate --protocol " + std::string(protocol) + common.substr(0, common.find(" --validation")) +
                 " --distilled " + path("second/distilled.npz") + " --out " + path("tested"))
                .exit_code == 0);
    const auto tested = summary("tested");
    CHECK(tested["protocol"]["name"] == std::string(protocol).substr(0, std::string(protocol).find(' ')));
    CHECK(tested["real_images"].contains("gain"));
    CHECK(tested["hard_labels"]["real_images"].contains("gain"));
  }
  check_exit("evaluate --epochs 3 --distilled " + path("second/distilled.npz") + " --out " + path("tested"), 2,
             {"--epochs goes with --protocol free"});
}

TEST_CASE("tool: a set of other data is said, one of other classes or shapes refused") {
  const TemporaryFolder folder;
  const auto made = [&](const std::string& name, const std::string& data) {
    const std::string out = (folder / name).string();
    const Result result = tool("distill --net linear --iterations 1 --evaluate-every 1 " + data + " --out " + out);
    CAPTURE(result.output);
    REQUIRE(result.exit_code == 0);
    return out + "/distilled.npz";
  };
  const auto pictures = [&](const std::string& name, const std::vector<std::string>& classes) {
    put_glyph_folder(folder / "pictures" / name, classes, 6, 2);
    return "--dataset folder --channels gray --image-size 28 --data " + (folder / "pictures" / name).string();
  };
  const std::string pets = pictures("pets", {"cat", "dog"}), wild = pictures("wild", {"cat", "wolf"});
  const auto evaluated = [&](const std::string& set, const std::string& data, int exit_code,
                             std::initializer_list<std::string> words) {
    check_exit("evaluate --net linear --init random --test-networks 1 " + data + " --distilled " + set + " --out " +
                   (folder / "evaluated").string(),
               exit_code, words);
    if (data.find("--dataset folder") == std::string::npos) {
      check_exit("baseline --classifier k-nn " + data + " --distilled " + set + " --out " + (folder / "k-nn").string(),
                 exit_code, words);
    }
  };
  const std::string glyphs = made("glyphs", "--dataset glyphs"), mnist = made("mnist", "--dataset mnist");
  evaluated(
      glyphs, "--dataset mnist", 0,
      {"was made from glyphs, not from mnist", "its normalization, which is used, has mean", "0.1307 and 0.3081"});
  CHECK(nlohmann::json::parse(file_bytes(folder / "evaluated" / "summary.json"))["distilled_from"] == "glyphs");
  const Result same =
      tool("evaluate --net linear --dataset mnist --distilled " + mnist + " --out " + (folder / "evaluated").string());
  CHECK(same.exit_code == 0);
  CHECK(!same.says("was made from"));
  CHECK(!same.says("normalization"));

  const std::string of_pets = made("of-pets", pets);
  evaluated(of_pets, "--dataset mnist", 1, {"of-pets/distilled.npz", "a set made for 10 classes", "one for 2"});
  evaluated(of_pets, wild, 1, {"was made for the classes cat, dog; folder has cat, wolf"});
  evaluated(of_pets, pets, 0, {});
  evaluated(mnist, "--dataset mnist-rgb", 1, {"its images are (10, 1, 28, 28)", "mnist-rgb needs (10, 3, 32, 32)"});
  const auto first = [&](const char* name) {
    return std::filesystem::directory_iterator(folder / "pictures" / "pets" / "train" / name)->path();
  };
  put_file(first("cat"), file_bytes(first("dog")));
  evaluated(of_pets, pets, 0, {"was made from images other than those of folder here"});

  // Files of older versions, which do not say what they were made from.
  io::Npz npz = io::read_npz(glyphs);
  for (const char* name : {"classes", "dataset", "data_checksum"}) npz.erase(name);
  io::write_npz(folder / "old.npz", npz);
  evaluated((folder / "old.npz").string(), "--dataset mnist", 0, {"its normalization, which is used, has mean"});
  for (std::int64_t& label : std::get<std::vector<std::int64_t>>(npz.at("labels").values)) label %= 3;
  io::write_npz(folder / "old.npz", npz);
  evaluated((folder / "old.npz").string(), "--dataset mnist", 1, {"has images of 3 classes, mnist has 10"});
}

TEST_CASE("tool: the PyTorch loop refuses other classes, and says it if images are unlike those of the set") {
  if (shell("python3 -c 'import numpy, torch'").exit_code != 0) {
    MESSAGE("left out: there is no PyTorch");
    return;
  }
  const TemporaryFolder folder;
  const auto set = folder / "run" / "distilled.npz", other = folder / "other.npz";
  REQUIRE(tool(quick(folder / "run")).exit_code == 0);
  const auto loop = [&](const std::filesystem::path& path) {
    return shell("python3 " HYPERTAPE_TEST_FOLDER "/../examples/python/train_on_distilled.py " + path.string() +
                 " --data $HYPERTAPE_DATA/mnist");
  };
  io::Npz npz = io::read_npz(set);
  npz["mean"] = {{1}, std::vector<float>{0.9F}};
  io::write_npz(other, npz);
  const Result unlike = loop(other);
  CAPTURE(unlike.output);
  CHECK(unlike.exit_code == 0);
  CHECK(unlike.says("warning: "));
  CHECK(unlike.says("was made from mnist of mean 0.900"));

  put_glyph_folder(folder / "data", {"a", "b", "c"}, 6, 2);
  REQUIRE(tool("distill --dataset folder --channels gray --image-size 28 --iterations 1 --data " +
               (folder / "data").string() + " --out " + (folder / "three").string())
              .exit_code == 0);
  const Result three = loop(folder / "three" / "distilled.npz");
  CAPTURE(three.output);
  CHECK(three.exit_code == 1);
  CHECK(three.says("was made from folder with 3 classes, the test set has 10"));
}

TEST_CASE("tool: evaluate does not score a network that diverged, unless it is told to count nothing for it") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run";
  REQUIRE(tool(quick(out)).exit_code == 0);
  io::Npz npz = io::read_npz(out / "distilled.npz");
  npz["learning_rates"] = {{1, 1}, std::vector<float>{1e38f}};
  io::write_npz(folder.path() / "set.npz", npz);
  const std::string evaluate = "evaluate --dataset mnist --distilled " + (folder.path() / "set.npz").string() +
                               " --out " + (folder.path() / "evaluated").string();
  const Result result = tool(evaluate);
  CAPTURE(result.output);
  CHECK(result.exit_code == 1);
  CHECK(result.says("network 0"));
  CHECK(result.says("not finite"));
  CHECK(!std::filesystem::exists(folder.path() / "evaluated" / "summary.json"));

  const Result skipped = tool(evaluate + " --skip-diverged");
  CAPTURE(skipped.output);
  REQUIRE(skipped.exit_code == 0);
  CHECK(skipped.says("1 diverged"));
  const auto summary = nlohmann::json::parse(file_bytes(folder.path() / "evaluated" / "summary.json"));
  CHECK(summary["test_accuracy"] == 0);
  CHECK(summary["diverged_networks"] == 1);
}

TEST_CASE("tool: one set, tested with other networks and in other orders") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "run", again = folder.path() / "again";
  REQUIRE(tool("distill --dataset mnist --net linear --steps 3 --iterations 30 --batch 32 --hold-out 64 --init random "
               "--networks 2 --validation-networks 2 --test-networks 4 --seed 5 --out " +
               out.string())
              .exit_code == 0);
  const auto accuracy = [&](const std::string& arguments) {
    const Result result = tool("evaluate --dataset mnist --init random --test-networks 4 --seed 5 --distilled " +
                               (out / "distilled.npz").string() + " --out " + again.string() + arguments);
    CAPTURE(result.output);
    REQUIRE(result.exit_code == 0);
    return nlohmann::json::parse(file_bytes(again / "summary.json"))["test_accuracy"].get<double>();
  };
  const double expected = nlohmann::json::parse(file_bytes(out / "summary.json"))["test_accuracy"];
  CHECK(accuracy(" --net linear") == expected);
  const double shuffled = accuracy(" --net linear --shuffle");
  const auto single = folder.path() / "single";
  REQUIRE(tool(quick(single)).exit_code == 0);
  check_exit("evaluate --dataset mnist --shuffle --distilled " + (single / "distilled.npz").string() + " --out " +
                 again.string(),
             2, {"has one step"});
  CHECK(shuffled != expected);
  CHECK(shuffled > 20);
  CHECK(accuracy(" --net mlp --hidden 50") > 20);
}

}  // namespace
}  // namespace hypertape::testing
