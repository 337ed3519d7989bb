#pragma once

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <span>
#include <vector>

#include "hypertape/autodiff/combine.hpp"
#include "hypertape/autodiff/slice.hpp"
#include "hypertape/autodiff/sweep.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The finished adjoint of a node: its sum plus all of its parts, empty if there is neither. The shape is passed by
/// value because the node it comes from moves when the tape grows.
template <class T>
Var<T> assemble(Tape<T>& tape, Adjoint<T>& adjoint, Shape shape) {
  using Part = typename Adjoint<T>::Part;
  if (adjoint.parts == nullptr) return adjoint.sum;
  Index count = 0;
  for (Part* part = adjoint.parts; part != nullptr; part = part->next) ++count;
  auto* parts = tape.template allocate<Part*>(count);
  Part** end = parts;
  for (Part* part = adjoint.parts; part != nullptr; part = part->next) *end++ = part;
  // std::stable_sort would allocate from the heap; here a node's number decides between equal offsets.
  std::sort(parts, end, [](const Part* a, const Part* b) {
    return a->offset != b->offset ? a->offset < b->offset : a->values.id() > b->values.id();
  });
  // Parts may already lie in the memory of the whole. If none overlap and there is no separate sum, the whole is built
  // there.
  bool in_place = !adjoint.sum;
  auto* offsets = tape.template allocate<Index>(count);
  auto* values = tape.template allocate<Var<T>>(count);
  for (Index i = 0, reached = 0; i < count; ++i) {
    offsets[i] = parts[i]->offset;
    values[i] = parts[i]->values;
    in_place = in_place && reached <= offsets[i];
    reached = offsets[i] + values[i].size();
  }
  const Var<T> whole =
      tape.apply(Assemble<T>(offsets), shape, std::span<const Var<T>>(values, static_cast<std::size_t>(count)),
                 in_place ? adjoint.memory : nullptr);
  return adjoint.sum ? combine(T(1), adjoint.sum, T(1), whole) : whole;
}

/// Returns the Var itself if `destination` is null or holds its values already, else a copy there.
template <class T>
Var<T> placed(Var<T> var, T* destination) {
  if (destination == nullptr || var.tape().values(var.id()) == destination) return var;
  auto* factor = var.tape().template allocate<T>(1);
  *factor = T(1);
  return var.tape().apply(Combination<T>(factor, T(0)), var.shape(), std::span<const Var<T>>(&var, 1), destination);
}

}  // namespace detail

/// Vector-Jacobian products: result[i] = sum over j of (d outputs[j] / d arguments[i])^T cotangents[j], recorded on the
/// tape. Arguments may be any Vars, and each counts as independent of the others. An argument that no output depends on
/// gets zeros.
///
/// `destinations`, if not empty, holds for each argument a pointer to where its result goes, or null; the memory must
/// outlive the use of the result. Only the first `read` results, and those with a destination, are evaluated now. The
/// others are evaluated when their values are read, so a result that is only differentiated costs no more than its
/// record.
///
/// @throws ShapeError if a cotangent does not have its output's shape, or an operation's contribution its input's;
/// ArgumentError if any Var is empty, dropped or of another tape, or an argument is named twice.
template <class T>
void vjp(std::span<const Var<T>> outputs, std::span<const Var<T>> cotangents, std::span<const Var<T>> arguments,
         std::span<Var<T>> result, std::span<T* const> destinations = {},
         std::size_t read = (std::numeric_limits<std::size_t>::max)()) {
  using NodeId = typename Var<T>::NodeId;
  if (outputs.empty() || arguments.empty() || outputs.size() != cotangents.size() ||
      arguments.size() != result.size() || (!destinations.empty() && destinations.size() != arguments.size())) {
    throw ArgumentError("vjp: needs outputs, each with a cotangent, and arguments, each with a place for its result");
  }
  Tape<T>& tape = outputs.front().tape();
  tape.require_nodes("vjp", "output", outputs);
  tape.require_nodes("vjp", "cotangent", cotangents);
  tape.require_nodes("vjp", "argument", arguments);
  const detail::ActiveRange<T> range(tape, outputs, arguments, read);
  const detail::TapeSetting<T> scope(tape, &Tape<T>::defer, false);  // ends whatever deferral the sweep sets
  detail::NodeTable<T, detail::Adjoint<T>> adjoints(tape, range.first, range.last);

  for (std::size_t i = 0; i < destinations.size(); ++i) adjoints[arguments[i].id()].memory = destinations[i];
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    if (cotangents[j].shape() != outputs[j].shape()) {
      throw ShapeError("vjp: output ", j, " is ", outputs[j].shape(), ", its cotangent ", cotangents[j].shape());
    }
    if (!range.is_active(outputs[j].id())) continue;
    Var<T>& sum = adjoints[outputs[j].id()].sum;
    sum = sum ? detail::combine(T(1), sum, T(1), cotangents[j]) : cotangents[j];
  }
  for (NodeId id = range.last;; --id) {
    detail::Adjoint<T>& adjoint = adjoints[id];
    if (range.active[id] && (adjoint.sum || adjoint.parts != nullptr)) {
      tape.defer(!range.read[id]);
      adjoint.sum = detail::assemble(tape, adjoint, tape.node(id).shape());
      if (!range.argument[id]) {
        PullbackSweep<T> call(tape, id, adjoint.sum, range, adjoints);
        tape.node(id).operation->pullback(call);
      }
    }
    if (id == range.first) break;
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Var<T> sum = adjoints[arguments[i].id()].sum;
    tape.defer(i >= read && (destinations.empty() || destinations[i] == nullptr));
    result[i] = sum ? sum : tape.full(arguments[i].shape(), T(0));
    if (!destinations.empty()) result[i] = detail::placed(result[i], destinations[i]);
  }
}

/// Gradients of a scalar: result[i] = d loss / d arguments[i], recorded on the tape, so they can be differentiated
/// again. @throws ShapeError if the loss is not a scalar, and what `vjp` throws.
template <class T>
void gradient(Var<T> loss, std::span<const Var<T>> arguments, std::span<Var<T>> result) {
  loss.tape().require_nodes("gradient", "loss", loss);
  if (loss.size() != 1) throw ShapeError("gradient: the loss must be a scalar, its shape is ", loss.shape());
  const Var<T> one = loss.tape().full(loss.shape(), T(1));
  vjp<T>(std::span<const Var<T>>(&loss, 1), std::span<const Var<T>>(&one, 1), arguments, result);
}

/// Gradients of a scalar as a vector, one Var for each argument. @throws as above.
template <class T>
std::vector<Var<T>> gradient(Var<T> loss, std::initializer_list<Var<T>> arguments) {
  std::vector<Var<T>> result(arguments.size());
  gradient<T>(loss, std::span<const Var<T>>(arguments.begin(), arguments.size()), result);
  return result;
}

/// d loss / d argument. @throws as above.
template <class T>
Var<T> gradient(Var<T> loss, Var<T> argument) {
  Var<T> result;
  gradient<T>(loss, std::span<const Var<T>>(&argument, 1), std::span<Var<T>>(&result, 1));
  return result;
}

/// (d output / d argument)^T cotangent. @throws as above.
template <class T>
Var<T> vjp(Var<T> output, Var<T> cotangent, Var<T> argument) {
  Var<T> result;
  vjp<T>(std::span<const Var<T>>(&output, 1), std::span<const Var<T>>(&cotangent, 1),
         std::span<const Var<T>>(&argument, 1), std::span<Var<T>>(&result, 1));
  return result;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
