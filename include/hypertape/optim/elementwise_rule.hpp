#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/optim/update_rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

namespace detail {

/// The list with one more entry.
template <class E, std::size_t N>
constexpr std::array<E, N + 1> append(const std::array<E, N>& list, const E& last) {
  return [&]<std::size_t... Place>(std::index_sequence<Place...>) { return std::array<E, N + 1>{list[Place]..., last}; }
  (std::make_index_sequence<N>());
}

/// Whether the adjoint of these equations reads g.
template <class Equations>
inline constexpr bool reads_gradient = [] {
  if constexpr (requires { Equations::needs_gradient; }) return Equations::needs_gradient;
  return true;
}();

}  // namespace detail

/// The values of some weights, theta and slots, one weight per lane of V.
template <class V, std::size_t Slots>
struct Weights {
  V theta;                    ///< the weights themselves
  std::array<V, Slots> slot;  ///< in the order of the equations' slot_list
};

/// The inputs of a step of some weights, one weight per lane of V; also used for their derivatives or tangents.
template <class V, std::size_t Slots, std::size_t Coefficients>
struct Given {
  Weights<V, Slots> weights;                 ///< s_t
  V gradient;                                ///< g_t
  V rate;                                    ///< eta_t
  std::array<V, Coefficients> coefficients;  ///< the same in every lane

  /// These weights, with 0 for all other inputs.
  static Given of(const Weights<V, Slots>& weights) {
    Given given{weights, V::Zero(), V::Zero(), {}};
    given.coefficients.fill(V::Zero());
    return given;
  }
};

/// Equations that treat each weight separately, from which `ElementwiseRule` makes a rule.
template <class E>
concept ElementwiseEquations = requires(const E& equations) {
  typename E::template Scalars<double>;
  { equations.values().size() } -> std::convertible_to<std::size_t>;
  { E::coefficients.size() } -> std::convertible_to<std::size_t>;
  { E::slot_list.size() } -> std::convertible_to<std::size_t>;
};

/// An update rule that treats each weight separately, made from its equations. `Equations` is a plain struct with the
/// rule's numbers and
///
///     static std::string name();
///     static constexpr std::array<Slot, S> slot_list;
///     static constexpr std::array<Coefficient, C> coefficients;
///     std::array<double, C> values() const;               // of the coefficients
///     template <class T> struct Scalars;                  // shared by all weights; constructed from
///                                                         // (rate, std::span<const T> coefficients, step)
///     step(k, g, w)                                       // w: s_t, becomes s_{t+1}
///     adjoint(k, before, after, g, bar)                   // bar.weights: dL/d s_{t+1}, becomes dL/d s_t; writes the
///                                                         // rest of bar, which is 0 until then
///     tangent(k, before, after, g, dot, out)              // writes the tangent of s_{t+1}
///
/// The last three are static templates over V, a fixed-size Eigen array. With `static constexpr bool needs_gradient =
/// false`, the adjoint does not read g, which then need not be kept. optim/heavy_ball.hpp is a short example. Sums over
/// weights, as for the derivative with respect to a coefficient, go chunk by chunk in a fixed order, for any number of
/// threads.
template <class T, ElementwiseEquations Equations>
class ElementwiseRule final : public UpdateRule<T> {
  static constexpr std::size_t kept_slots = Equations::slot_list.size();
  static constexpr std::size_t coefficient_count = Equations::coefficients.size();
  static constexpr int lanes = 64 / static_cast<int>(sizeof(T));
  using V = Eigen::Array<T, lanes, 1>;
  using Scalars = typename Equations::template Scalars<T>;
  using LaneWeights = Weights<V, kept_slots>;
  using LaneGiven = Given<V, kept_slots, coefficient_count>;

 public:
  std::unique_ptr<UpdateRule<T>> clone() const override { return std::make_unique<ElementwiseRule>(); }
  std::string name() const override { return Equations::name(); }
  std::size_t slot_count() const override { return kept_slots; }
  Slot slot(std::size_t i) const override { return Equations::slot_list.at(i); }
  std::vector<Coefficient> coefficients() const override {
    return {Equations::coefficients.begin(), Equations::coefficients.end()};
  }
  bool is_plain_descent() const override {
    if constexpr (requires { Equations::is_plain_descent; }) return Equations::is_plain_descent;
    return false;
  }
  bool needs_gradient() const override { return detail::reads_gradient<Equations>; }
  std::size_t reserved_bytes() const override { return partial_.capacity() * sizeof(partial_[0]); }

  void step(const StepInputs<T>& in, Iterate<T>& to, const WorkerTeam& team) override {
    for_each_lanes(in, team, [&](const Scalars& k, std::size_t, Index i, auto count, Sums&) {
      LaneWeights w = load(in.from, i, count);
      Equations::step(k, load(in.gradient, i, count), w);
      store(w, to, i, count);
    });
  }

  void adjoint(const StepInputs<T>& in, const Iterate<T>& to, const StepAdjoint<T>& out,
               const WorkerTeam& team) override {
    for_each_lanes(in, team, [&](const Scalars& k, std::size_t, Index i, auto count, Sums& sums) {
      auto bar = LaneGiven::of(load(out.iterate, i, count));
      V gradient = V::Zero();
      if constexpr (detail::reads_gradient<Equations>) gradient = load(in.gradient, i, count);
      Equations::adjoint(k, load(in.from, i, count), load(to, i, count), gradient, bar);
      store(bar.weights, out.iterate, i, count);
      store(bar.gradient, out.gradient, i, count);
      add(bar.rate, sums[0], count);
      for (std::size_t c = 0; c < coefficient_count; ++c) add(bar.coefficients[c], sums[c + 1], count);
    });
    const auto chunks = in.groups.chunks();
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      out.rates[chunks[i].group] += partial_[i][0];
      for (std::size_t c = 0; c < coefficient_count; ++c) out.coefficients[c] += partial_[i][c + 1];
    }
  }

  void tangent(const StepInputs<T>& in, const Iterate<T>& to, const StepTangent<T>& along, Iterate<T>& out,
               const WorkerTeam& team) override {
    LaneGiven shared;
    for (std::size_t c = 0; c < coefficient_count; ++c) shared.coefficients[c] = V::Constant(along.coefficients[c]);
    for_each_lanes(in, team, [&](const Scalars& k, std::size_t group, Index i, auto count, Sums&) {
      LaneGiven dot = shared;
      dot.weights = load(along.iterate, i, count);
      dot.gradient = load(along.gradient, i, count);
      dot.rate = V::Constant(along.rates[group]);
      LaneWeights next;
      Equations::tangent(k, load(in.from, i, count), load(to, i, count), load(in.gradient, i, count), dot, next);
      store(next, out, i, count);
    });
  }

 private:
  /// Sums of the derivatives with respect to the rate and the coefficients.
  using Sums = std::array<V, coefficient_count + 1>;

  /// All lanes, as a compile-time count, so that the compiler keeps them in registers.
  using AllLanes = std::integral_constant<int, lanes>;
  template <class Count>
  static constexpr bool is_all = std::is_same_v<Count, AllLanes>;

  /// Calls body(scalars, group, i, count, sums) for weights i .. i + count - 1 of all chunks, where count is AllLanes
  /// or, at the end of a chunk, fewer. The chunks' sums end up in partial_.
  template <class Body>
  void for_each_lanes(const StepInputs<T>& in, const WorkerTeam& team, const Body& body) {
    const auto chunks = in.groups.chunks();
    partial_.resize(chunks.size());
    team.for_each(static_cast<Index>(chunks.size()), [&](Index number, int) {
      const auto chunk = static_cast<std::size_t>(number);
      const Scalars k(in.rates[chunks[chunk].group], in.coefficients, in.step);
      Sums sums;
      sums.fill(V::Zero());
      const Range range = chunks[chunk].weights;
      Index i = range.begin;
      for (; i + lanes <= range.end; i += lanes) body(k, chunks[chunk].group, i, AllLanes(), sums);
      if (i < range.end) body(k, chunks[chunk].group, i, static_cast<int>(range.end - i), sums);
      for (std::size_t c = 0; c < sums.size(); ++c) partial_[chunk][c] = kernels::sum(Index{lanes}, sums[c].data());
    });
  }

  template <class Count>
  static V load(const Tensor<T>& from, Index i, Count count) {
    if constexpr (is_all<Count>) {
      return Eigen::Map<const V>(from.data() + i);
    } else {
      V v = V::Zero();
      std::copy_n(from.data() + i, count, v.data());
      return v;
    }
  }
  template <class Count>
  static LaneWeights load(const Iterate<T>& from, Index i, Count count) {
    LaneWeights w;
    w.theta = load(from.theta, i, count);
    for (std::size_t s = 0; s < kept_slots; ++s) w.slot[s] = load(from.slot[s], i, count);
    return w;
  }
  template <class Count>
  static void store(const V& v, Tensor<T>& to, Index i, Count count) {
    if constexpr (is_all<Count>) {
      Eigen::Map<V>(to.data() + i) = v;
    } else {
      std::copy_n(v.data(), count, to.data() + i);
    }
  }
  template <class Count>
  static void store(const LaneWeights& w, Iterate<T>& to, Index i, Count count) {
    store(w.theta, to.theta, i, count);
    for (std::size_t s = 0; s < kept_slots; ++s) store(w.slot[s], to.slot[s], i, count);
  }
  /// Adds the lanes that hold weights; those behind the last weight must not count.
  template <class Count>
  static void add(const V& v, V& sum, Count count) {
    if constexpr (is_all<Count>) {
      sum += v;
    } else {
      sum.head(count) += v.head(count);
    }
  }

  std::vector<std::array<T, coefficient_count + 1>> partial_;  // the sums of each chunk
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
