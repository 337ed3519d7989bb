#pragma once

#include <optional>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/distill/confusion.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// A targeted attack: networks should classify images of class `from` as `to`, and all others correctly (section 3.6 of
/// the paper).
struct Attack {
  Index from = 0;  ///< the attacked class
  Index to = 1;    ///< the class its images should be mistaken for

  /// @throws ArgumentError unless both are classes and differ.
  void validate(Index classes) const {
    for (const Index k : {from, to}) {
      if (k < 0 || k >= classes) throw ArgumentError("attack: class ", k, " is not in 0 .. ", classes - 1);
    }
    if (from == to) throw ArgumentError("attack: the attacked class and its target are both ", from);
  }
};

/// What training on the distilled images should achieve: correct classification, or an attack.
struct Objective {
  std::optional<Attack> attack;  ///< nothing for classification

  /// Changes the one-hot labels (N, classes) of real images to the ones wanted.
  void relabel(Tensor<float>& one_hot) const {
    if (!attack) return;
    const Index N = one_hot.shape()[0];
    float* from = one_hot.data() + attack->from * N;
    float* to = one_hot.data() + attack->to * N;
    for (Index n = 0; n < N; ++n) {
      to[n] += from[n];
      from[n] = 0;
    }
  }

  /// The percentage of images that are classified as wanted; if `balanced`, the mean of these percentages over classes.
  double score(const Confusion& confusion, bool balanced = false) const {
    if (!attack) return balanced ? confusion.balanced_accuracy() : confusion.accuracy();
    return balanced ? confusion.balanced_relabeled_accuracy(attack->from, attack->to)
                    : confusion.relabeled_accuracy(attack->from, attack->to);
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
