#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/core/arena_forecast.hpp"
#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/unroll/inner_loss.hpp"
#include "hypertape/unroll/loss_inputs.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// First and second derivatives of a loss of theta and data, which records a mean over a block of samples from Vars. A
/// gradient and a hypergradient need nothing else of the loss.
///
/// `record` pushes and `gradient_vjp` pops: the steps of an inner loop go forward, then back. `hessian_product` may be
/// called any number of times. Only one thread at a time may use an object; it reuses its memory.
template <class T>
class LossDerivatives {
 public:
  /// `name` is the loss's name in messages.
  explicit LossDerivatives(InnerLoss<T> loss, SecondDerivative second = SecondDerivative::forward_over_reverse,
                           const char* name = "hypergradient: the inner loss")
      : loss_(std::move(loss)), name_(name), reverse_(second == SecondDerivative::reverse_over_reverse) {}

  /// Returns the loss, and writes gradient (P) = start + weight * d loss / d theta. @throws ShapeError if the inputs do
  /// not fit the loss.
  T gradient(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out);

  /// Like `gradient`, but also keeps what `gradient_vjp` needs.
  T record(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out);

  /// Returns s = <direction, weight * d loss / d theta> for the newest record, writes the derivatives of s, and drops
  /// the record. @throws ArgumentError if there is no record.
  T gradient_vjp(const T* direction, const LossOutputs<T>& out);

  /// Writes the sum over all records of d/dtheta <direction, weight * d loss / d theta> to out (P): the product of
  /// their Hessian with the direction. Keeps the records. @throws ArgumentError if there is no record.
  void hessian_product(const T* direction, T* out);

  /// Computes the tangent of the newest record, which it keeps: writes the tangent of weight * d loss / d theta (P) and
  /// returns that of the loss. `along` has the inputs' tangents in order (theta, the data, phi); null means zero.
  T tangent(std::span<const Tensor<T>* const> along, T* out);

  /// Drops the newest record.
  void drop_record() {
    drop(records_.back());
    records_.pop_back();
  }

  /// Drops all records.
  void clear() {
    records_.clear();
    vars_.clear();
    tape_.reset();
  }

  /// Bytes held by the object, used or not.
  std::size_t reserved_bytes() const {
    return tape_.reserved_bytes() + records_.capacity() * sizeof(Record) + vars_.capacity() * sizeof(Var<T>);
  }

  /// Predicts `reserved_bytes` of a new object after these calls with inputs of these kinds. It learns from one
  /// gradient and one differentiated record of each kind, made with this object, which must be new.
  std::size_t predicted_bytes(std::span<const LossInputs<T>> kinds, std::span<const LossCall> calls, const T* direction,
                              T* gradient_out, const LossOutputs<T>& out);

 private:
  using NodeId = typename Tape<T>::NodeId;

  /// One recorded loss. Its inputs (theta, the data and, if any, phi) are in vars_ from `begin` on; behind them are the
  /// wanted gradients with respect to the inputs, times the weight.
  struct Record {
    typename Tape<T>::Mark before;
    T weight = 0;
    Var<T> loss;
    std::size_t begin = 0, inputs = 0, data = 0;
    std::span<const char> wanted;
    NodeId end = 0;            // after its last node
    bool forgettable = false;  // whether its separately stored values can be forgotten
    Arena::Mark floor{};       // height of separate memory; what lies below belongs to records that cannot be forgotten
  };

  /// Separately stored values of all records share one memory, above those that cannot be forgotten. From now on it
  /// holds the values of record `index`, which may be about to be made.
  void bring_back(std::size_t index) {
    const std::size_t before = std::exchange(present_, index);
    if (before == index && index < records_.size()) return;
    const auto forgettable = [&](std::size_t i) { return i < records_.size() && records_[i].forgettable; };
    const auto first = [&](std::size_t i) { return static_cast<NodeId>(records_[i].before.nodes); };
    if (forgettable(before)) tape_.forget(first(before), records_[before].end);
    tape_.apart().rewind(floor());
    if (forgettable(index)) tape_.bring_back(first(index), records_[index].end);
  }
  Arena::Mark floor() const { return records_.empty() ? Arena::Mark() : records_.back().floor; }

  void require_record() const {
    if (records_.empty()) throw ArgumentError("LossDerivatives: there is no record to differentiate");
  }

  std::size_t predicted_arena_bytes(std::span<const LossInputs<T>> kinds, std::span<const LossCall> calls,
                                    const T* direction, T* gradient_out, const LossOutputs<T>& out) {
    const auto mode = kernels::OutputMode::write;
    std::vector<std::array<ArenaTrace, 3>> traces;
    std::vector<ArenaTrace> traces_apart;
    std::vector<char> forgettable;
    for (const LossInputs<T>& inputs : kinds) {
      traces_apart.push_back(trace(tape_.apart(), [&] { record(inputs, T(1), mode, gradient_out); }));
      forgettable.push_back(records_.back().forgettable);
      drop_record();
      auto& of = traces.emplace_back();
      of[0] = trace(tape_.arena(), [&] { gradient(inputs, T(1), mode, gradient_out); });
      of[1] = trace(tape_.arena(), [&] { record(inputs, T(1), mode, gradient_out); });
      of[2] = trace(tape_.arena(), [&] { gradient_vjp(direction, out); });
    }
    ArenaForecast forecast(tape_.arena().block_bytes()), apart(tape_.apart().block_bytes());
    std::vector<std::size_t> floors = {0};  // `floor` after each record, in allocations
    for (const LossCall& call : calls) {
      forecast.repeat(traces[call.kind][static_cast<std::size_t>(call.what)]);
      apart.rewind(floors.back());
      if (call.what == LossCall::What::record) {
        apart.repeat(traces_apart[call.kind]);
        floors.push_back(forgettable[call.kind] != 0 ? floors.back() : apart.allocations());
      } else if (call.what == LossCall::What::gradient_vjp) {
        floors.pop_back();
      }
    }
    return forecast.reserved_bytes() + apart.reserved_bytes();
  }

  static std::span<const Var<T>> one_of(const Var<T>& var) { return {&var, 1}; }
  std::span<Var<T>> inputs_of(const Record& record) { return std::span(vars_).subspan(record.begin, record.inputs); }
  std::span<Var<T>> gradients_of(const Record& record) {
    return std::span(vars_).subspan(record.begin + record.inputs, record.inputs);
  }

  /// Puts the inputs on the tape and records their loss.
  Record put_on_tape(const LossInputs<T>& in, T weight) {
    Record record;
    record.before = tape_.mark();
    record.weight = weight;
    record.begin = vars_.size();
    record.data = in.data.size();
    record.inputs = 1 + record.data + (in.phi == nullptr ? 0 : 1);
    record.wanted = in.wanted;
    const auto view = [&](const Tensor<T>& tensor) { vars_.push_back(tape_.view(tensor.shape(), tensor.data())); };
    view(in.theta);
    for (const Tensor<T>& tensor : in.data) view(tensor);
    if (in.phi != nullptr) view(*in.phi);
    const std::span<const Var<T>> inputs = inputs_of(record);
    record.loss =
        loss_(inputs[0], inputs.subspan(1, record.data), in.phi == nullptr ? Var<T>() : inputs.back(), in.step);
    if (record.loss.size() != 1) {
      throw ShapeError(name_, " must be a scalar, its shape is ", record.loss.shape());
    }
    vars_.resize(record.begin + 2 * record.inputs);
    return record;
  }

  /// Computes all derivatives in one sweep, recorded after everything else. Forward over reverse: the tangent of d loss
  /// / dx along the direction is d/dx <direction, d loss / d theta>, because second derivatives commute, and the
  /// tangent of the loss is the slope.
  T differentiate(const Record& record, const T* direction, const LossOutputs<T>& out) {
    const Var<T> theta = inputs_of(record)[0], along = tape_.view(theta.shape(), direction);
    chosen_.clear();
    outputs_.clear();
    destinations_.clear();
    for (std::size_t i = 0; i < record.inputs; ++i) {
      T* const place = i == 0 ? out.theta : i <= record.data ? (out.data.empty() ? nullptr : out.data[i - 1]) : out.phi;
      if (place == nullptr) continue;
      chosen_.push_back(inputs_of(record)[i]);
      outputs_.push_back(gradients_of(record)[i]);
      destinations_.push_back(place);
    }
    T slope;
    if (reverse_) {
      const Var<T> recorded_slope = dot(along, gradients_of(record)[0]), one = tape_.scalar(T(1));
      results_.resize(chosen_.size());
      vjp<T>(one_of(recorded_slope), one_of(one), chosen_, results_, destinations_);
      slope = recorded_slope.item();
    } else {
      outputs_.push_back(record.loss);
      destinations_.push_back(nullptr);
      results_.resize(outputs_.size());
      jvp<T>(outputs_, one_of(theta), one_of(along), results_, destinations_);
      slope = record.weight * results_.back().item();
    }
    return slope;
  }

  void drop(const Record& record) {
    vars_.resize(record.begin);
    tape_.rewind(record.before);
  }

  /// Before the first record, sets the block size of the tape's memory, large enough that little is lost at block ends.
  /// A network's activations are usually about as large as its weights.
  void size_blocks(Index weights) {
    if (std::exchange(sized_, true)) return;
    constexpr std::size_t least = std::size_t{1} << 20, most = std::size_t{1} << 24;
    tape_ = Tape<T>(std::clamp(static_cast<std::size_t>(weights) * sizeof(T), least, most));
  }

  /// Records the gradients, with respect to theta alone or to all wanted inputs; of the latter only tangents are ever
  /// read. The gradient with respect to theta is written to the caller's memory and takes none of the tape's, unless it
  /// must be added to what is there, or its values are differentiated (reverse over reverse) after the caller has
  /// changed them.
  void push(const Record& record, bool all, kernels::OutputMode mode, T* gradient_out) {
    const Var<T> weight = tape_.full(record.loss.shape(), record.weight);
    const bool in_place = mode == kernels::OutputMode::write && !reverse_;
    chosen_.assign(1, inputs_of(record)[0]);
    destinations_.assign(1, in_place ? gradient_out : nullptr);
    const auto is_wanted = [&](std::size_t i) {  // for inputs behind theta
      return all && (i > record.data || (!record.wanted.empty() && record.wanted[i - 1] != 0));
    };
    for (std::size_t i = 1; i < record.inputs; ++i) {
      if (!is_wanted(i)) continue;
      chosen_.push_back(inputs_of(record)[i]);
      destinations_.push_back(nullptr);
    }
    results_.resize(chosen_.size());
    vjp<T>(one_of(record.loss), one_of(weight), chosen_, results_, destinations_, 1);
    gradients_of(record)[0] = results_[0];
    for (std::size_t i = 1, next = 1; i < record.inputs; ++i) {
      if (is_wanted(i)) gradients_of(record)[i] = results_[next++];
    }
    if (in_place) return;
    const T* g = tape_.values(results_[0].id());
    const Index size = results_[0].size();
    if (mode == kernels::OutputMode::accumulate) {
      kernels::map(size, gradient_out, g, gradient_out, [](T sum, T value) { return sum + value; });
    } else {
      std::copy_n(g, size, gradient_out);
    }
  }

  InnerLoss<T> loss_;
  const char* name_;
  std::size_t present_ = 0;  // the record whose separately stored values are in memory
  bool reverse_, sized_ = false;
  Tape<T> tape_;
  std::vector<Record> records_;
  std::vector<Var<T>> vars_;                        // of the records, and of the loss being recorded
  std::vector<Var<T>> chosen_, outputs_, results_;  // of one sweep, kept to reuse their memory
  std::vector<T*> destinations_;                    // likewise
};

template <class T>
T LossDerivatives<T>::record(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out) {
  size_blocks(inputs.theta.size());
  bring_back(records_.size());
  const TapeSetting<T> scope(tape_, &Tape<T>::keep_apart, true);
  Record record = put_on_tape(inputs, weight);
  // Forward over reverse needs the gradients with respect to all inputs on the tape; reverse over reverse records its
  // own.
  push(record, !reverse_, mode, gradient_out);
  record.end = static_cast<NodeId>(tape_.size());
  record.forgettable = tape_.can_forget(static_cast<NodeId>(record.before.nodes), record.end);
  record.floor = record.forgettable ? floor() : tape_.apart().mark();
  records_.push_back(record);
  return record.loss.item();
}

template <class T>
T LossDerivatives<T>::gradient(const LossInputs<T>& inputs, T weight, kernels::OutputMode mode, T* gradient_out) {
  size_blocks(inputs.theta.size());
  const Record record = put_on_tape(inputs, weight);
  push(record, false, mode, gradient_out);
  const T value = record.loss.item();
  drop(record);
  return value;
}

template <class T>
T LossDerivatives<T>::gradient_vjp(const T* direction, const LossOutputs<T>& out) {
  require_record();
  bring_back(records_.size() - 1);
  const Record record = records_.back();
  records_.pop_back();
  const T slope = differentiate(record, direction, out);
  drop(record);
  return slope;
}

template <class T>
void LossDerivatives<T>::hessian_product(const T* direction, T* out) {
  require_record();
  const Index weights = inputs_of(records_.front())[0].size();
  for (std::size_t i = 0; i < records_.size(); ++i) {
    bring_back(i);
    const typename Tape<T>::Mark before = tape_.mark();
    T* const product = i == 0 ? out : tape_.template allocate<T>(weights);
    differentiate(records_[i], direction, {product});
    for (Index j = 0; i > 0 && j < weights; ++j) out[j] += product[j];
    tape_.rewind(before);
  }
}

template <class T>
T LossDerivatives<T>::tangent(std::span<const Tensor<T>* const> along, T* out) {
  bring_back(records_.size() - 1);
  const Record& record = records_.back();
  const typename Tape<T>::Mark before = tape_.mark();
  chosen_.clear();
  for (const Tensor<T>* tensor : along) {
    chosen_.push_back(tensor == nullptr ? Var<T>() : tape_.view(tensor->shape(), tensor->data()));
  }
  outputs_.assign({gradients_of(record)[0], record.loss});
  destinations_.assign({out, nullptr});
  results_.resize(2);
  jvp<T>(outputs_, inputs_of(record), chosen_, results_, destinations_);
  const T loss_tangent = results_[1].item();
  tape_.rewind(before);
  return loss_tangent;
}

template <class T>
std::size_t LossDerivatives<T>::predicted_bytes(std::span<const LossInputs<T>> kinds, std::span<const LossCall> calls,
                                                const T* direction, T* gradient_out, const LossOutputs<T>& out) {
  size_blocks(kinds.front().theta.size());
  const std::size_t arena = predicted_arena_bytes(kinds, calls, direction, gradient_out, out);
  const std::size_t records = (std::max)(most_records(calls), std::size_t{1});
  std::size_t lists = 0, vars = 0;
  for (const LossInputs<T>& inputs : kinds) {
    record(inputs, T(1), kernels::OutputMode::write, gradient_out);
    lists = (std::max)(lists, tape_.predicted_list_bytes(tape_.mark(), records - 1));
    vars = (std::max)(vars, std::bit_ceil(records * vars_.size()) * sizeof(Var<T>));
    clear();
  }
  return arena + lists + vars + std::bit_ceil(records) * sizeof(Record);
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
