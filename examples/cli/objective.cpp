#include "objective.hpp"

namespace hypertape::cli {

void ObjectiveOptions::add(Options& options) {
  options.group("Objective");
  options.add("--objective", objective, "What the distilled images shall teach")
      ->check(CLI::IsMember({"classification", "attack"}));
  options.add("--attack-class", attack_class, "Of an attack: the class whose images shall be mistaken");
  options.add("--target-class", target_class, "Of an attack: the class that they shall be taken for");
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
  const distill::Attack attack{*attack_class, *target_class};
  attack.validate(classes);
  return {attack};
}

}  // namespace hypertape::cli
