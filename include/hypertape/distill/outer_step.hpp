#pragma once

#include <filesystem>
#include <optional>

#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/training_plan.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/unroll/certify.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// What an outer step learns from.
struct OuterGradient {
  double loss = 0;                                        ///< on real images
  SetGradient gradient = {};                              ///< its derivatives with respect to the distilled set
  std::optional<Certificate> certificate = std::nullopt;  ///< of these, if they were to be certified
};

/// A loss on real images that outer steps lower, with its derivatives.
class OuterStep {
 public:
  OuterStep() = default;
  OuterStep(const OuterStep&) = delete;
  OuterStep& operator=(const OuterStep&) = delete;
  virtual ~OuterStep() = default;

  /// Those of this iteration at this set; iterations follow each other. @throws DivergenceError if anything is not
  /// finite; another iteration may follow.
  virtual OuterGradient operator()(const DistilledSet& set, long iteration) = 0;

  /// Adds what later iterations depend on, besides the set, to the arrays of a checkpoint.
  virtual void save(io::Npz&) const {}
  /// Takes back what `save` wrote. @throws DataError naming the array that is missing, does not fit, or holds what no
  /// run leaves; the state is then undefined.
  virtual void restore(const io::Npz&, const std::filesystem::path&) {}
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
