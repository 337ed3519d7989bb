#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>

#include "support/temporary_folder.hpp"
#include "support/tool.hpp"

// What the commands say in summary.json.

namespace hypertape::testing {
namespace {

using Json = nlohmann::json;

/// Calls visit(path, value) for each value in an object: "attack.success_ratio.after"; elements of arrays as
/// "points[]".
template <class Visit>
void visit_values(const Json& json, const std::string& path, const Visit& visit) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) visit_values(value, path.empty() ? key : path + "." + key, visit);
  } else if (json.is_array()) {
    for (const Json& element : json) visit_values(element, path + "[]", visit);
  } else {
    visit(path, json);
  }
}

TEST_CASE("tool: a key of summary.json has one type in all commands, is never null, and percent have few digits") {
  const TemporaryFolder folder;
  const std::string set = (folder / "distill" / "distilled.npz").string();
  const std::map<std::string, std::string> commands = {
      {"distill", quick(folder / "distill") + " --objective attack --attack-class 1 --target-class 2"},
      {"evaluate", "evaluate --dataset mnist --distilled " + set + " --out " + (folder / "evaluate").string()},
      {"random", "evaluate --dataset mnist --init random --test-networks 3 --distilled " + set + " --out " +
                     (folder / "random").string()},
      {"pretrain",
       "pretrain --dataset mnist --net linear --epochs 1 --networks 3 --out " + (folder / "pretrain").string()},
      {"baseline",
       "baseline --dataset mnist --net linear --method average-real --epochs-grid 1 --learning-rates 0.1 "
       "--out " +
           (folder / "baseline").string()},
      {"rates",
       "baseline --dataset mnist --net linear --method average-real --epochs-grid 1 --learning-rates 1000 "
       "--rates " +
           set + " --out " + (folder / "rates").string()},
      {"k-nn", "baseline --dataset mnist --classifier k-nn --method average-real --out " + (folder / "k-nn").string()},
      {"linear", "linear --dimension 2 --iterations 2 --out " + (folder / "linear").string()}};
  std::map<std::string, std::string> types;
  for (const auto& [name, command] : commands) {
    const Result result = tool(command);
    CAPTURE(result.output);
    REQUIRE(result.exit_code == 0);
    visit_values(Json::parse(file_bytes(folder / name / "summary.json")), "",
                 [&, name = name](const std::string& path, const Json& value) {
                   CAPTURE(name);
                   CAPTURE(path);
                   CHECK(!value.is_null());
                   const std::string type = value.is_number_float() ? "float"
                                            : value.is_number()     ? "integer"
                                                                    : value.type_name();
                   CHECK(types.try_emplace(path, type).first->second == type);
                   if (path.find("accura") == std::string::npos && path.find("ratio") == std::string::npos &&
                       path.find("score") == std::string::npos) {
                     return;
                   }
                   const double scaled = value.get<double>() * 1e4;
                   CHECK(std::abs(scaled - std::round(scaled)) <= 1e-6);
                 });
  }
  CHECK(types.at("test_accuracy") == "float");
  CHECK(types.at("class_accuracies.7") == "float");
  CHECK(types.at("test_balanced_accuracy") == "float");
}

}  // namespace
}  // namespace hypertape::testing
