#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "hypertape/io/npz.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/picture_files.hpp"
#include "support/read_png.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The tool with a user's own pictures.

namespace hypertape::testing {
namespace {

/// What every command takes of a folder with a training set of 80 small gray pictures.
std::string pictures(const std::filesystem::path& folder) {
  return " --dataset folder --channels gray --image-size 14 --net mlp --hidden 20 8 --data " + folder.string() + " ";
}

std::string quick_distill(const std::filesystem::path& folder) {
  return "distill" + pictures(folder) +
         "--iterations 4 --batch 16 --hold-out 16 --evaluate-every 2 --checkpoint-every 2 --seed 5 --out ";
}

TEST_CASE("tool: a folder of pictures alone is enough") {
  const TemporaryFolder folder;
  const auto data = folder / "shapes";
  put_glyph_folder(folder / "parts", {"ring", "stroke"}, 40, 10);
  std::filesystem::rename(folder / "parts" / "train", data);
  const std::string here = "cd " + folder.path().string() + " && " + HYPERTAPE_TOOL + ' ';
  const Result first = shell(here + "distill --data shapes --iterations 60 --evaluate-every 20");
  CAPTURE(first.output);
  REQUIRE(first.exit_code == 0);
  for (const char* words : {"--dataset folder", "all pictures are gray: --channels gray", "--net lenet: ",
                            "--steps 1: ", "64 for training and 16 for testing", "out/distill-shapes/report.html"}) {
    CHECK_MESSAGE(first.says(words), words);
  }
  CHECK(!first.says("--iterations 4000"));  // what is given is not chosen
  const auto config = nlohmann::json::parse(file_bytes(folder / "out" / "distill-shapes" / "config.json"));
  CHECK(config["dataset"] == "folder");
  CHECK(config["channels"] == "gray");
  CHECK(config["net"] == "lenet");
  CHECK(config["iterations"] == 60);
  CHECK(config["split_seed"] == 1);
  const auto summary = nlohmann::json::parse(file_bytes(folder / "out" / "distill-shapes" / "summary.json"));
  CHECK(summary["test_accuracy"] > 80);  // rings and strokes are easily told apart

  // Another run goes elsewhere; the pictures to test with are those of before, whatever the seed.
  REQUIRE(shell(here + "distill --data shapes --iterations 1 --seed 2").exit_code == 0);
  const auto second = nlohmann::json::parse(file_bytes(folder / "out" / "distill-shapes-2" / "config.json"));
  CHECK(second["data_checksum"] == config["data_checksum"]);
  const Result evaluated = shell(here +
                                 "evaluate --data shapes --channels gray --out test --distilled "
                                 "out/distill-shapes/distilled.npz");
  CAPTURE(evaluated.output);
  REQUIRE(evaluated.exit_code == 0);
  CHECK(!evaluated.says("was made from images other than"));
  CHECK(nlohmann::json::parse(file_bytes(folder / "test" / "summary.json"))["test_accuracy"] ==
        summary["test_accuracy"]);
}

TEST_CASE("tool: choices for pictures fit them, and a folder that holds nothing known is refused") {
  const TemporaryFolder folder;
  put_glyph_folder(folder / "parts", {"ring", "stroke"}, 30, 10);
  const std::string data = "distill --iterations 1 --epochs 1 --batch 4 --hold-out 4 --width 2 --data " +
                           (folder / "parts").string() + " --out " + (folder / "run").string();
  check_exit(data + " --image-size 16", 0, {"--net convnet: ", "--depth 2: ", "--initial-learning-rate 0.02: "});
  check_exit("distill --iterations 1 --image-size 4 --batch 4 --hold-out 4 --data " + (folder / "parts").string() +
                 " --out " + (folder / "small").string(),
             0, {"--net mlp: "});
  std::filesystem::create_directory(folder / "empty");
  check_exit("distill --data " + (folder / "empty").string(), 1,
             {"holds neither the files of a data set (mnist, ", "nor a folder of pictures for each class"});
  check_exit("distill --dataset mnist --split-seed 2", 2, {"--split-seed goes with --dataset folder"});
}

TEST_CASE("tool: a folder of two classes is distilled, evaluated, pretrained on and compared with") {
  const TemporaryFolder folder;
  const auto data = folder / "data", out = folder / "run", stopped = folder / "stopped", again = folder / "again";
  put_glyph_folder(data, {"ring", "stroke"}, 40, 10);
  const Result distilled = tool(quick_distill(data) + out.string());
  CAPTURE(distilled.output);
  REQUIRE(distilled.exit_code == 0);
  const auto config = nlohmann::json::parse(file_bytes(out / "config.json"));
  CHECK(config["class_names"] == nlohmann::json({"ring", "stroke"}));
  CHECK(config["data"] == data.string());
  CHECK(config["image_size"] == 14);
  CHECK(config["channels"] == "gray");
  CHECK(config["hidden"] == nlohmann::json({20, 8}));
  CHECK(config["network"] == "mlp-20-8");
  CHECK(io::read_npz(out / "distilled.npz").at("images").shape == std::vector<Index>{1, 2, 1, 14, 14});
  CHECK(io::read_npz(out / "distilled.npz").at("theta0").shape ==
        std::vector<Index>{20 * 196 + 20 + 8 * 20 + 8 + 2 * 8 + 2});

  REQUIRE(tool(quick_distill(data) + stopped.string() + " --time-limit 0.000001").exit_code == 124);
  REQUIRE(tool("distill --resume " + stopped.string()).exit_code == 0);
  CHECK(file_bytes(stopped / "last.npz") == file_bytes(out / "last.npz"));
  CHECK(file_bytes(stopped / "distilled.png") == file_bytes(out / "distilled.png"));

  const std::string set = " --distilled " + (out / "distilled.npz").string();
  REQUIRE(tool("evaluate" + pictures(data) + "--out " + again.string() + set).exit_code == 0);
  const auto summary = nlohmann::json::parse(file_bytes(out / "summary.json"));
  CHECK(nlohmann::json::parse(file_bytes(again / "summary.json"))["test_accuracy"] == summary["test_accuracy"]);
  CHECK(summary["class_accuracies"].size() == 2);
  CHECK(summary["class_accuracies"].contains("ring"));
  CHECK(summary["initial_class_accuracies"].contains("stroke"));
  CHECK(file_bytes(again / "distilled.png") == file_bytes(out / "distilled.png"));

  const std::string pool = (folder / "pool").string();
  const std::string pretrain = "pretrain" + pictures(data) + "--epochs 1 --batch 16 --out " + pool + " --networks ";
  REQUIRE(tool(pretrain + "2").exit_code == 0);
  CHECK(tool(pretrain + "3").says("2 there already"));
  CHECK(nlohmann::json::parse(file_bytes(folder / "pool" / "config.json"))["class_names"][1] == "stroke");
  CHECK(tool(quick_distill(data) + (folder / "adapted").string() +
             " --init fixed-pretrained --source-dataset folder --pool " + pool)
            .exit_code == 0);

  const Result baseline = tool("baseline" + pictures(data) + "--method average-real --selection-images 20 --out " +
                               (folder / "baseline").string());
  CAPTURE(baseline.output);
  REQUIRE(baseline.exit_code == 0);
  CHECK(nlohmann::json::parse(file_bytes(folder / "baseline" / "config.json"))["class_names"][0] == "ring");
}

TEST_CASE("tool: defaults for a folder suit lenet; two hundred classes give a picture of bounded size") {
  const TemporaryFolder folder;
  const auto data = folder / "data", out = folder / "run";
  std::vector<std::uint8_t> pixels(27);
  for (int k = 0; k < 200; ++k) {
    for (const char* name : {"train/class-%/a.png", "train/class-%/b.png", "test/class-%/a.png"}) {
      std::string path = name;
      path.replace(path.find('%'), 1, std::to_string(k));
      std::filesystem::create_directories((data / path).parent_path());
      for (std::size_t i = 0; i < 27; ++i) pixels[i] = static_cast<std::uint8_t>((31 * k + 77) * static_cast<int>(i));
      io::write_png(data / path, 3, 3, 3, pixels);
    }
  }
  const std::string common = " --dataset folder --data " + data.string() + " --out " + out.string();
  const Result distilled = tool("distill" + common + " --steps 2 --epochs 1 --iterations 1 --batch 16 --hold-out 100");
  CAPTURE(distilled.output);
  REQUIRE(distilled.exit_code == 0);
  const auto config = nlohmann::json::parse(file_bytes(out / "config.json"));
  CHECK(config["network"] == "lenet");
  CHECK(config["image_size"] == 32);
  CHECK(config["channels"] == "rgb");
  CHECK(config["class_names"].size() == 200);
  CHECK(config["class_names"][2] == "class-10");
  CHECK(io::read_npz(out / "distilled.npz").at("images").shape == std::vector<Index>{2, 200, 3, 32, 32});
  const Pixels picture = read_png(out / "distilled.png", 3);
  CHECK(picture.width <= 4096);
  CHECK(picture.height <= 4096);
  CHECK(picture.height > 2000);
}

TEST_CASE("tool: defaults for few pictures depend on how many there are, and are said") {
  const TemporaryFolder folder;
  const auto data = folder / "data", out = folder / "run", again = folder / "again", pool = folder / "pool";
  put_glyph_folder(data, {"ring", "stroke", "zigzag"}, 60, 4);
  const std::string distill = "distill" + pictures(data) + "--iterations 2 --out ";
  check_exit(distill + out.string(), 0, {"180 training images, 36 of them held out, batches of 144"});
  const auto config = nlohmann::json::parse(file_bytes(out / "config.json"));
  CHECK(config["hold_out"] == 36);
  CHECK(config["batch"] == 144);
  check_exit(distill + again.string() + " --time-limit 0.000001", 124, {});
  check_exit("distill --resume " + again.string(), 0, {"36 of them held out, batches of 144"});
  CHECK(file_bytes(again / "last.npz") == file_bytes(out / "last.npz"));
  check_exit("pretrain" + pictures(data) + "--epochs 1 --networks 2 --out " + pool.string(), 0,
             {"180 training images, 36 of them held out, batches of 128"});
  check_exit("baseline" + pictures(data) + "--method k-means --sets 1 --out " + (folder / "baseline").string(), 0,
             {"180 training images, 36 of them held out for selection"});
}

TEST_CASE("tool: a class with few pictures is learned, too; balanced accuracy shows it") {
  const TemporaryFolder folder;
  const auto data = folder / "data";
  put_glyph_folder(data, {"ring", "stroke"}, 300, 100);
  const std::string common =
      "distill --dataset folder --channels gray --image-size 14 --net mlp --hidden 20 --seed 5 --data " + data.string();
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data / "train" / "stroke")) {
    if (++left > 12) std::filesystem::remove(entry.path());
  }
  const auto balanced = [&](const std::string& name, const std::string& option, const std::string& words) {
    const auto out = folder / name;
    const Result result = tool(common + " --iterations 150 --evaluate-every 10 --out " + out.string() + option);
    CAPTURE(result.output);
    REQUIRE(result.exit_code == 0);
    CHECK(result.says("balanced: "));
    CHECK(result.says("--balance on") == words.starts_with("on"));
    CHECK(result.says(words.substr(words.find(' ') + 1)));
    CHECK(nlohmann::json::parse(file_bytes(out / "config.json"))["balance"] == words.substr(0, words.find(' ')));
    return nlohmann::json::parse(file_bytes(out / "summary.json"))["test_balanced_accuracy"].get<double>();
  };
  const std::string said =
      "on with equally many of each class (--balance on: there are 300 of class ring, 12 of class stroke)";
  const double by_default = balanced("default", "", said);
  CHECK(by_default >= 90);
  CHECK(balanced("on", " --balance on --threads 1", said) == by_default);
  CHECK(file_bytes(folder / "on" / "last.npz") == file_bytes(folder / "default" / "last.npz"));
  CHECK(balanced("off", " --balance off", "off training images") <= by_default - 15);
  const std::string few = common + " --iterations 1 --out " + (folder / "few").string();
  check_exit(few + " --hold-out 1", 0, {"none of the 12 training images of class stroke is held out"});
  check_exit(few + " --hold-out 311", 2, {"--hold-out 311: holds out all 12 training images of class stroke"});
  const auto resumed = folder / "resumed";
  check_exit(common + " --iterations 150 --evaluate-every 10 --time-limit 0.000001 --out " + resumed.string(), 124, {});
  check_exit("distill --resume " + resumed.string(), 0, {"--balance on"});
  CHECK(file_bytes(resumed / "last.npz") == file_bytes(folder / "default" / "last.npz"));
}

TEST_CASE("tool: a class with fewer pictures than are wanted of it is named, before anything is trained") {
  const TemporaryFolder folder;
  const auto data = folder / "data", out = folder / "x";
  put_glyph_folder(data, {"ring", "stroke"}, 40, 4);
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data / "train" / "stroke")) {
    if (++left > 6) std::filesystem::remove(entry.path());
  }
  const std::string common = pictures(data) + "--out " + out.string();
  for (const std::string start : {"noise", "real", "k-means"}) {
    check_exit("distill" + common + " --iterations 1 --images-per-class 7 --start " + start, 2,
               {"1 step of 7 images per class: class stroke has 6 training images, 7 are needed"});
  }
  check_exit("distill" + common + " --iterations 1 --images-per-class 6 --hold-out 20 --start k-means", 2,
             {"--start real or k-means, 1 step of 6", "class stroke has", "besides those held out, 6 are needed"});
  check_exit("baseline" + common + " --method random-real --images-per-class 6 --selection-images 20", 2,
             {"--method random-real: class stroke has", "6 are needed"});
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("tool: the images of any dataset are resized; a network that does not take them names those that do") {
  const TemporaryFolder folder;
  const auto out = folder / "run", data = folder / "data";
  const std::string small = "distill --dataset glyphs --image-size 8 --out " + out.string();
  check_exit(small, 2, {"--net lenet", "images (1, 8, 8) go with --net convnet --depth 1, --net mlp or --net linear"});
  CHECK(!std::filesystem::exists(out));
  check_exit(small + " --net linear --iterations 1 --start k-means", 0, {});
  CHECK(nlohmann::json::parse(file_bytes(out / "config.json"))["image_size"] == 8);
  CHECK(nlohmann::json::parse(file_bytes(out / "config.json"))["start"] == "k-means");
  CHECK(io::read_npz(out / "distilled.npz").at("images").shape == std::vector<Index>{1, 10, 1, 8, 8});
  check_exit("evaluate --dataset glyphs --image-size 8 --net linear --distilled " + (out / "distilled.npz").string() +
                 " --out " + (folder / "again").string(),
             0, {});
  put_glyph_folder(data, {"ring", "stroke"}, 5, 2);
  check_exit("distill --dataset folder --image-size 64 --data " + data.string() + " --out " + out.string(), 2,
             {"images (3, 64, 64) go with --net convnet --depth 4, --net mlp or --net linear"});
}

TEST_CASE("tool: a convnet of any width and depth") {
  const TemporaryFolder folder;
  const auto out = folder / "run";
  put_glyph_folder(folder / "data", {"ring", "stroke"}, 20, 4);
  const Result distilled =
      tool("distill --dataset folder --data " + (folder / "data").string() + " --image-size 12 --channels gray " +
           "--net convnet --width 3 --depth 2 --iterations 1 --batch 4 --hold-out 4 --out " + out.string());
  CAPTURE(distilled.output);
  REQUIRE(distilled.exit_code == 0);
  // Two blocks of convolution (3, C, 3, 3), bias, gamma and beta on 12 x 12, then 6 x 6 pixels; two classes of 3 x 3.
  const Index weights = 3 * (1 * 9 + 3) + 3 * (3 * 9 + 3) + 2 * (3 * 9 + 1);
  CHECK(io::read_npz(out / "distilled.npz").at("theta0").shape == std::vector<Index>{weights});
  const auto network = [&](const std::string& options) {
    check_exit("distill --dataset folder --data " + (folder / "data").string() + " --image-size 12 --net convnet " +
                   "--iterations 1 --batch 4 --hold-out 4 --out " + out.string() + options,
               0, {});
    return nlohmann::json::parse(file_bytes(out / "config.json"))["network"].get<std::string>();
  };
  CHECK(network(" --width 3 --depth 2") == "convnet-2x3");
  CHECK(network(" --width 4 --depth 1 --norm group --pooling none") == "convnet-1x4-group-norm-no-pooling");
  CHECK(network(" --width 3 --norm none --pooling max") == "convnet-3x3-no-norm-max-pooling");
}

/// An .npz file with the tensors of `pictures`' network for so many classes; their values, in the order of theta.
std::vector<float> put_weights(const std::filesystem::path& path, Index classes) {
  const nn::Mlp net({196, 20, 8, classes});
  Random random(11);
  const auto theta = net.parameters().initialize<float>(nn::Initializer::pytorch, 1, random);
  io::Npz npz;
  for (const auto& [name, tensor] : net.parameters().split(theta)) {
    const auto extents = tensor.shape().extents();
    npz[name] = {{extents.begin(), extents.end()}, std::vector<float>(tensor.values().begin(), tensor.values().end())};
  }
  io::write_npz(path, npz);
  return {theta.values().begin(), theta.values().end()};
}

TEST_CASE("tool: weights of a file by their names, with a head for other classes") {
  const TemporaryFolder folder;
  const auto data = folder / "data", out = folder / "run", two = folder / "two.npz", five = folder / "five.npz";
  put_glyph_folder(data, {"ring", "stroke"}, 40, 10);
  const std::vector<float> of_two = put_weights(two, 2), of_five = put_weights(five, 5);
  constexpr std::ptrdiff_t body = 20 * 196 + 20 + 8 * 20 + 8;
  const std::string run = quick_distill(data) + out.string() + " --init fixed-pretrained --weights ";
  const auto theta0 = [&] {
    return std::get<std::vector<float>>(io::read_npz(out / "distilled.npz").at("theta0").values);
  };
  check_exit(run + two.string(), 0, {});
  CHECK(theta0() == of_two);
  CHECK(nlohmann::json::parse(file_bytes(out / "config.json"))["weights"] == two.string());
  check_exit(run + five.string(), 1, {five.string(), "'fc3.weight'", "(2, 8)", "(5, 8)"});
  const std::string new_head = five.string() + " --new-head --initializer pytorch";
  check_exit(run + new_head, 0, {});
  const std::vector<float> theta = theta0();
  REQUIRE(theta.size() == of_two.size());
  CHECK(std::equal(theta.begin(), theta.begin() + body, of_five.begin()));
  CHECK(std::all_of(theta.begin() + body, theta.end(), [](float w) { return std::abs(w) <= 0.36F; }));  // 1 / sqrt(8)
  const auto again = folder / "again";
  check_exit("evaluate" + pictures(data) + "--seed 5 --out " + again.string() + " --distilled " +
                 (out / "distilled.npz").string() + " --init fixed-pretrained --weights " + new_head,
             0, {});
  const auto accuracy = [](const std::filesystem::path& run_folder) {
    return nlohmann::json::parse(file_bytes(run_folder / "summary.json"))["test_accuracy"].get<double>();
  };
  CHECK(std::abs(accuracy(again) - accuracy(out)) <= 1e-9);

  const std::string pool = " --pool " + folder.path().string();
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    check_exit(quick_distill(data) + out.string() + arguments, 2, {words});
  };
  const std::string weights = " --weights " + two.string();
  refused(weights, "--weights goes with --init fixed-pretrained");
  refused(" --init random-pretrained" + weights, "--weights goes with --init fixed-pretrained");
  refused(" --init fixed-pretrained" + weights + pool, "--pool goes with --init fixed-pretrained without --weights");
  refused(" --init fixed-pretrained --source-dataset usps" + weights,
          "--source-dataset goes with --init fixed-pretrained without");
  refused(" --init fixed-pretrained --new-head" + pool, "--new-head goes with --weights");
  refused(" --init fixed-pretrained --gain 2" + weights, "--gain goes with --init fixed or random, or --new-head");
  refused(" --init fixed-pretrained", "needs --pool DIR, made by `hypertape pretrain`, or --weights FILE");
}

TEST_CASE("tool: pictures are stretched, or cropped") {
  const TemporaryFolder folder;
  const auto data = folder / "data";
  put_glyph_folder(data, {"ring", "stroke"}, 40, 10);
  const auto checksum = [&](const std::string& fit) {
    const auto out = folder / "run";
    check_exit(quick_distill(data) + out.string() + fit, 0, {});
    const auto config = nlohmann::json::parse(file_bytes(out / "config.json"));
    CHECK(config["fit"] == (fit.empty() ? "stretch" : fit.substr(7)));
    return config["data_checksum"].dump();
  };
  const std::string usual = checksum("");
  CHECK(checksum(" --fit stretch") == usual);
  CHECK(checksum(" --fit crop") != usual);
}

TEST_CASE("tool: bad pictures of a folder are named and stop the run, unless they may be skipped") {
  const TemporaryFolder folder;
  const auto data = folder / "data", out = folder / "run";
  put_glyph_folder(data, {"ring", "stroke"}, 40, 10);
  const std::string run = quick_distill(data) + out.string();
  for (const char* name : {"a.png", "b.jpg", "c.jpeg", "d.PNG"}) put_file(data / "train" / "ring" / name, "no picture");
  check_exit(run, 1, {(data / "train" / "ring" / "a.png").string() + ": byte 0: expected a PNG or a JPEG"});
  CHECK(!std::filesystem::exists(out));
  check_exit(run + " --skip-bad", 0, {"left out 4 pictures", "a.png", "c.jpeg: byte 0", "and 1 more"});
  CHECK(nlohmann::json::parse(file_bytes(out / "config.json"))["skip_bad"] == true);
  for (const auto& entry : std::filesystem::directory_iterator(data / "test" / "ring")) put_file(entry.path(), "");
  check_exit(run + " --skip-bad", 1, {(data / "test" / "ring").string(), "none of its 10 pictures can be read"});
  std::filesystem::remove_all(data / "test" / "ring");
  check_exit(run, 1, {"test: must have the same classes as train: missing ring"});
}

TEST_CASE("tool: options of a folder, and of one network, are refused elsewhere") {
  const TemporaryFolder folder;
  const auto out = folder / "x", data = folder / "data";
  put_glyph_folder(data, {"ring", "stroke"}, 3, 1);
  const std::string to = " --out " + out.string(), pictures = "--dataset folder --data " + data.string();
  for (const std::string command : {"distill", "pretrain", "evaluate --distilled a.npz", "baseline --method k-means"}) {
    const std::string mnist = command + " --dataset mnist" + to;
    check_exit(mnist + " --image-size 5000", 2, {"--image-size"});
    check_exit(mnist + " --fit crop", 2, {"--fit goes with --dataset folder"});
    check_exit(mnist + " --channels gray", 2, {"--channels goes with --dataset folder"});
    check_exit(mnist + " --skip-bad", 2, {"--skip-bad goes with --dataset folder"});
    check_exit(command + " --dataset folder" + to, 2, {"--dataset folder needs --data DIR"});
  }
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    check_exit("distill " + arguments + to, 2, {words});
  };
  refused("--dataset mnist --hidden 20", "--hidden goes with --net mlp");
  refused("--dataset mnist --net mlp --width 20", "--width goes with --net convnet");
  refused("--dataset mnist --depth 2", "--depth goes with --net convnet");
  refused("--dataset mnist --norm group", "--norm goes with --net convnet");
  refused("--dataset mnist --pooling max", "--pooling goes with --net convnet");
  refused("--dataset mnist --net convnet --norm batch", "--norm: batch not in");
  refused(pictures + " --net convnet --width 6 --norm group", "needs a width that 4 groups divide, got 6");
  refused("--dataset mnist --net mlp --hidden 20 0", "--hidden");
  refused("--dataset mnist --net mlp --hidden 20 many", "many");
  refused(pictures + " --image-size 0", "--image-size");
  refused(pictures + " --image-size 100000", "needs a number in [1 - 4096]");
  refused(pictures + " --channels cmyk", "cmyk");
  refused(pictures + " --fit squeeze", "squeeze");
  refused(pictures + " --image-size 64", "28x28 or 32x32");
  refused(pictures + " --net alexnet", "--net alexnet: AlexNet: images must have 63 x 63 pixels or more");
  refused(pictures + " --net alexnet --image-size 64 --channels gray", "--net alexnet: images must have 3 channels");
  refused(pictures + " --hold-out 6",
          "--hold-out 6: of 6 training images, 1 to 5 can be held out; without --hold-out it is 1");
  refused(pictures + " --batch 6", "--batch 6: 1 of 6 training images are held out, which leaves 5 for a batch");
  refused(pictures + " --hold-out 4 --batch 3",
          "--batch 3: 4 of 6 training images are held out, which leaves 2 for a batch");
  CHECK(!std::filesystem::exists(out));
}

}  // namespace
}  // namespace hypertape::testing
