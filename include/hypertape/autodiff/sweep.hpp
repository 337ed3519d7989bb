#pragma once

#include <algorithm>
#include <span>

#include "hypertape/autodiff/tape.hpp"

namespace hypertape {

namespace detail {

/// A value for each node of a stretch of the tape, in the tape's arena.
template <class T, class Value>
class NodeTable {
 public:
  using NodeId = typename Var<T>::NodeId;
  NodeTable(Tape<T>& tape, NodeId first, NodeId last) : first_(first) {
    const Index count = static_cast<Index>(last - first) + 1;
    values_ = tape.template allocate<Value>(count);
    for (Index i = 0; i < count; ++i) new (values_ + i) Value{};
  }
  Value& operator[](NodeId id) { return values_[id - first_]; }
  const Value& operator[](NodeId id) const { return values_[id - first_]; }

 private:
  NodeId first_;
  Value* values_;
};

/// How an input's adjoint grows: a running sum, and parts of it still to be assembled.
template <class T>
struct Adjoint {
  struct Part {
    Index offset;
    Var<T> values;
    Part* next;
  };
  Var<T> sum;
  Part* parts = nullptr;
};

/// The nodes between a derivative's arguments and its results. A node is active if it depends on an argument; nothing
/// is followed through an argument, each counts as independent.
template <class T>
struct Stretch {
  using NodeId = typename Var<T>::NodeId;
  NodeId first, last;
  NodeTable<T, bool> argument, active;

  Stretch(Tape<T>& tape, std::span<const Var<T>> results, std::span<const Var<T>> arguments)
      : first(bound(tape, arguments, true)),
        last(std::max(bound(tape, results, false), bound(tape, arguments, false))),
        argument(tape, first, last),
        active(tape, first, last) {
    for (const Var<T>& x : arguments) {
      if (argument[x.id()]) throw ArgumentError("derivative: an argument is named twice");
      argument[x.id()] = active[x.id()] = true;
    }
    for (NodeId id = first; id <= last; ++id) {
      for (int i = 0; i < tape.node(id).inputs && !active[id]; ++i) active[id] = is_active(tape.input(id, i));
    }
  }

  bool is_active(NodeId id) const { return id >= first && id <= last && active[id]; }

 private:
  static NodeId bound(Tape<T>& tape, std::span<const Var<T>> vars, bool lowest) {
    NodeId bound = vars.empty() ? 0 : vars.front().id();
    for (const Var<T>& var : vars) {
      if (!var || &var.tape() != &tape) {
        throw ArgumentError("derivative: results and arguments must be recorded on one and the same tape");
      }
      bound = lowest ? std::min(bound, var.id()) : std::max(bound, var.id());
    }
    return bound;
  }
};

}  // namespace detail

/// What an operation sees in a tangent (forward) sweep.
template <class T>
class TangentSweep {
 public:
  using NodeId = typename Var<T>::NodeId;
  TangentSweep(Tape<T>& tape, NodeId id, const detail::Stretch<T>& stretch, detail::NodeTable<T, Var<T>>& tangents)
      : tape_(tape), id_(id), stretch_(stretch), tangents_(tangents) {}

  Tape<T>& tape() const { return tape_; }
  int inputs() const { return tape_.node(id_).inputs; }
  Var<T> input(int i) const { return Var<T>(tape_, tape_.input(id_, i)); }
  Var<T> output() const { return Var<T>(tape_, id_); }

  /// The tangent of input i, none if it is zero.
  Var<T> tangent(int i) const {
    const NodeId input = tape_.input(id_, i);
    return stretch_.is_active(input) ? tangents_[input] : Var<T>();
  }

 private:
  Tape<T>& tape_;
  NodeId id_;
  const detail::Stretch<T>& stretch_;
  detail::NodeTable<T, Var<T>>& tangents_;
};

/// What an operation sees in a pullback (reverse) sweep.
template <class T>
class PullbackSweep {
 public:
  using NodeId = typename Var<T>::NodeId;
  PullbackSweep(Tape<T>& tape, NodeId id, Var<T> adjoint, const detail::Stretch<T>& stretch,
                detail::NodeTable<T, detail::Adjoint<T>>& adjoints)
      : tape_(tape), id_(id), adjoint_(adjoint), stretch_(stretch), adjoints_(adjoints) {}

  Tape<T>& tape() const { return tape_; }
  int inputs() const { return tape_.node(id_).inputs; }
  Var<T> input(int i) const { return Var<T>(tape_, tape_.input(id_, i)); }
  Var<T> output() const { return Var<T>(tape_, id_); }
  Var<T> adjoint() const { return adjoint_; }

  /// Whether input i leads to an argument; its adjoint is not worth computing otherwise.
  bool needs(int i) const { return stretch_.is_active(tape_.input(id_, i)); }

  /// Adds to the adjoint of input i.
  void add(int i, Var<T> contribution) {
    Var<T>& sum = adjoints_[tape_.input(id_, i)].sum;
    sum = sum ? combine(T(1), sum, T(1), contribution) : contribution;
  }

  /// Adds to the elements from `offset` on of the adjoint of input i. The parts of one input are put together in one
  /// pass when all are known: the slices of a flat parameter vector cost one copy of it, not one each.
  void add_part(int i, Index offset, Var<T> contribution) {
    using Part = typename detail::Adjoint<T>::Part;
    Part*& parts = adjoints_[tape_.input(id_, i)].parts;
    parts = new (tape_.template allocate<Part>(1)) Part{offset, contribution, parts};
  }

 private:
  Tape<T>& tape_;
  NodeId id_;
  Var<T> adjoint_;
  const detail::Stretch<T>& stretch_;
  detail::NodeTable<T, detail::Adjoint<T>>& adjoints_;
};

}  // namespace hypertape
