#pragma once

#include <optional>
#include <string>

#include "hypertape/distill/objective.hpp"
#include "options.hpp"

namespace hypertape::cli {

/// What training is for, as options.
struct ObjectiveOptions {
  std::string objective = "classification";
  std::optional<Index> attack_class, target_class;

  void add(Options& options);

  /// @throws ArgumentError if the options do not go together, or name classes that are not there.
  distill::Objective make(Index classes) const;
};

}  // namespace hypertape::cli
