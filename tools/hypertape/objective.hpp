#pragma once

#include <optional>
#include <string>

#include "hypertape/distill/objective.hpp"
#include "options.hpp"

namespace hypertape::cli {

/// Options of the training objective.
struct ObjectiveOptions {
  std::string objective = "classification";
  std::optional<Index> attack_class, target_class;

  void add(Options& options);

  /// @throws ArgumentError if the options contradict each other or name a class that does not exist.
  distill::Objective make(Index classes) const;
};

}  // namespace hypertape::cli
