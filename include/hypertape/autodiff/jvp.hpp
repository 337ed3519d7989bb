#pragma once

#include <span>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/sweep.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Jacobian-vector products: result[j] = sum over i of (d outputs[j] / d arguments[i]) tangents[i], recorded on the
/// tape. The outputs may themselves be gradients: pushing a tangent through a recorded gradient is *forward over
/// reverse*, a Hessian-vector product without a graph of a graph. Arguments count as independent of one another. An
/// empty tangent counts as zero, and an output that depends on no argument gets zeros.
///
/// `destinations`, if not empty, holds for each output a pointer to where its result goes, or null; the memory must
/// outlive the use of the result.
///
/// @throws ShapeError if a tangent does not have its argument's shape, or an operation's tangent its output's;
/// ArgumentError if any Var is dropped or of another tape, an output or argument is empty, or an argument is named
/// twice.
template <class T>
void jvp(std::span<const Var<T>> outputs, std::span<const Var<T>> arguments, std::span<const Var<T>> tangents,
         std::span<Var<T>> result, std::span<T* const> destinations = {}) {
  using NodeId = typename Var<T>::NodeId;
  if (outputs.empty() || arguments.empty() || arguments.size() != tangents.size() || outputs.size() != result.size() ||
      (!destinations.empty() && destinations.size() != outputs.size())) {
    throw ArgumentError("jvp: needs arguments, each with a tangent, and outputs, each with a place for its result");
  }
  Tape<T>& tape = outputs.front().tape();
  tape.require_nodes("jvp", "output", outputs);
  tape.require_nodes("jvp", "argument", arguments);
  for (const Var<T>& v : tangents) {
    if (v) tape.require_nodes("jvp", "tangent", v);
  }
  const detail::ActiveRange<T> range(tape, outputs, arguments);
  detail::NodeTable<T, Var<T>> tangent(tape, range.first, range.last);
  detail::NodeTable<T, bool> useful(tape, range.first, range.last);

  auto* wanted = tape.template allocate<detail::Destination<T>>(static_cast<Index>(destinations.size()));
  std::size_t wanted_count = 0;
  for (std::size_t j = 0; j < destinations.size(); ++j) {
    if (destinations[j] == nullptr) continue;
    wanted[wanted_count++] = {tape.node(outputs[j].id()).values, outputs[j].size(), destinations[j]};
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (tangents[i] && tangents[i].shape() != arguments[i].shape()) {
      throw ShapeError("jvp: argument ", i, " is ", arguments[i].shape(), ", its tangent ", tangents[i].shape());
    }
    tangent[arguments[i].id()] = tangents[i];
  }
  for (const Var<T>& output : outputs) {
    if (output.id() >= range.first) useful[output.id()] = true;
  }
  for (NodeId id = range.last; id > range.first; --id) {
    if (!useful[id] || !range.active[id]) continue;
    for (int i = 0; i < tape.node(id).inputs; ++i) {
      if (range.is_active(tape.input(id, i))) useful[tape.input(id, i)] = true;
    }
  }
  for (NodeId id = range.first; id <= range.last; ++id) {
    if (!useful[id] || !range.active[id] || range.argument[id]) continue;
    const TangentSweep<T> call(tape, id, range, tangent, std::span(wanted, wanted_count));
    bool moves = false;
    for (int i = 0; i < call.inputs(); ++i) moves = moves || call.tangent(i);
    if (!moves) continue;
    tangent[id] = tape.node(id).operation->tangent(call);
    if (tangent[id]) tape.require_nodes(tape.node(id).operation->name(), "tangent", tangent[id]);
    if (tangent[id] && tangent[id].shape() != tape.node(id).shape()) {
      throw ShapeError(tape.node(id).operation->name(), ": the tangent is ", tangent[id].shape(), ", the output ",
                       tape.node(id).shape());
    }
  }
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    const NodeId id = outputs[j].id();
    const Var<T> found = range.is_active(id) ? tangent[id] : Var<T>();
    result[j] = found ? found : tape.full(outputs[j].shape(), T(0));
    if (!destinations.empty()) result[j] = detail::placed(result[j], destinations[j]);
  }
}

/// (d output / d argument) tangent. @throws as above.
template <class T>
Var<T> jvp(Var<T> output, Var<T> argument, Var<T> tangent) {
  Var<T> result;
  jvp<T>(std::span<const Var<T>>(&output, 1), std::span<const Var<T>>(&argument, 1),
         std::span<const Var<T>>(&tangent, 1), std::span<Var<T>>(&result, 1));
  return result;
}

/// Hessian-vector product: (d^2 loss / d argument^2) vector, forward over reverse. @throws what `gradient` and `jvp`
/// throw.
template <class T>
Var<T> hvp(Var<T> loss, Var<T> argument, Var<T> vector) {
  return jvp(gradient(loss, argument), argument, vector);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
