#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/autodiff/operation.hpp"
#include "hypertape/autodiff/var.hpp"
#include "hypertape/core/arena.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A number that distinguishes a tape's record from those of other tapes, and from its own before a rewind or move.
class Generation {
 public:
  Generation() = default;
  Generation(Generation&& other) noexcept : value_(std::exchange(other.value_, next())) {}
  Generation& operator=(Generation&& other) noexcept {
    value_ = std::exchange(other.value_, next());
    return *this;
  }

  void renew() { value_ = next(); }
  std::uint32_t value() const { return value_; }

 private:
  static std::uint32_t next() {
    static std::atomic<std::uint32_t> last = 0;
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  std::uint32_t value_ = next();
};

inline const Shape scalar_shape;  ///< shared by all scalar nodes

/// The shape of a Var in the tape's memory, valid as long as the Var.
template <class T>
const Shape* stored_shape(const Var<T>& var) {
  return var.tape().node(var.id()).extents;
}

}  // namespace detail

/// The record of a computation: its operations in execution order, with their values. Values, operations and what they
/// saved live in one arena, so a tape is a stack: `rewind(mark)` drops everything after the mark, and recording again
/// no longer touches the heap.
///
///     Tape<double> tape;
///     Var<double> x = tape.leaf(tensor);
///     Var<double> y = sum(square(x));
///     Var<double> dx = gradient(y, x);   // recorded on the same tape: it can be differentiated again
///
/// Only one thread at a time may use a tape. It must not be moved while its Vars are in use.
template <class T>
class Tape {
  static_assert(std::is_floating_point_v<T>, "a tape records floating-point numbers: Tape<float> or Tape<double>");

 public:
  using NodeId = typename Var<T>::NodeId;  ///< the number of a node

  /// One entry of the record.
  struct Node {
    const Operation<T>* operation;  ///< null for a leaf
    const T* values;                ///< in the arena or in the caller's memory
    const Shape* extents;           ///< shape of the values; nodes of the same shape may share it
    std::uint32_t first_input;      ///< where the numbers of its inputs begin in the tape's list of inputs
    int inputs;                     ///< number of inputs
    std::uint32_t generation;       ///< the tape's at the time; tells it from later nodes of the same number
    bool placed = false;            ///< its values are in the caller's memory, which may have changed since
    bool deferred = false;          ///< its values are not evaluated yet, or forgotten; reading evaluates them
    bool apart = false;             ///< its values are in the memory that `forget` gives up
    bool exposed = false;           ///< somebody has the address of its values
    Index alias_offset = -1;        ///< where its values begin within its input's; -1 if they do not

    /// The shape of the values.
    const Shape& shape() const { return *extents; }
  };

  /// A height of the stack, to rewind to.
  struct Mark {
    std::size_t nodes = 0;      ///< nodes recorded so far
    std::size_t inputs = 0;     ///< inputs of all nodes so far
    detail::Arena::Mark arena;  ///< memory used so far
    detail::Arena::Mark apart;  ///< the same for values that can be forgotten
    /// The last node's generation; if it differs at the rewind, another node has taken that node's place.
    std::uint32_t generation = 0;
  };

  Tape() = default;
  /// Takes memory from the heap in blocks of this size; a larger tensor gets a block of its own.
  explicit Tape(std::size_t block_bytes) : arena_(block_bytes), apart_(block_bytes) {}
  /// @{
  /// Takes over another tape's record and memory. Vars of either tape are then invalid.
  Tape(Tape&&) noexcept = default;
  Tape& operator=(Tape&&) noexcept = default;
  /// @}

  /// Records a leaf, an input of the computation. The values are copied.
  Var<T> leaf(const Tensor<T>& tensor) { return view(tensor.shape(), arena_.copy(tensor.values())); }

  /// Records a leaf that reads the caller's memory, which must outlive its use and keep its values.
  Var<T> view(const Shape& shape, const T* values) {
    nodes_.push_back(
        {nullptr, values, shared(shape, {}), static_cast<std::uint32_t>(inputs_.size()), 0, generation_.value()});
    return Var<T>(*this, static_cast<NodeId>(nodes_.size() - 1));
  }

  /// Records a leaf that reads an Eigen vector (n) or matrix (rows, columns) in memory, without a copy: a batch if it
  /// is stored by columns, Eigen's default, row-major if by rows. The matrix must outlive the leaf's use and keep its
  /// values. @throws ShapeError if it is empty, or a block with gaps.
  template <class Derived>
  Var<T> view(const Eigen::DenseBase<Derived>& matrix) {
    static_assert(
        (Derived::Flags & Eigen::DirectAccessBit) != 0 && std::is_same_v<typename Derived::Scalar, T>,
        "Tape::view needs a matrix of this scalar type in memory; for an expression, use tape.leaf(Tensor(...))");
    const Derived& own = matrix.derived();
    const Index rows = own.rows(), columns = own.cols(), inner = Derived::IsRowMajor ? columns : rows;
    if (own.innerStride() != 1 || (rows > 1 && columns > 1 && own.outerStride() != inner)) {
      throw ShapeError("Tape::view: a matrix of ", rows, " rows and ", columns, " columns has gaps in memory");
    }
    if constexpr (Derived::IsVectorAtCompileTime) return view(Shape{rows * columns}, own.data());
    return view(Derived::IsRowMajor ? Shape{rows, columns} : Shape::batch(rows, columns), own.data());
  }

  /// Records a leaf filled with one value.
  Var<T> full(const Shape& shape, T value) {
    T* values = arena_.template allocate<T>(shape.size());
    std::fill_n(values, shape.size(), value);
    return view(shape, values);
  }
  /// Records a scalar leaf.
  Var<T> scalar(T value) { return full(Shape{}, value); }

  /// Evaluates an operation and records it. The values go to `memory`, if given, which must outlive their use. The
  /// caller may change them later, so the derivatives of such an operation cannot read its output. @throws
  /// ArgumentError if an input is empty, of another tape, or was dropped by `rewind`.
  template <class Op>
  Var<T> apply(const Op& operation, const Shape& shape, std::span<const Var<T>> inputs, T* memory = nullptr) {
    require_nodes(operation.name(), "operand", inputs);
    const bool apart = memory == nullptr && is_kept_apart(operation, shape, inputs);
    T* values = memory != nullptr ? memory : (apart ? apart_ : arena_).template allocate<T>(shape.size());
    const Var<T> out = record(operation, shape, values, inputs);
    nodes_.back().placed = memory != nullptr;
    nodes_.back().apart = apart;
    nodes_.back().deferred = true;
    if (!deferring_) evaluate(out.id());
    return out;
  }
  /// The same for inputs in braces, with the values in the tape's memory.
  template <class Op>
  Var<T> apply(const Op& operation, const Shape& shape, std::initializer_list<Var<T>> inputs) {
    return apply(operation, shape, std::span<const Var<T>>(inputs.begin(), inputs.size()));
  }

  /// Records an operation whose output is part of its input's memory; nothing is evaluated.
  template <class Op>
  Var<T> alias(const Op& operation, const Shape& shape, Var<T> input, Index offset) {
    require_nodes(operation.name(), "operand", input);
    const Node whole = nodes_[input.id()];
    const Var<T> out = record(operation, shape, whole.values + offset, std::span<const Var<T>>(&input, 1));
    nodes_.back().alias_offset = offset;
    nodes_.back().placed = whole.placed;
    nodes_.back().deferred = whole.deferred;
    nodes_.back().apart = whole.apart;
    return out;
  }

  /// The values of node `id`, evaluated by now. The address may change if the values can be forgotten.
  const T* values(NodeId id) {
    if (nodes_[id].deferred) evaluate(id);
    return nodes_[id].values;
  }
  /// The same for a caller that keeps the address.
  const T* exposed_values(NodeId id) {
    nodes_[id].exposed = true;
    return values(id);
  }

  /// Declares that the caller has changed a leaf's values: what depends on them is recomputed in place when read.
  void renew(NodeId leaf) {
    const detail::Arena::Mark before = arena_.mark();
    auto* changed = arena_.template allocate<bool>(static_cast<Index>(nodes_.size() - leaf));
    changed[0] = true;
    for (NodeId id = leaf + 1; id < nodes_.size(); ++id) {
      bool depends = false;
      for (int i = 0; i < nodes_[id].inputs && !depends; ++i)
        depends = input(id, i) >= leaf && changed[input(id, i) - leaf];
      changed[id - leaf] = depends;
      nodes_[id].deferred |= depends;
    }
    arena_.rewind(before);
  }

  /// Sets whether operations recorded from now on are evaluated when their values are read rather than at once. Memory
  /// for the values is allocated either way. Returns the previous setting.
  bool defer(bool deferring) { return std::exchange(deferring_, deferring); }

  /// Sets whether large values of cheap operations (`Operation::is_cheap`) recorded from now on go to separate memory.
  /// Returns the previous setting.
  bool keep_apart(bool apart) { return std::exchange(keeping_apart_, apart); }

  /// Whether nobody has the address of the separately stored values of nodes first .. last - 1.
  bool can_forget(NodeId first, NodeId last) const {
    return std::none_of(nodes_.begin() + first, nodes_.begin() + last,
                        [](const Node& node) { return node.apart && node.exposed; });
  }
  /// Gives up the separately stored values of nodes first .. last - 1, so that their memory can be reused. Call
  /// `bring_back` before anybody reads them.
  void forget(NodeId first, NodeId last) {
    for (NodeId id = first; id < last; ++id) nodes_[id].deferred |= nodes_[id].apart;
  }
  /// Allocates memory for the values that `forget` gave up, as when they were recorded. They are recomputed when read,
  /// with the same bits.
  void bring_back(NodeId first, NodeId last) {
    for (NodeId id = first; id < last; ++id) {
      Node& node = nodes_[id];
      if (!node.apart) continue;
      node.values = node.alias_offset < 0 ? apart_.template allocate<T>(node.shape().size())
                                          : nodes_[input(id, 0)].values + node.alias_offset;
    }
  }

  /// @throws ArgumentError unless all Vars are nodes of this tape, naming the operation and the Vars' role.
  void require_nodes(const char* operation, const char* role, std::span<const Var<T>> vars) const {
    for (const Var<T>& var : vars) {
      if (!var || &var.tape() != this) {
        throw ArgumentError(operation, ": every ", role, " must be recorded on the same tape");
      }
      if (!var.is_recorded()) {
        throw ArgumentError(operation, ": one ", role, " was dropped when the tape was rewound");
      }
    }
  }
  /// The same for one Var.
  void require_nodes(const char* operation, const char* role, const Var<T>& var) const {
    require_nodes(operation, role, std::span<const Var<T>>(&var, 1));
  }

  /// Allocates memory that lives as long as what is recorded now, for what an operation saves for its derivatives.
  template <class U>
  U* allocate(Index count) {
    return arena_.template allocate<U>(count);
  }

  /// The current height of the stack.
  Mark mark() const {
    return {nodes_.size(), inputs_.size(), arena_.mark(), apart_.mark(), nodes_.empty() ? 0 : nodes_.back().generation};
  }

  /// Drops everything recorded since the mark but keeps the memory. Vars recorded since then are invalid. @throws
  /// ArgumentError if the tape is shorter than the mark, or was rewound past it and has grown again.
  void rewind(const Mark& mark) {
    if (mark.nodes > nodes_.size()) {
      throw ArgumentError("Tape: cannot rewind to a mark of ", mark.nodes, " nodes, the tape has ", nodes_.size());
    }
    if (mark.nodes > 0 && nodes_[mark.nodes - 1].generation != mark.generation) {
      throw ArgumentError("Tape: cannot rewind to a mark of ", mark.nodes, " nodes, which have been replaced since");
    }
    if (mark.arena.allocations > arena_.mark().allocations) {
      throw ArgumentError("Tape: cannot rewind to a mark above the memory in use");
    }
    most_nodes_ = (std::max)(most_nodes_, nodes_.size());
    most_inputs_ = (std::max)(most_inputs_, inputs_.size());
    if (mark.nodes < nodes_.size()) generation_.renew();
    nodes_.resize(mark.nodes, Node{});
    inputs_.resize(mark.inputs);
    arena_.rewind(mark.arena);
    apart_.rewind(mark.apart);
  }
  /// Drops the whole record but keeps the memory.
  void reset() { rewind(Mark{}); }

  /// The number of nodes.
  std::size_t size() const { return nodes_.size(); }
  /// Node number `id`. The reference is valid until something is recorded.
  const Node& node(NodeId id) const { return nodes_[id]; }
  /// The number of the node that is input i of node `id`.
  NodeId input(NodeId id, int i) const { return inputs_[nodes_[id].first_input + static_cast<std::uint32_t>(i)]; }

  /// Bytes used by the record.
  std::size_t used_bytes() const {
    return arena_.used_bytes() + apart_.used_bytes() + nodes_.size() * sizeof(Node) + inputs_.size() * sizeof(NodeId);
  }

  /// Bytes held by the tape, used or not.
  std::size_t reserved_bytes() const {
    return arena_.reserved_bytes() + apart_.reserved_bytes() + nodes_.capacity() * sizeof(Node) +
           inputs_.capacity() * sizeof(NodeId);
  }

  /// Predicts the bytes that the tape's own lists, which double as they grow, would hold beside the arena if `more`
  /// records of this height were added below the highest record so far.
  std::size_t predicted_list_bytes(const Mark& height, std::size_t more) const {
    return std::bit_ceil(most_nodes_ + more * height.nodes) * sizeof(Node) +
           std::bit_ceil(most_inputs_ + more * height.inputs) * sizeof(NodeId);
  }
  /// The memory of values, operations and what they saved.
  detail::Arena& arena() { return arena_; }
  /// The memory of values that can be forgotten.
  detail::Arena& apart() { return apart_; }

 private:
  static constexpr Index large = 4096;  // number of values from which a tensor is worth forgetting

  /// Values in the caller's memory may change, so nothing computed from them may be recomputed later.
  template <class Op>
  bool is_kept_apart(const Op& operation, const Shape& shape, std::span<const Var<T>> inputs) const {
    return keeping_apart_ && shape.size() >= large && operation.is_cheap() &&
           std::ranges::none_of(inputs, [&](const Var<T>& input) {
             const Node& node = nodes_[input.id()];
             return node.placed && !arena_.contains(node.values);
           });
  }

  /// Evaluates inputs first, since an operation need not read them itself (a slice does not). Nodes that wait for
  /// inputs are on a list, as a chain of forgotten values may be deeper than a thread's stack allows.
  void evaluate(NodeId id) {
    const std::size_t bottom = waiting_.size();
    try {
      waiting_.push_back(id);
      while (waiting_.size() > bottom) {
        const NodeId next = waiting_.back();
        if (nodes_[next].deferred && wait_for_inputs(next)) continue;
        waiting_.pop_back();
        if (nodes_[next].deferred) evaluate_alone(next);
      }
    } catch (...) {
      waiting_.resize(bottom);
      throw;
    }
  }
  /// Puts unevaluated inputs on the list; returns whether there were any.
  bool wait_for_inputs(NodeId id) {
    const std::size_t before = waiting_.size();
    for (int i = 0; i < nodes_[id].inputs; ++i) {
      if (nodes_[input(id, i)].deferred) waiting_.push_back(input(id, i));
    }
    return waiting_.size() > before;
  }
  void evaluate_alone(NodeId id) {
    const detail::Arena::Mark before_scratch = arena_.mark();
    const Node& node = nodes_[id];
    node.operation->evaluate(Evaluation<T>(*this, id, const_cast<T*>(node.values)));  // memory that it may write
    arena_.rewind(before_scratch);
    nodes_[id].deferred = false;
  }

  /// The shape in the tape's memory, or an equal shape of an input, which lives as long.
  const Shape* shared(const Shape& shape, std::span<const Var<T>> inputs) {
    const auto same = [&](const Shape& other) { return other == shape && other.layout() == shape.layout(); };
    if (same(detail::scalar_shape)) return &detail::scalar_shape;
    for (const Var<T>& input : inputs) {
      if (same(nodes_[input.id()].shape())) return nodes_[input.id()].extents;
    }
    return new (arena_.template allocate<Shape>(1)) Shape(shape);
  }

  template <class Op>
  Var<T> record(const Op& operation, const Shape& shape, const T* values, std::span<const Var<T>> inputs) {
    static_assert(std::is_base_of_v<Operation<T>, Op>, "an operation derives from hypertape::Operation<T>");
    const Op* stored = new (arena_.template allocate<Op>(1)) Op(operation);
    nodes_.push_back({stored, values, shared(shape, inputs), static_cast<std::uint32_t>(inputs_.size()),
                      static_cast<int>(inputs.size()), generation_.value()});
    for (const Var<T>& input : inputs) inputs_.push_back(input.id());
    return Var<T>(*this, static_cast<NodeId>(nodes_.size() - 1));
  }

  detail::Arena arena_, apart_;
  std::vector<Node> nodes_;
  std::vector<NodeId> inputs_;
  std::vector<NodeId> waiting_;                   // nodes that `evaluate` is working on
  std::size_t most_nodes_ = 0, most_inputs_ = 0;  // the most there were before any rewind
  bool deferring_ = false, keeping_apart_ = false;
  detail::Generation generation_;
};

namespace detail {

/// Sets `defer` or `keep_apart` of a tape until the end of the scope, even if an exception ends it.
template <class T>
class TapeSetting {
 public:
  using Set = bool (Tape<T>::*)(bool);
  TapeSetting(Tape<T>& tape, Set set, bool value) : tape_(tape), set_(set), before_((tape.*set)(value)) {}
  TapeSetting(const TapeSetting&) = delete;
  TapeSetting& operator=(const TapeSetting&) = delete;
  ~TapeSetting() { (tape_.*set_)(before_); }

 private:
  Tape<T>& tape_;
  Set set_;
  bool before_;
};

/// Rewinds a tape to its current height at the end of the scope, even if an exception ends it.
template <class T>
class RewindScope {
 public:
  explicit RewindScope(Tape<T>& tape) : tape_(tape), mark_(tape.mark()) {}
  RewindScope(const RewindScope&) = delete;
  RewindScope& operator=(const RewindScope&) = delete;
  ~RewindScope() { tape_.rewind(mark_); }

 private:
  Tape<T>& tape_;
  typename Tape<T>::Mark mark_;
};

}  // namespace detail

/// What an operation reads and writes when it is evaluated.
template <class T>
class Evaluation {
 public:
  /// Used by the tape itself.
  Evaluation(Tape<T>& tape, typename Var<T>::NodeId id, T* output) : tape_(tape), id_(id), output_(output) {}

  /// The number of inputs.
  int inputs() const { return tape_.node(id_).inputs; }
  /// The values of input i, in memory order.
  const T* input(int i) const { return tape_.node(tape_.input(id_, i)).values; }
  /// The shape of input i.
  const Shape& input_shape(int i) const { return tape_.node(tape_.input(id_, i)).shape(); }

  /// Where the values of the result go, in memory order.
  T* output() const { return output_; }
  /// The shape of the result.
  const Shape& output_shape() const { return tape_.node(id_).shape(); }

  /// Uninitialized memory until the end of this evaluation.
  T* scratch(Index count) const { return tape_.template allocate<T>(count); }

 private:
  Tape<T>& tape_;
  typename Var<T>::NodeId id_;
  T* output_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
