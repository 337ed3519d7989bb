#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "hypertape/distill/distilled_parameters.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/io/npz.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The state that did best on the held-out images.
struct BestState {
  DistilledSet set;    ///< what had been learned by then
  double score = -1;   ///< percent on the held-out images
  long iteration = 0;  ///< outer steps by then
};

/// The state of a run: everything that the rest of it depends on besides options, dataset and initial weights.
struct TrainingState {
  DistilledParameters parameters;                ///< images, labels, learning rates and their optimizers
  long iteration = 0;                            ///< outer steps so far
  long skipped = 0;                              ///< how many of them changed nothing because a network diverged
  std::optional<BestState> best = std::nullopt;  ///< among the states that were scored

  /// Adds the state to the arrays of a checkpoint.
  void save(io::Npz& npz) const {
    npz["iteration"] = {{1}, std::vector<std::int64_t>{iteration}};
    npz["skipped"] = {{1}, std::vector<std::int64_t>{skipped}};
    parameters.save(npz);
    if (!best) return;
    io::add_prefixed(npz, "best", to_npz(best->set));
    npz["best_score"] = {{1}, std::vector<double>{best->score}};
    npz["best_iteration"] = {{1}, std::vector<std::int64_t>{best->iteration}};
  }

  /// Restores what `save` wrote in a run of at most `iterations`. @throws DataError naming the array of `path` that is
  /// missing, has another shape, or holds what no run can; the present state is then lost.
  void restore(const io::Npz& npz, const std::filesystem::path& path, long iterations) {
    const auto count = [&](const char* name, long most) {
      const std::int64_t value = io::require_values<std::int64_t>(npz, path, name, {1})[0];
      if (value >= 0 && value <= most) return static_cast<long>(value);
      throw io::bad_content(path, concat("array '", name, "'"), concat("a count in 0 .. ", most), concat(value));
    };
    iteration = count("iteration", iterations);
    skipped = count("skipped", iteration);
    parameters.restore(npz, path);
    best.reset();
    if (io::with_prefix(npz, "best").empty() && !npz.contains("best_score")) return;  // no state was scored
    best = {from_npz_like(parameters.set(), npz, "best", path),
            io::require_values<double>(npz, path, "best_score", {1})[0], count("best_iteration", iteration)};
    if (!std::isfinite(best->score)) {
      throw io::bad_content(path, "array 'best_score'", "a finite number", concat(best->score));
    }
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
