#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// Values that no option of the tool takes.

namespace hypertape::testing {
namespace {

TEST_CASE("tool: no option takes a NaN, an infinity, nothing, or a number beyond its type; each is named") {
  const TemporaryFolder folder;
  const auto csv = folder / "log.csv", out = folder / "out.svg";  // where a chart goes, and a folder may be, too
  put_file(csv, "a,b\n1,2\n");
  // What a command needs besides its --out, by the options that give it.
  const std::map<std::string, std::map<std::string, std::string>> commands = {
      {"distill", {}},
      {"pretrain", {}},
      {"evaluate", {{"--distilled", csv.string()}}},
      {"baseline", {{"--method", "k-means"}}},
      {"linear", {}},
      {"chart", {{"", csv.string()}, {"--y", "b"}}}};
  const std::set<std::string> any_text = {"--title", "--x-label", "--y-label"};
  const std::map<std::string, std::string> with = {// options that go with others
                                                   {"--attack-class", "--objective attack --target-class 1"},
                                                   {"--target-class", "--objective attack --attack-class 1"}};
  int numbers = 0, texts = 0;
  for (const auto& [command, needed] : commands) {
    std::istringstream help(tool(command + " --help-all").output);
    for (std::string line; std::getline(help, line);) {
      std::istringstream words(line);
      std::string option, kind;
      words >> option >> kind;
      if (!line.starts_with("  --") || any_text.contains(option) ||
          kind.find_first_of("abcdefghijklmnopqrstuvwxyz") == 0) {
        continue;
      }
      const bool number = kind == "N" || kind == "X";
      if (!number && kind != "DIR" && kind != "FILE" && kind != "NAME" && kind != "TEXT") continue;  // a flag
      (number ? numbers : texts) += 1;
      for (const std::string value : {"''", "nan", "inf", "-inf", "1e999", "99999999999999999999", "-99999999999"}) {
        if (!number && value != "''") continue;
        std::string arguments = command;
        for (const auto& [name, argument] : needed) {
          if (name != option) arguments += ' ' + name + ' ' + argument;
        }
        if (with.contains(option)) arguments += ' ' + with.at(option);
        if (option != "--out") arguments += " --out " + out.string();
        arguments += ' ' + option + ' ' + value;
        const Result result = tool(arguments);
        CAPTURE(arguments);
        CAPTURE(result.output);
        CHECK(result.exit_code == 2);
        CHECK(result.says(option));
        CHECK(!std::filesystem::exists(out));
      }
    }
  }
  CHECK(numbers >= 60);
  CHECK(texts >= 30);
}

TEST_CASE("tool: classes of an attack that are not there are named") {
  const TemporaryFolder folder;
  const std::string attack = "distill --dataset mnist --objective attack --out " + (folder / "out").string();
  check_exit(attack + " --attack-class 10 --target-class 1", 2, {"--attack-class 10: classes are 0 .. 9"});
  check_exit(attack + " --attack-class 1 --target-class 12", 2, {"--target-class 12: classes are 0 .. 9"});
  check_exit(attack + " --attack-class 1.5 --target-class 1", 2, {"--attack-class"});
}

}  // namespace
}  // namespace hypertape::testing
