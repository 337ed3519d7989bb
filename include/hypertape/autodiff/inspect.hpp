#pragma once

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <optional>
#include <ostream>
#include <string>

#include "hypertape/autodiff/tape.hpp"

/// Functions that show a record, for finding errors in it.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The operation of node `id`, or "leaf".
template <class T>
const char* name_of(const Tape<T>& tape, typename Tape<T>::NodeId id) {
  const Operation<T>* operation = tape.node(id).operation;
  return operation == nullptr ? "leaf" : operation->name();
}

/// The numbers of a node's inputs, as in "12, 13".
template <class T>
std::string inputs_of(const Tape<T>& tape, typename Tape<T>::NodeId id) {
  std::string text;
  for (int i = 0; i < tape.node(id).inputs; ++i) {
    text += i > 0 ? ", " : "";
    text += std::to_string(tape.input(id, i));
  }
  return text;
}

}  // namespace detail

/// Writes one line for each node: number, operation, shape, inputs, smallest and largest value. Values that have not
/// been read may not exist yet; they are not computed for this.
template <class T>
void dump(const Tape<T>& tape, std::ostream& out) {
  const auto column = [&](const std::string& text, int width) { out << std::left << std::setw(width) << text << ' '; };
  column("node", 6);
  column("operation", 28);
  column("shape", 24);
  column("inputs", 16);
  out << "least .. largest\n";
  for (typename Tape<T>::NodeId id = 0; id < tape.size(); ++id) {
    const auto& node = tape.node(id);
    column(std::to_string(id), 6);
    column(detail::name_of(tape, id), 28);
    column(node.shape().str(), 24);
    column(detail::inputs_of(tape, id), 16);
    if (node.deferred) {
      out << "not evaluated\n";
      continue;
    }
    T least = node.values[0], largest = node.values[0];
    bool nan = false;
    for (Index i = 0; i < node.shape().size(); ++i) {
      least = (std::min)(least, node.values[i]);
      largest = (std::max)(largest, node.values[i]);
      nan = nan || std::isnan(node.values[i]);
    }
    if (nan) {
      out << "NaN\n";
    } else {
      out << least << " .. " << largest << '\n';
    }
  }
}

/// Writes the record as a graph in Graphviz format, for `dot -Tsvg`.
template <class T>
void dump_graphviz(const Tape<T>& tape, std::ostream& out) {
  out << "digraph tape {\n  node [shape=box];\n";
  for (typename Tape<T>::NodeId id = 0; id < tape.size(); ++id) {
    out << "  n" << id << " [label=\"" << id << ": " << detail::name_of(tape, id) << "\\n"
        << tape.node(id).shape() << "\"];\n";
    for (int i = 0; i < tape.node(id).inputs; ++i) out << "  n" << tape.input(id, i) << " -> n" << id << ";\n";
  }
  out << "}\n";
}

/// A value that is NaN or infinite, and where it was found.
struct NonFinite {
  std::size_t node;       ///< its number on the tape
  std::string operation;  ///< the operation that computed it, or "leaf"
  Shape shape;            ///< the shape of the node
  Index element;          ///< the first such element, in memory order
  double value;           ///< NaN, or an infinity
  std::string inputs;     ///< numbers of the nodes it was computed from

  /// Describes it, as in "node 12, divide (3, 4) of nodes 10, 11: element 5 is nan".
  std::string str() const {
    return detail::concat("node ", node, ", ", operation, ' ', shape, inputs.empty() ? "" : " of nodes ", inputs,
                          ": element ", element, " is ", value);
  }
};

/// Finds the first node of the record with a value that is NaN or, if `infinities` is true, infinite. Gradients are
/// nodes too, recorded after what they differentiate: if the first such node is among them, a derivative went wrong
/// there.
template <class T>
std::optional<NonFinite> first_non_finite(const Tape<T>& tape, bool infinities = false) {
  for (typename Tape<T>::NodeId id = 0; id < tape.size(); ++id) {
    const auto& node = tape.node(id);
    if (node.deferred) continue;
    for (Index i = 0; i < node.shape().size(); ++i) {
      const T value = node.values[i];
      if (!std::isnan(value) && !(infinities && std::isinf(value))) continue;
      return NonFinite{id, detail::name_of(tape, id),  node.shape(),
                       i,  static_cast<double>(value), detail::inputs_of(tape, id)};
    }
  }
  return std::nullopt;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
