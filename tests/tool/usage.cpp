#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "help.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/io/npz.hpp"
#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// The program as its users meet it: what it prints, what it writes, how it exits.

namespace hypertape::testing {
namespace {

TEST_CASE("tool: wrong usage exits with 2 and names the option") {
  const TemporaryFolder folder;
  const std::string out = " --out " + (folder.path() / "x").string();
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    check_exit(arguments, 2, {words});
  };
  refused("", "A command is required");
  refused("dance", "dance");
  refused("pretrain --dataset mnist", "--out is required");
  refused("distill --dataset mnist --no-such-option 3" + out, "--no-such-option");
  refused("distill --dataset mnist stray" + out, "stray");
  refused("distill --dataset mnist --seed 1 --seed 2" + out, "--seed: takes one value, got 2; see");
  refused("distill --dataset mnist --sed 1", "not expected: 1 --sed");
  refused("evaluate --destilled x.npz" + out, "--destilled");
  refused("distill --dataset mnist --out", "--out: 1 required DIR missing");
  refused("distill --dataset imagenet" + out, "imagenet");
  refused("distill --dataset mnist --steps 0" + out, "--steps");
  refused("distill --dataset mnist --steps two" + out, "two");
  refused("distill --dataset mnist --batch -3" + out, "--batch");
  refused("distill --dataset mnist --iterations 99999999999999999999" + out, "--iterations");
  refused("distill --dataset mnist --seed -1" + out, "--seed");
  refused("distill --dataset mnist --seed 99999999999999999999" + out, "--seed");
  refused("distill --dataset mnist --learning-rate 0" + out, "--learning-rate");
  refused("distill --dataset mnist --learning-rate nan" + out, "--learning-rate");
  refused("distill --dataset mnist --initial-learning-rate inf" + out, "--initial-learning-rate");
  refused("distill --dataset mnist --threads -1" + out, "--threads");
  refused("distill --dataset mnist --init lucky" + out, "lucky");
  refused("evaluate --dataset mnist" + out, "--distilled is required");
  refused("distill --dataset mnist --hold-out 100000" + out,
          "--hold-out 100000: of 2000 training images, 1 to 1999 can be held out");
  refused("distill --dataset glyphs --data ." + out, "glyphs");
  refused("distill --dataset mnist --images 15" + out, "10 classes need a multiple of their number");
  refused("distill --dataset mnist --images 20 --images-per-class 2" + out, "--images");
  refused("distill --dataset mnist --hold-out 100 --images-per-class 500" + out,
          "class 0 has 200 training images, 500 are needed");
  refused("distill --dataset mnist --epochs 1000000" + out, "100000 inner steps");
  refused("distill --dataset mnist --net alexcifarnet" + out, "(3, 32, 32)");
  refused("distill --dataset mnist --objective attack --attack-class 3" + out, "--target-class");
  refused("distill --dataset mnist --objective attack --attack-class 3 --target-class 3" + out, "both 3");
  refused("distill --dataset mnist --objective attack --attack-class 3 --target-class 10" + out, "class 10");
  refused("distill --dataset mnist --attack-class 3" + out, "--objective attack");
  refused("distill --dataset mnist --init random-pretrained" + out, "--pool");
  const auto ignored = [&](const std::string& arguments, const std::string& option, const std::string& where) {
    refused(arguments + ' ' + option + " 5" + out, option + " goes with " + where);
  };
  const std::string distill = "distill --dataset mnist", evaluate = "evaluate --dataset mnist --distilled a.npz";
  for (const std::string& command : {distill, evaluate}) {
    ignored(command, "--pool", "--init fixed-pretrained or random-pretrained");
    ignored(command + " --init random", "--pool", "--init fixed-pretrained or random-pretrained");
    ignored(command, "--test-networks", "--init random or random-pretrained");
    ignored(command + " --init random-pretrained", "--gain", "--init fixed or random");
    refused(command + " --source-dataset usps" + out, "--source-dataset goes with --init fixed-pretrained");
  }
  ignored(evaluate, "--gain", "--init random");
  ignored("baseline --dataset mnist --method k-means --classifier k-nn", "--weights", "--classifier network");
  refused(evaluate + " --initializer he-normal" + out, "--initializer goes with --init random");
  ignored(distill, "--labels-learning-rate", "--soft-labels");
  refused(distill + " --clamp-labels" + out, "--clamp-labels goes with --soft-labels");
  ignored(distill + " --start real", "--initial-noise", "--start noise");
  refused("distill --dataset mnist --start lucky" + out, "lucky not in {noise,real,k-means}");
  ignored(distill, "--networks", "--init random or random-pretrained");
  ignored(distill + " --init fixed-pretrained", "--validation-networks", "--init random or random-pretrained");
  refused("distill --dataset mnist --random-windows" + out, "window");
  refused("distill --dataset mnist --random-windows --window 3" + out, "window shorter than the loop");
  refused("distill --dataset mnist --hold-out 64 --augment turn=3" + out, "there is no 'turn'");
  refused("distill --dataset mnist --net convnet --width 100000" + out, "--width");
  CHECK(!std::filesystem::exists(folder.path() / "x"));
  CHECK(tool("--help").exit_code == 0);
  CHECK(tool("distill --help-all").says("--learning-rate"));
  CHECK(tool("--version").exit_code == 0);
}

TEST_CASE("tool: help lists options in groups, each with its default, and wraps at the terminal's width") {
  const auto lines_of = [](const std::string& text) {
    std::vector<std::string> lines(1);
    for (const char c : text) {
      if (c == '\n') {
        lines.emplace_back();
      } else {
        lines.back() += c;
      }
    }
    return lines;
  };
  for (const std::string command : {"distill", "pretrain", "evaluate", "baseline", "linear", "chart"}) {
    CAPTURE(command);
    std::size_t longest = 0;
    for (const std::size_t width : {std::size_t{60}, std::size_t{80}, std::size_t{120}}) {
      const std::string columns = width == 80 ? "env -u COLUMNS " : hypertape::detail::concat("COLUMNS=", width, ' ');
      const Result help = shell(columns + HYPERTAPE_TOOL + ' ' + command + " --help-all");
      REQUIRE(help.exit_code == 0);
      longest = 0;
      for (const std::string& line : lines_of(help.output)) longest = std::max(longest, line.size());
      CHECK(longest <= width);
      CHECK(longest >= width - 15);  // it uses what there is
      // An option begins with two blanks; all but those for help end with brackets.
      std::string option;
      std::size_t options = 0;
      for (const std::string& line : lines_of(help.output)) {
        if (line.starts_with("  --") || line.empty()) {
          if (!option.empty() && option.find("help") == std::string::npos) {
            CHECK_MESSAGE(option.back() == ']', option);
          }
          option = line;
          if (!line.empty()) ++options;
        } else if (!option.empty()) {
          option += line;
        }
      }
      CHECK(options >= 7);
    }
  }
  const Result help = tool("distill --help-all");
  for (const char* words : {"\nData:\n", "\nNetwork:\n", "\nInitial weights:\n", "\nOuter loop:\n", "--hold-out N",
                            "--net NAME", "--data DIR", "--clip X", "lenet, alexcifarnet", "[0; 0 to 1024]", "[off]"}) {
    CHECK_MESSAGE(help.says(words), words);
  }
  check_exit("evaluate --no-such", 2, {"hypertape: ", "--no-such; see hypertape evaluate --help\n"});
  check_exit("", 2, {"hypertape: A command is required; see hypertape --help\n"});
}

TEST_CASE("tool: what --help shows fits a screen, and names what it leaves out") {
  const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
  const Result general = shell(std::string("env -u COLUMNS ") + HYPERTAPE_TOOL + " --help");
  CHECK(lines(general.output) <= 24);
  for (const char* command : {"distill", "pretrain", "evaluate", "baseline", "linear", "chart", "report"}) {
    CHECK_MESSAGE(general.says(std::string("\n  ") + command), command);
  }
  CHECK(!general.says("\n  complete"));
  const Result some = tool("distill --help"), all = tool("distill --help-all");
  CHECK(2 * lines(some.output) < lines(all.output));
  CHECK(some.says("more options: hypertape distill --help-all"));
  CHECK(!all.says("more options"));
  for (const char* option : {"--data DIR", "--dataset NAME", "--net NAME", "--iterations N", "--resume DIR"}) {
    CHECK_MESSAGE(some.says(option), option);
  }
  CHECK(!some.says("--clip-memory"));
  CHECK(all.says("--clip-memory"));
  CHECK(!some.says("Ridge regression"));  // a group of which nothing is shown
  CHECK(!tool("linear --help").says("more options"));
}

TEST_CASE("tool: every option that --help shows is there") {
  for (const std::string command : {"distill", "evaluate", "pretrain", "baseline"}) {
    const Result some = tool(command + " --help");
    for (const std::string& name : cli::common_options().at(command)) {
      CHECK_MESSAGE(some.says(name), command, ' ', name);
    }
  }
}

TEST_CASE("tool: bash completes commands, options and their choices") {
  const std::string script = HYPERTAPE_TEST_FOLDER "/../tools/hypertape/completion.bash";
  const auto completed = [&](const std::string& words, int word) {
    return shell("bash -c '. " + script + "; hypertape() { " + HYPERTAPE_TOOL + " \"$@\"; }; COMP_WORDS=(hypertape " +
                 words + "); COMP_CWORD=" + std::to_string(word) +
                 "; _hypertape; printf \"%s\\n\" \"${COMPREPLY[@]}\"'")
        .output;
  };
  CHECK(completed("di", 1) == "distill\n");
  CHECK(completed("\"\"", 1).find("\nreport\n") != std::string::npos);
  CHECK(completed("\"\"", 1).find("complete\n") == std::string::npos);
  CHECK(completed("distill --net alex", 3) == "alexcifarnet\nalexnet\n");
  CHECK(completed("distill --soft", 2) == "--soft-labels\n");
  CHECK(completed("distill --soft-labels --soft", 3) == "\n");  // it is there already
  CHECK(completed("distill --out x", 3) == "\n");               // bash then completes names of files
}

TEST_CASE("tool: files that cannot be used fail with 1, one clear line, and nothing half-written") {
  const TemporaryFolder folder;
  const auto out = folder.path() / "out";
  const auto fails = [&](const std::string& arguments, std::initializer_list<std::string> words) {
    check_exit(arguments, 1, words);
    CHECK(!std::filesystem::exists(out));
  };
  const std::string to_out = " --out " + out.string();
  const auto empty = folder.path() / "empty";
  std::filesystem::create_directory(empty);
  fails("distill --dataset mnist --data " + empty.string() + to_out, {"train-images-idx3-ubyte", "folder"});

  const auto broken = folder.path() / "broken.npz";
  std::ofstream(broken) << "not an archive";
  fails("evaluate --dataset mnist --distilled " + broken.string() + to_out, {"broken.npz"});
  fails("evaluate --dataset mnist --distilled " + (folder.path() / "absent.npz").string() + to_out, {"absent.npz"});

  io::Npz npz;
  npz["images"] = {{1, 2, 1, 4, 4}, std::vector<float>(32)};
  npz["labels"] = {{1, 2}, std::vector<std::int64_t>{0, 1}};
  npz["learning_rates"] = {{1, 1}, std::vector<float>{0.1f}};
  npz["mean"] = npz["std"] = {{1}, std::vector<float>{0.5f}};
  const auto small = folder.path() / "small.npz";
  io::write_npz(small, npz);
  fails("evaluate --dataset mnist --distilled " + small.string() + to_out, {"small.npz", "(2, 1, 4, 4)", "28"});
  npz["images"] = {{1, 2, 1, 28, 28}, std::vector<float>(2 * 784)};
  io::write_npz(small, npz);
  fails("evaluate --dataset mnist --distilled " + small.string() + to_out, {"small.npz", "2 classes, mnist has 10"});
  npz["images"] = {{1, 10, 1, 28, 28}, std::vector<float>(10 * 784)};
  npz["labels"] = {{1, 10}, std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
  io::write_npz(small, npz);
  fails("evaluate --dataset mnist --distilled " + small.string() + to_out, {"theta0", "--init random"});
}

}  // namespace
}  // namespace hypertape::testing
