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

/// What an outer step learns from.
struct OuterGradient {
  double loss = 0;                                        ///< on real images
  SetGradient gradient = {};                              ///< its derivatives with respect to the distilled set
  std::optional<Certificate> certificate = std::nullopt;  ///< of these, if they were to be certified
};

/// A loss on real images that outer steps lower, with its derivatives: any Step behind one type. A Step gives an
/// OuterGradient of a set and the number of the iteration, and where later iterations depend on more than the set, it
/// has `save(npz)`, which adds that to the arrays of a checkpoint, and `restore(npz, path)`, which takes it back.
class OuterStep {
 public:
  /// Copies share the step.
  template <class Step>
  explicit OuterStep(const std::shared_ptr<Step>& step)
      : take_([step](const DistilledSet& set, long iteration) { return (*step)(set, iteration); }) {
    if constexpr (requires(io::Npz & npz) { step->save(npz); }) {
      save_ = [step](io::Npz& npz) { step->save(npz); };
      restore_ = [step](const io::Npz& npz, const std::filesystem::path& path) { step->restore(npz, path); };
    }
  }

  /// That of this iteration at this set; iterations follow each other. @throws DivergenceError if anything is not
  /// finite; another iteration may follow.
  OuterGradient operator()(const DistilledSet& set, long iteration) const { return take_(set, iteration); }

  /// Adds what later iterations depend on to the arrays of a checkpoint.
  void save(io::Npz& npz) const {
    if (save_) save_(npz);
  }
  /// Takes back what `save` wrote. @throws DataError naming the array that is missing, does not fit, or holds what no
  /// run leaves; the state is then undefined.
  void restore(const io::Npz& npz, const std::filesystem::path& path) const {
    if (restore_) restore_(npz, path);
  }

 private:
  std::function<OuterGradient(const DistilledSet&, long)> take_;
  std::function<void(io::Npz&)> save_;
  std::function<void(const io::Npz&, const std::filesystem::path&)> restore_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
