#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/optim/rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

namespace detail {

/// The rule behind `ClippedByNorm`.
template <class T>
class ClippedRule final : public UpdateRule<T> {
 public:
  explicit ClippedRule(std::unique_ptr<UpdateRule<T>> inner) : inner_(std::move(inner)) {}

  std::unique_ptr<UpdateRule<T>> clone() const override { return std::make_unique<ClippedRule>(inner_->clone()); }
  std::string name() const override { return inner_->name() + " clipped by norm"; }
  std::size_t slot_count() const override { return inner_->slot_count(); }
  Slot slot(std::size_t i) const override { return inner_->slot(i); }
  std::vector<Coefficient> coefficients() const override {
    std::vector<Coefficient> all = inner_->coefficients();
    all.push_back({"max_norm"});
    return all;
  }
  bool takes_hyperparameters() const override { return inner_->takes_hyperparameters(); }
  std::size_t reserved_bytes() const override {
    return inner_->reserved_bytes() + clipped_.reserved_bytes() + tangent_.reserved_bytes();
  }

  void step(const StepInputs<T>& in, Iterate<T>& to, const WorkerTeam& team) override {
    clip(in, team);
    inner_->step(inner_inputs(in), to, team);
  }

  void adjoint(const StepInputs<T>& in, const Iterate<T>& to, const StepAdjoint<T>& out,
               const WorkerTeam& team) override {
    const Clip k = clip(in, team);
    inner_->adjoint(inner_inputs(in), to,
                    {out.iterate, out.gradient, out.rates, all_but_last(out.coefficients), out.phi}, team);
    if (!k.active) return;
    const T inner = kernels::dot(in.gradient.size(), out.gradient.data(), in.gradient.data()) / k.length;
    out.coefficients.back() += inner;
    combine(in, team, k.factor, out.gradient, k.norm_slope(inner), out.gradient);
  }

  void tangent(const StepInputs<T>& in, const Iterate<T>& to, const StepTangent<T>& along, Iterate<T>& out,
               const WorkerTeam& team) override {
    const Clip k = clip(in, team);
    T along_gradient = 0;  // multiple of g due to the tangents of the factor and of max_norm
    if (k.active) {
      const T inner = kernels::dot(in.gradient.size(), along.gradient.data(), in.gradient.data()) / k.length;
      along_gradient = k.norm_slope(inner) + along.coefficients.back() / k.length;
    }
    tangent_.resize(in.gradient.shape());
    combine(in, team, k.factor, along.gradient, along_gradient, tangent_);
    inner_->tangent(inner_inputs(in), to,
                    {along.iterate, tangent_, along.rates, all_but_last(along.coefficients), along.phi}, out, team);
  }

 private:
  struct Clip {
    T norm;       // of g
    T length;     // |g| + 1e-6
    T factor;     // c
    bool active;  // whether the factor depends on g and max_norm

    /// The factor s in <v, g> dc/dg = s g, from inner = <v, g> / length.
    T norm_slope(T inner) const { return norm > 0 ? -factor * inner / norm : T(0); }
  };

  /// Computes c g.
  Clip clip(const StepInputs<T>& in, const WorkerTeam& team) {
    Clip k;
    k.norm = kernels::norm(in.gradient.size(), in.gradient.data());
    k.length = k.norm + T(1e-6);
    const T ratio = in.coefficients.back() / k.length;
    k.active = !(ratio > 1);
    k.factor = k.active ? ratio : T(1);
    clipped_.resize(in.gradient.shape());
    combine(in, team, k.factor, in.gradient, T(0), clipped_);
    return k;
  }

  /// out = a v + b g, elementwise.
  static void combine(const StepInputs<T>& in, const WorkerTeam& team, T a, const Tensor<T>& v, T b, Tensor<T>& out) {
    const auto chunks = in.groups.chunks();
    team.for_each(static_cast<Index>(chunks.size()), [&](Index chunk, int) {
      const Range range = chunks[static_cast<std::size_t>(chunk)].weights;
      for (Index i = range.begin; i < range.end; ++i) out[i] = a * v[i] + b * in.gradient[i];
    });
  }

  StepInputs<T> inner_inputs(const StepInputs<T>& in) const {
    return {in.from, clipped_, in.rates, in.groups, all_but_last(in.coefficients), in.phi, in.step};
  }

  template <class U>
  static std::span<U> all_but_last(std::span<U> coefficients) {
    return coefficients.first(coefficients.size() - 1);
  }

  std::unique_ptr<UpdateRule<T>> inner_;
  Tensor<T> clipped_, tangent_;  // (P): c g and its tangent
};

}  // namespace detail

/// Clips the gradient's norm before the step of any rule (Pascanu, Mikolov and Bengio 2013; PyTorch's clip_grad_norm_):
///
///     s' = step(s, c g),    c = min(1, max_norm / (|g| + 1e-6))
///
/// Adjoint, with n the rule's derivative with respect to c g: if the bound is not reached, c = 1 and g_bar = n;
/// otherwise
///
///     max_norm_bar = <n, g> / (|g| + 1e-6),    g_bar = c n - c <n, g> / (|g| + 1e-6) g / |g|
///
/// where the last term is 0 for g = 0. The norm is that of the whole gradient, whatever the groups of weights.
///
/// `optim::ClippedByNorm{optim::WeightDecay{optim::HeavyBall{}, 5e-4}, 1}` clips before the decay is added, as a
/// training loop in PyTorch does.
template <class Equations>
struct ClippedByNorm {
  Equations rule;       ///< applied to the clipped gradient
  double max_norm = 1;  ///< at least 0

  /// The rule's coefficients, followed by max_norm.
  auto values() const { return detail::append(rule.values(), max_norm); }

  /// The rule, for `Rule`.
  template <class T>
  std::unique_ptr<UpdateRule<T>> update_rule() const {
    return std::make_unique<detail::ClippedRule<T>>(detail::make_rule<T>(rule));
  }
};

/// Deduces the rule's type.
template <class Equations>
ClippedByNorm(Equations, double) -> ClippedByNorm<Equations>;

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
