#pragma once

#include <algorithm>
#include <ostream>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/optim/rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// All inputs of a training run of T = steps x epochs steps, for t from 0 to T - 1 and s = t mod steps:
///
///     g_t     = grad_theta l(theta_t, x_s, y_s)
///     s_{t+1} = rule(s_t, g_t, eta_t),                s_t = (theta_t, slots),
///
/// for plain descent theta_{t+1} = theta_t - eta_t g_t. The inner loss l may take more inputs: see inner_loss.hpp.
///
/// An absent tensor is a scalar, or is missing from its vector. Only `for_each_input` and `for_each_data` know which
/// inputs there are.
template <class T>
struct InnerLoop {
  Tensor<T> theta0;          ///< (P)
  std::vector<Tensor<T>> x;  ///< for each step, a batch (N, ...)
  std::vector<Tensor<T>> y;  ///< for each step, its labels (N, ...), one-hot or soft

  /// (epochs, steps), row-major: eta_t is element t. With groups of weights (epochs, steps, groups).
  Tensor<T> learning_rates;
  optim::Rule<T> rule{};  ///< with its coefficients, such as a momentum; by default plain gradient descent

  /// phi (H): further inputs of the inner loss and the rule, the same in every step, such as one L2 penalty for each
  /// group of weights; a scalar, the default, means none.
  Tensor<T> hyperparameters{};

  /// More tensors for each step: extra[i][s]. A tensor whose shape is a `Shape::batch` has one entry per sample of x,
  /// such as its weight, and is cut along with x if steps are cut into blocks of samples. Any other is passed whole to
  /// each block.
  std::vector<std::vector<Tensor<T>>> extra{};
  optim::State<T> state0{};     ///< the rule's state from earlier steps; empty, the default, for a new start
  std::vector<Index> groups{};  ///< sizes of the groups of weights, in the order of theta; empty means one group
  Index first_step = 0;         ///< earlier steps are not taken: theta0 is their result
  Index max_steps = 0;          ///< the most steps to take; 0 means all from the first on

  /// The number of steps in one epoch.
  Index steps() const { return learning_rates.shape()[1]; }
  /// T = steps x epochs.
  Index length() const { return learning_rates.shape()[0] * learning_rates.shape()[1]; }
  /// The steps to take: all T from `first_step` on, or at most `max_steps` of them unless that is 0.
  Range range() const { return {first_step, max_steps == 0 ? length() : first_step + max_steps}; }
  /// s, the number of the data that step t trains on.
  std::size_t data_of(Index t) const { return static_cast<std::size_t>(t % steps()); }
  /// eta_t for each group.
  std::span<const T> rates(Index t) const {
    const auto count = static_cast<std::size_t>(learning_rates.size() / length());
    return learning_rates.values().subspan(static_cast<std::size_t>(t) * count, count);
  }
  /// Whether there are hyperparameters.
  bool has_hyperparameters() const { return hyperparameters.shape().rank() > 0; }

  /// The number of data tensors of a step.
  std::size_t tensors_of_step() const { return (x.empty() ? 0U : 1U) + (y.empty() ? 0U : 1U) + extra.size(); }
  /// The number N of samples in the data of step s; 1 if none of it is a batch.
  Index samples_of(std::size_t s) const;

  /// Checks the inputs. @throws ShapeError if they do not fit together, ArgumentError if a number is out of range.
  void validate() const;
};

/// The name of a tensor of an `InnerLoop` in messages: "x of step 3".
struct InputName {
  const char* what;       ///< "initial weights", "x", ...
  Index step = -1;        ///< the step whose data it is, or -1 for inputs of the whole run
  std::size_t place = 0;  ///< its number among several of a kind, such as slots

  /// Writes the name.
  friend std::ostream& operator<<(std::ostream& out, const InputName& name) {
    out << name.what;
    if (name.place > 0) out << ' ' << name.place;
    if (name.step >= 0) out << " of step " << name.step;
    return out;
  }
};

/// Calls f(name, tensor of the first loop, tensor of the second, ...) for each tensor that every loop has. Means over
/// tasks, checks, forecasts, updates, tangents and files all use this function and name no input themselves: a new
/// input needs only a member above and a line here.
template <class F, class... Loop>
void for_each_input(const F& f, Loop&... loops) {
  const auto one = [&](const InputName& name, auto&... tensors) {
    if (((tensors.shape().rank() > 0) && ...)) f(name, tensors...);
  };
  const auto each_step = [&](const char* what, std::size_t place, auto&... tensors) {
    const std::size_t count = (std::min)({tensors.size()...});
    for (std::size_t s = 0; s < count; ++s) f(InputName{what, static_cast<Index>(s), place}, tensors[s]...);
  };
  one({"initial weights"}, loops.theta0...);
  each_step("x", 0, loops.x...);
  each_step("y", 0, loops.y...);
  for (std::size_t i = 0; i < (std::min)({loops.extra.size()...}); ++i) each_step("extra", i + 1, loops.extra[i]...);
  one({"learning rates"}, loops.learning_rates...);
  one({"coefficients of the rule"}, loops.rule.coefficients...);
  one({"hyperparameters"}, loops.hyperparameters...);
  for (std::size_t i = 0; i < (std::min)({loops.state0.slot.size()...}); ++i) {
    one({"initial slot", -1, i + 1}, loops.state0.slot[i]...);
  }
}

/// Calls f(cut, tensor of the loop, pointers to the same tensor of each other loop) for the data of step s. `cut` says
/// whether the tensor is cut into blocks of samples; a pointer is null if that loop does not have the tensor.
template <class F, class Loop, class... Others>
void for_each_data(std::size_t s, const F& f, Loop& loop, Others&... others) {
  const auto one = [&](bool batches, auto& tensors, auto*... same) {
    if (tensors.empty()) return;
    const bool cut = batches || tensors[s].shape().layout() == Layout::samples_innermost;
    f(cut, tensors[s], (same != nullptr && !same->empty() ? &(*same)[s] : nullptr)...);
  };
  one(true, loop.x, &others.x...);
  one(true, loop.y, &others.y...);
  for (std::size_t i = 0; i < loop.extra.size(); ++i) {
    one(false, loop.extra[i], (i < others.extra.size() ? &others.extra[i] : nullptr)...);
  }
}

/// The step data to differentiate with respect to; derivatives with respect to all other inputs are always taken.
struct WantedData {
  bool x = true;       ///< the samples
  bool y = false;      ///< the labels
  bool extra = false;  ///< all other tensors
};

namespace detail {

/// Makes the tensor zero, with the shape of `like`.
template <class T>
void zero_like(const Tensor<T>& like, Tensor<T>& tensor) {
  tensor.resize(like.shape());
  tensor.fill(T(0));
}

/// Gives `out` the wanted data and the hyperparameters of the loop, all zero: room for the derivatives with respect to
/// the inputs of the inner loss.
template <class T>
void zero_loss_inputs_like(const InnerLoop<T>& loop, const WantedData& wanted, InnerLoop<T>& out) {
  const auto zero_steps = [&](bool wants, const std::vector<Tensor<T>>& like, std::vector<Tensor<T>>& tensors) {
    tensors.resize(wants ? like.size() : 0);
    for (std::size_t s = 0; s < tensors.size(); ++s) zero_like(like[s], tensors[s]);
  };
  zero_steps(wanted.x, loop.x, out.x);
  zero_steps(wanted.y, loop.y, out.y);
  out.extra.resize(wanted.extra ? loop.extra.size() : 0);
  for (std::size_t i = 0; i < out.extra.size(); ++i) zero_steps(true, loop.extra[i], out.extra[i]);
  zero_like(loop.hyperparameters, out.hyperparameters);
}

/// Makes `out` a loop with the same inputs, as far as they are wanted, all zero: room for derivatives. Slots are always
/// included.
template <class T>
void zeros_like(const InnerLoop<T>& loop, const WantedData& wanted, InnerLoop<T>& out) {
  zero_loss_inputs_like(loop, wanted, out);
  zero_like(loop.theta0, out.theta0);
  zero_like(loop.learning_rates, out.learning_rates);
  out.rule = loop.rule;
  out.rule.coefficients.fill(T(0));
  out.state0.slot.resize(loop.rule->slot_count());
  for (Tensor<T>& slot : out.state0.slot) zero_like(loop.theta0, slot);
  out.groups = loop.groups;
  out.first_step = loop.first_step;
  out.max_steps = loop.max_steps;
}

/// The inner product over all inputs that both have. For a direction and a hypergradient, it is the derivative along
/// the direction.
template <class T>
double inner_product(const InnerLoop<T>& a, const InnerLoop<T>& b) {
  double sum = 0;
  const auto add = [&](const InputName&, const Tensor<T>& x, const Tensor<T>& y) {
    for (Index i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  };
  for_each_input(add, a, b);
  return sum;
}

/// Requires the direction to fit the loop. @throws ShapeError, naming the tensor, if its shape differs from the loop's,
/// or if the direction has data for other steps.
template <class T>
void require_direction(const InnerLoop<T>& loop, const InnerLoop<T>& direction) {
  std::size_t present = 0, common = 0;
  for_each_input([&](const InputName&, const Tensor<T>&) { ++present; }, direction);
  const auto compare_shapes = [&](const InputName& name, const Tensor<T>& of_loop, const Tensor<T>& tensor) {
    ++common;
    if (of_loop.shape() == tensor.shape()) return;
    throw ShapeError("direction: ", name, " is ", tensor.shape(), ", in the loop ", of_loop.shape());
  };
  for_each_input(compare_shapes, loop, direction);
  if (loop.state0.slot.empty()) {  // the rule's slots are zero, but still inputs
    for (std::size_t i = 0; i < (std::min)(direction.state0.slot.size(), loop.rule->slot_count()); ++i) {
      compare_shapes({"initial slot", -1, i + 1}, loop.theta0, direction.state0.slot[i]);
    }
  }
  const auto fits = [&](const auto& of_loop, const auto& tensors) {
    return tensors.empty() || tensors.size() == of_loop.size();
  };
  bool steps_fit = fits(loop.x, direction.x) && fits(loop.y, direction.y) && fits(loop.extra, direction.extra);
  for (std::size_t i = 0; steps_fit && i < direction.extra.size(); ++i) {
    steps_fit = fits(loop.extra[i], direction.extra[i]);
  }
  if (present == common && steps_fit) return;
  throw ShapeError("direction: it has ", present, " tensors, of which the loop has ", common,
                   "; the data of a direction is that of all steps, or missing");
}

/// Sets s_0 to the loop's initial weights and slots; slots are zero if it has none.
template <class T>
void set_first_iterate(const InnerLoop<T>& loop, optim::Iterate<T>& first) {
  first.theta = loop.theta0;
  first.slot.resize(loop.rule->slot_count());
  for (std::size_t i = 0; i < first.slot.size(); ++i) {
    first.slot[i].resize(loop.theta0.shape());
    if (loop.state0.slot.empty()) {
      first.slot[i].fill(T(0));
    } else {
      first.slot[i] = loop.state0.slot[i];
    }
  }
}

/// The inputs that step t of the loop passes to its rule.
template <class T>
optim::StepInputs<T> step_inputs(const InnerLoop<T>& loop, const optim::WeightGroups& groups, Index t,
                                 const optim::Iterate<T>& from, const Tensor<T>& gradient) {
  return {from,
          gradient,
          loop.rates(t),
          groups,
          loop.rule.values(),
          loop.hyperparameters,
          loop.state0.steps + t - loop.first_step};
}

/// Bytes held by the tensors of a loop.
template <class T>
std::size_t input_bytes(const InnerLoop<T>& loop) {
  std::size_t bytes = 0;
  for_each_input([&](const InputName&, const Tensor<T>& tensor) { bytes += tensor.reserved_bytes(); }, loop);
  return bytes;
}

}  // namespace detail

template <class T>
Index InnerLoop<T>::samples_of(std::size_t s) const {
  Index samples = 0;
  for_each_data(
      s,
      [&](bool cut, const Tensor<T>& tensor) {
        if (cut && samples == 0) samples = tensor.shape()[0];
      },
      *this);
  return (std::max)(samples, Index{1});
}

template <class T>
void InnerLoop<T>::validate() const {
  const auto refuse = [](const auto&... what) { throw ShapeError("InnerLoop: ", what...); };
  if (theta0.shape().rank() != 1) refuse("theta0 must be (P), got ", theta0.shape());
  if (hyperparameters.shape().rank() > 1) refuse("hyperparameters must be (H), got ", hyperparameters.shape());
  const Shape& rates = learning_rates.shape();
  const auto group_count = static_cast<Index>(groups.size());
  if (groups.empty() ? rates.rank() != 2 : rates.rank() != 3 || rates[2] != group_count) {
    refuse("learning rates must be (epochs, steps", groups.empty() ? ")" : detail::concat(", ", group_count, ")"),
           ", got ", rates);
  }
  detail::require_row_major("InnerLoop", "the learning rates", rates);
  const auto fits = [&](const char* name, const std::vector<Tensor<T>>& tensors) {
    if (tensors.empty() || static_cast<Index>(tensors.size()) == steps()) return;
    refuse("learning rates ", rates, " are for ", steps(), " steps, there are ", tensors.size(), " of ", name);
  };
  fits("x", x);
  fits("y", y);
  for (const auto& tensors : extra) fits("extra", tensors);
  for (const auto& [name, tensors] : {std::pair{"x", &x}, std::pair{"y", &y}}) {
    for (const Tensor<T>& tensor : *tensors) {
      detail::require_batch("InnerLoop", detail::concat("each ", name).c_str(), tensor.shape());
    }
  }
  for (std::size_t s = 0; s < static_cast<std::size_t>(steps()); ++s) {
    const Tensor<T>* first = nullptr;
    const auto same_samples = [&](bool cut, const Tensor<T>& tensor) {
      if (!cut) return;
      if (first == nullptr) first = &tensor;
      if (tensor.shape()[0] == first->shape()[0]) return;
      refuse("in step ", s, " there are ", first->shape(), " and ", tensor.shape(),
             "; their numbers of samples differ");
    };
    for_each_data(s, same_samples, *this);
  }
  Index grouped = 0;
  for (const Index size : groups) grouped += size;
  if (!groups.empty() &&
      (grouped != theta0.size() || std::ranges::any_of(groups, [](Index size) { return size < 1; }))) {
    refuse(group_count, " groups of ", grouped, " weights in all do not make up ", theta0.size(),
           ", or one of them is empty");
  }
  rule.validate();
  if (!state0.slot.empty() && state0.slot.size() != rule->slot_count()) {
    refuse(rule->name(), " keeps ", rule->slot_count(), " slots, got ", state0.slot.size());
  }
  for (const Tensor<T>& slot : state0.slot) {
    if (slot.shape() != theta0.shape()) refuse("a slot must be ", theta0.shape(), " as theta0, got ", slot.shape());
  }
  rule.validate(state0);
  if (first_step < 0 || first_step >= length()) {
    throw ArgumentError("InnerLoop: cannot start at step ", first_step, " of ", length());
  }
  if (max_steps < 0 || max_steps > length() - first_step) {
    throw ArgumentError("InnerLoop: cannot take ", max_steps, " of ", length() - first_step, " steps");
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI
