#pragma once

#include <algorithm>
#include <limits>
#include <span>

#include "hypertape/autodiff/disjoint_ranges.hpp"
#include "hypertape/autodiff/tape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

// Defined in combine.hpp, which needs the sweeps.
template <class T>
Var<T> combine(T factor, Var<T> x, T offset = T(-0.0));
template <class T>
Var<T> combine(T a_factor, Var<T> a, T b_factor, Var<T> b);

/// A value for each node in a range of the tape, stored in the tape's arena.
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

/// How an input's adjoint accumulates: a running sum, and parts that are still to be assembled.
template <class T>
struct Adjoint {
  struct Part {
    Index offset;
    Var<T> values;
    Part* next;
  };
  Var<T> sum;
  Part* parts = nullptr;
  T* memory = nullptr;   ///< memory for the whole, if the caller wants it there or parts are written in place
  DisjointRanges taken;  ///< ranges of it that are in use
};

/// A result of a sweep, and the memory in which the caller wants its derivative.
template <class T>
struct Destination {
  const T* values;
  Index size;
  T* memory;
};

/// The nodes between a derivative's arguments and its results, which are nodes of the tape. A node is active if it
/// depends on an argument. Nothing is followed through an argument, since each counts as independent. The derivatives
/// of arguments from number `read_arguments` on may never be read.
template <class T>
struct ActiveRange {
  using NodeId = typename Var<T>::NodeId;
  NodeId first, last;
  NodeTable<T, bool> argument, active;
  NodeTable<T, bool> read;  ///< depends on an argument whose derivative will be read

  ActiveRange(Tape<T>& tape, std::span<const Var<T>> results, std::span<const Var<T>> arguments,
              std::size_t read_arguments = (std::numeric_limits<std::size_t>::max)())
      : first(bound(arguments, true)),
        last((std::max)(bound(results, false), bound(arguments, false))),
        argument(tape, first, last),
        active(tape, first, last),
        read(tape, first, last) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const NodeId id = arguments[i].id();
      if (argument[id]) throw ArgumentError("derivative: an argument is named twice");
      argument[id] = active[id] = true;
      read[id] = i < read_arguments;
    }
    for (NodeId id = first; id <= last; ++id) {
      for (int i = 0; i < tape.node(id).inputs && !argument[id]; ++i) {
        active[id] = active[id] || is_active(tape.input(id, i));
        read[id] = read[id] || is_read(tape.input(id, i));
      }
    }
  }

  bool is_active(NodeId id) const { return id >= first && id <= last && active[id]; }
  bool is_read(NodeId id) const { return id >= first && id <= last && read[id]; }

 private:
  static NodeId bound(std::span<const Var<T>> vars, bool lowest) {
    NodeId bound = vars.empty() ? 0 : vars.front().id();
    for (const Var<T>& var : vars) bound = lowest ? (std::min)(bound, var.id()) : (std::max)(bound, var.id());
    return bound;
  }
};

/// The Var of a node; throws unless the node still has the values it was recorded with.
template <class T>
Var<T> unchanged(Tape<T>& tape, typename Var<T>::NodeId id) {
  if (tape.node(id).placed) {
    throw ArgumentError(tape.node(id).operation->name(),
                        ": an operation whose derivatives read its output cannot ask for a place");
  }
  return Var<T>(tape, id);
}

}  // namespace detail

/// What an operation sees in a tangent (forward) sweep.
template <class T>
class TangentSweep {
 public:
  using NodeId = typename Var<T>::NodeId;  ///< the number of a node
  /// Used by the sweep itself.
  TangentSweep(Tape<T>& tape, NodeId id, const detail::ActiveRange<T>& range, detail::NodeTable<T, Var<T>>& tangents,
               std::span<const detail::Destination<T>> destinations)
      : tape_(tape), id_(id), range_(range), tangents_(tangents), destinations_(destinations) {}

  /// The tape on which to record the derivative.
  Tape<T>& tape() const { return tape_; }
  /// The number of inputs of the operation.
  int inputs() const { return tape_.node(id_).inputs; }
  /// The value of input i.
  Var<T> input(int i) const { return Var<T>(tape_, tape_.input(id_, i)); }
  /// The operation's value. @throws ArgumentError if it was written to a `place`, as it may have changed since.
  Var<T> output() const { return detail::unchanged(tape_, id_); }
  /// The shape of the operation's value.
  Shape output_shape() const { return tape_.node(id_).shape(); }

  /// The tangent of input i, empty if it is zero.
  Var<T> tangent(int i) const {
    const NodeId input = tape_.input(id_, i);
    return range_.is_active(input) ? tangents_[input] : Var<T>();
  }

  /// Memory for this operation's tangent, which saves a copy: if the output is part of a result of the sweep, this is
  /// the same part of that result's tangent. Otherwise it is null. An operation need not ask. Only an operation whose
  /// derivatives do not read its output may write there.
  T* place() const {
    const std::less_equal<const T*> before;
    const auto& own = tape_.node(id_);
    for (const detail::Destination<T>& to : destinations_) {
      if (before(to.values, own.values) && before(own.values + own.shape().size(), to.values + to.size)) {
        return to.memory + (own.values - to.values);
      }
    }
    return nullptr;
  }

 private:
  Tape<T>& tape_;
  NodeId id_;
  const detail::ActiveRange<T>& range_;
  detail::NodeTable<T, Var<T>>& tangents_;
  std::span<const detail::Destination<T>> destinations_;
};

/// What an operation sees in a pullback (reverse) sweep.
template <class T>
class PullbackSweep {
 public:
  using NodeId = typename Var<T>::NodeId;  ///< the number of a node
  /// Used by the sweep itself.
  PullbackSweep(Tape<T>& tape, NodeId id, Var<T> adjoint, const detail::ActiveRange<T>& range,
                detail::NodeTable<T, detail::Adjoint<T>>& adjoints)
      : tape_(tape), id_(id), adjoint_(adjoint), range_(range), adjoints_(adjoints) {}

  /// The tape on which to record the derivative.
  Tape<T>& tape() const { return tape_; }
  /// The number of inputs of the operation.
  int inputs() const { return tape_.node(id_).inputs; }
  /// The value of input i.
  Var<T> input(int i) const { return Var<T>(tape_, tape_.input(id_, i)); }
  /// The operation's value. @throws ArgumentError if it was written to a `place`, as it may have changed since.
  Var<T> output() const { return detail::unchanged(tape_, id_); }
  /// The shape of the operation's value.
  Shape output_shape() const { return tape_.node(id_).shape(); }
  /// The finished adjoint of the output, with the output's shape.
  Var<T> adjoint() const { return adjoint_; }

  /// Whether input i leads to an argument; if not, recording its adjoint is wasted. If that adjoint may never be read,
  /// what is recorded next is evaluated only on demand.
  bool needs(int i) const {
    tape_.defer(!range_.is_read(tape_.input(id_, i)));
    return range_.is_active(tape_.input(id_, i));
  }

  /// Memory for a contribution to the adjoint of input i, which saves a copy: if i is a slice and not an argument
  /// itself, this is its part of the whole's adjoint. Null if there is none, or if another contribution came first. An
  /// operation need not ask. Only an operation whose derivatives do not read its output may write there.
  T* place(int i) {
    const NodeId id = tape_.input(id_, i);
    if (adjoints_[id].sum) return nullptr;
    const bool direct = adjoints_[id].memory != nullptr;
    if (!direct && range_.argument[id]) return nullptr;  // independent of its whole, so the adjoints differ
    const Index begin = direct ? 0 : tape_.node(id).alias_offset;
    if (begin < 0) return nullptr;
    const Range range{begin, begin + tape_.node(id).shape().size()};
    detail::Adjoint<T>& whole = adjoints_[direct ? id : tape_.input(id, 0)];
    if (whole.taken.overlaps(range)) return nullptr;
    if (whole.memory == nullptr) {
      whole.memory = tape_.template allocate<T>(tape_.node(tape_.input(id, 0)).shape().size());
    }
    whole.taken.insert(new (tape_.template allocate<detail::DisjointRanges::Node>(1))
                           detail::DisjointRanges::Node{range});
    return whole.memory + begin;
  }

  /// Adds to the adjoint of input i. @throws ShapeError if the contribution does not have the input's shape,
  /// ArgumentError if it is of another tape.
  void add(int i, Var<T> contribution) {
    tape_.require_nodes(name(), contribution_role, contribution);
    const Shape& shape = tape_.node(tape_.input(id_, i)).shape();
    if (contribution.shape() != shape) {
      throw ShapeError(name(), ": the pullback adds ", contribution.shape(), " to the adjoint of input ", i,
                       ", which is ", shape);
    }
    Var<T>& sum = adjoints_[tape_.input(id_, i)].sum;
    sum = sum ? detail::combine(T(1), sum, T(1), contribution) : contribution;
  }

  /// Adds to the adjoint of input i, from element `offset` on. All parts of an input are assembled in one pass: the
  /// slices of a flat parameter vector cost one copy of the vector in total rather than one each. @throws ShapeError if
  /// the part reaches past the end, ArgumentError for values of another tape.
  void add_part(int i, Index offset, Var<T> contribution) {
    tape_.require_nodes(name(), contribution_role, contribution);
    const Shape& shape = tape_.node(tape_.input(id_, i)).shape();
    if (offset < 0 || offset > shape.size() - contribution.size()) {
      throw ShapeError(name(), ": the pullback adds ", contribution.shape(), " at offset ", offset,
                       " to the adjoint of input ", i, ", which is ", shape);
    }
    using Part = typename detail::Adjoint<T>::Part;
    Part*& parts = adjoints_[tape_.input(id_, i)].parts;
    parts = new (tape_.template allocate<Part>(1)) Part{offset, contribution, parts};
  }

 private:
  static constexpr const char* contribution_role = "contribution to an adjoint";

  const char* name() const { return tape_.node(id_).operation->name(); }

  Tape<T>& tape_;
  NodeId id_;
  Var<T> adjoint_;
  const detail::ActiveRange<T>& range_;
  detail::NodeTable<T, detail::Adjoint<T>>& adjoints_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
