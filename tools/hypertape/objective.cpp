#include "objective.hpp"

#include <utility>

#include "common.hpp"

namespace hypertape::cli {

void ObjectiveOptions::add(Options& options) {
  options.group("Objective");
  options.add("--objective", objective, "What the distilled images teach")
      ->check(CLI::IsMember({"classification", "attack"}));
  options.add("--attack-class", attack_class, "With --objective attack: class to be misclassified")
      ->check(positive(true));
  options.add("--target-class", target_class, "With --objective attack: class that it is mistaken for")
      ->check(positive(true));
}

distill::Objective ObjectiveOptions::make(Index classes) const {
  if (objective == "classification") {
    if (attack_class || target_class) {
      throw ArgumentError("--attack-class and --target-class go with --objective attack");
    }
    return {};
  }
  if (!attack_class || !target_class) {
    throw ArgumentError("--objective attack needs --attack-class and --target-class");
  }
  for (const auto& [option, k] :
       {std::pair("--attack-class", *attack_class), std::pair("--target-class", *target_class)}) {
    if (k >= classes) throw ArgumentError(option, ' ', k, ": classes are 0 .. ", classes - 1);
  }
  const distill::Attack attack{*attack_class, *target_class};
  attack.validate(classes);
  return {attack};
}

}  // namespace hypertape::cli
