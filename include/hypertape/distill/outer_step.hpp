#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/training_plan.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/unroll/certify.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The loss of an outer step and its derivatives.
struct OuterGradient {
  double loss = 0;                                        ///< on real images
  SetGradient gradient = {};                              ///< its derivatives with respect to the distilled set
  std::optional<Certificate> certificate = std::nullopt;  ///< of these derivatives, if one was due
};

/// A type-erased outer step: a loss on real images to lower, with its derivatives. A Step is called with a set and the
/// iteration's number, and returns an OuterGradient. If later iterations depend on more than the set, it also has
/// `save(npz)`, which adds that state to the arrays of a checkpoint, and `restore(npz, path)`.
class OuterStep {
 public:
  /// Wraps a step; copies share it.
  template <class Step>
  explicit OuterStep(const std::shared_ptr<Step>& step)
      : take_([step](const DistilledSet& set, long iteration) { return (*step)(set, iteration); }) {
    if constexpr (requires(io::Npz & npz) { step->save(npz); }) {
      save_ = [step](io::Npz& npz) { step->save(npz); };
      restore_ = [step](const io::Npz& npz, const std::filesystem::path& path) { step->restore(npz, path); };
    }
  }

  /// The loss and derivatives of this iteration at this set. Iterations must come in order. @throws DivergenceError if
  /// a value is not finite; the next iteration can still follow.
  OuterGradient operator()(const DistilledSet& set, long iteration) const { return take_(set, iteration); }

  /// Adds what later iterations depend on to the arrays of a checkpoint.
  void save(io::Npz& npz) const {
    if (save_) save_(npz);
  }
  /// Restores what `save` wrote. @throws DataError naming an array that is missing, has another shape, or holds what no
  /// run can; the present state is then lost.
  void restore(const io::Npz& npz, const std::filesystem::path& path) const {
    if (restore_) restore_(npz, path);
  }

 private:
  std::function<OuterGradient(const DistilledSet&, long)> take_;
  std::function<void(io::Npz&)> save_;
  std::function<void(const io::Npz&, const std::filesystem::path&)> restore_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
