#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <utility>

#include "hypertape/autodiff/var.hpp"
#include "hypertape/core/concepts.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/unroll/inner_loop.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A callable that takes these arguments and records a scalar.
template <class Loss, class T, class... Arguments>
concept RecordsLoss = requires(const Loss& loss, Arguments... arguments) {
  { loss(arguments...) } -> std::convertible_to<Var<T>>;
};

/// Determines which of the forms of an inner loss a callable has.
template <class Loss, class T>
class InnerLossForm {
  using V = Var<T>;
  using Data = std::span<const Var<T>>;

  /// Asks only if necessary: asking a generic lambda means compiling it for these arguments.
  template <bool Ask, class... Arguments>
  static consteval bool takes() {
    if constexpr (Ask) return RecordsLoss<Loss, T, Arguments...>;
    return false;
  }

  static constexpr bool pair = RecordsLoss<Loss, T, V, V, V>;
  static constexpr bool pair_phi = RecordsLoss<Loss, T, V, V, V, V>;
  static constexpr bool pair_step = takes<!pair_phi, V, V, V, Index>();
  static constexpr bool pair_phi_step = takes<!pair_phi, V, V, V, V, Index>();
  static constexpr bool any_pair = pair || pair_phi || pair_step || pair_phi_step;
  static constexpr bool span = takes<!any_pair, V, Data>();
  static constexpr bool span_phi = takes<!any_pair, V, Data, V>();
  static constexpr bool span_step = takes < !any_pair && !span_phi, V, Data, Index > ();
  static constexpr bool span_phi_step = takes < !any_pair && !span_phi, V, Data, V, Index > ();

 public:
  static constexpr bool with_phi = pair_phi || pair_phi_step || span_phi || span_phi_step;
  static constexpr bool without_phi = pair || pair_step || span || span_step;
  static_assert(with_phi || without_phi,
                "an inner loss takes Vars of the scalar type T and returns one: loss(theta, x, y), or "
                "loss(theta, std::span<const Var<T>> data), optionally followed by a Var phi, and by the "
                "Index of the step");

  /// Records the loss at step t; phi is empty if there are no hyperparameters. @throws ArgumentError if there are
  /// hyperparameters but the loss takes none, or vice versa, or if the loss takes x and y but the data is not two
  /// tensors.
  static V call(const Loss& loss, V theta, Data data, V phi, Index t) {
    if constexpr (with_phi) {
      if (phi) return call_with_phi(loss, theta, data, phi, t);
    }
    if constexpr (without_phi) return call_without_phi(loss, theta, data, t);
    throw ArgumentError("hypergradient: the inner loss takes hyperparameters, but the loop has none");
  }

 private:
  static V call_with_phi(const Loss& loss, V theta, Data data, V phi, Index t) {
    if constexpr (any_pair) require_pair(data);
    if constexpr (pair_phi_step) {
      return loss(theta, data[0], data[1], phi, t);
    } else if constexpr (pair_phi) {
      return loss(theta, data[0], data[1], phi);
    } else if constexpr (span_phi_step) {
      return loss(theta, data, phi, t);
    } else {
      return loss(theta, data, phi);
    }
  }
  static V call_without_phi(const Loss& loss, V theta, Data data, Index t) {
    if constexpr (any_pair) require_pair(data);
    if constexpr (pair_step) {
      return loss(theta, data[0], data[1], t);
    } else if constexpr (pair) {
      return loss(theta, data[0], data[1]);
    } else if constexpr (span_step) {
      return loss(theta, data, t);
    } else {
      return loss(theta, data);
    }
  }
  static void require_pair(Data data) {
    if (data.size() == 2) return;
    throw ArgumentError("hypergradient: the inner loss takes x and y, but a step has ", data.size(),
                        " tensors of data; a loss(theta, std::span<const Var<T>>) takes any number");
  }
};

}  // namespace detail

/// An inner loss as a value: any callable that records a scalar from Vars, the mean over the samples of one step. It
/// takes its data either as Vars x and y or as a span of any number of Vars; then optionally the hyperparameters phi;
/// and optionally, as the last argument, the number t of its step:
///
///     loss(theta, x, y)                        loss(theta, std::span<const Var<T>> data)
///     loss(theta, x, y, phi)                   loss(theta, data, phi)
///     loss(theta, x, y, t)                     loss(theta, data, t)
///     loss(theta, x, y, phi, t)                loss(theta, data, phi, t)
///
/// If the fourth argument of a generic lambda can be a Var, it is phi, and the lambda gets no step. Other signatures do
/// not compile. A copy holds a copy of the callable.
template <class T>
class InnerLoss {
 public:
  /// From a callable of one of these forms.
  template <detail::DiffersFrom<InnerLoss> Loss>
  InnerLoss(Loss loss)  // NOLINT(google-explicit-constructor)
      : with_phi_(detail::InnerLossForm<Loss, T>::with_phi), without_phi_(detail::InnerLossForm<Loss, T>::without_phi) {
    record_ = [loss = std::move(loss)](Var<T> theta, std::span<const Var<T>> data, Var<T> phi, Index t) {
      return detail::InnerLossForm<Loss, T>::call(loss, theta, data, phi, t);
    };
  }

  /// Records the loss at step t; phi is empty if there are no hyperparameters. @throws ArgumentError if there are
  /// hyperparameters but the loss takes none, or vice versa, or if the loss takes x and y but the data is not two
  /// tensors.
  Var<T> operator()(Var<T> theta, std::span<const Var<T>> data, Var<T> phi, Index t) const {
    return record_(theta, data, phi, t);
  }

  /// Whether it accepts hyperparameters.
  bool takes_hyperparameters() const { return with_phi_; }

  /// Checks that loop, inner loss and rule agree on whether there are hyperparameters. @throws ArgumentError otherwise.
  void require_fit(const InnerLoop<T>& loop) const {
    if (loop.has_hyperparameters() && !with_phi_ && !loop.rule->takes_hyperparameters()) {
      throw ArgumentError("hypergradient: the loop has hyperparameters, but the inner loss takes none");
    }
    if (!loop.has_hyperparameters() && !without_phi_) {
      throw ArgumentError("hypergradient: the inner loss takes hyperparameters, but the loop has none");
    }
  }

 private:
  bool with_phi_, without_phi_;
  std::function<Var<T>(Var<T>, std::span<const Var<T>>, Var<T>, Index)> record_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
