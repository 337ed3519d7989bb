#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/implicit_solvers.hpp"
#include "hypertape/unroll/unroll.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// How to compute derivatives at a stationary point.
struct ImplicitOptions {
  WantedData differentiate{};                 ///< the data of the steps to differentiate with respect to
  LinearSolver solver = ConjugateGradient{};  ///< for H q = v

  /// Added to the Hessian's diagonal; 0 adds nothing. The results are then those for an inner loss plus damping / 2
  /// |theta - theta*|^2. This makes a singular or slightly indefinite Hessian usable.
  double damping = 0;

  /// The largest relative gradient |g| / |H theta| accepted as stationary. For a quadratic inner loss, it is the
  /// relative residual of the equations for its minimum. Infinity accepts any point, and is needed where theta* is 0.
  double stationarity = 0.05;

  SecondDerivative second_derivative = SecondDerivative::forward_over_reverse;  ///< of the inner loss
  Index samples_per_block = 0;  ///< as `UnrollOptions::samples_per_block`
};

/// Derivatives at a stationary point of the inner loss, by the implicit function theorem (Bengio 2000; Pedregosa 2016;
/// Lorraine, Vicol and Duvenaud 2020; docs/hypergradient.md). The inner objective is the mean over the data of all S
/// steps; an inner loss that takes a step number gets s:
///
///     F(theta, phi)  =  1 / S sum over s of l(theta, x_s, y_s, ..., phi, s),      g = grad_theta F
///
/// (To get there, train with one step on all the data, or with falling learning rates: steps on different data at
/// constant rates circle around the minimum.) Where g(theta*) = 0, theta* is a function of the inputs of F, with H d
/// theta* = - dg, where H = the Hessian of F + damping I. With v = dL/d theta* and q from H q = v,
///
///     d phi  =  dL/d phi at a fixed theta  -  d/dphi <q, g>             and the same for x_s, y_s and extra
///
/// No trajectory is needed, and one record of g serves all products with H. Inputs that theta* does not depend on have
/// no implicit derivative: theta_0, learning rates, the rule's coefficients and slots. In the result they are absent
/// rather than zero: a scalar NaN takes the place of a tensor, and there are no coefficients and no slots. `derivative`
/// refuses them; `Unroll` computes them. The same holds for hyperparameters that only the rule takes.
///
/// Blocks, threads and the requirements on the inner loss are as for `Unroll`. Keep the object: it reuses its memory.
template <class T>
class Implicit {
 public:
  /// Prepares for this inner loss. @throws ArgumentError for an option out of range.
  explicit Implicit(InnerLoss<T> inner_loss, ImplicitOptions options = {}, WorkerTeam team = WorkerTeam(1));

  /// Trains as the loop says and differentiates the outer loss at theta_T, which must be stationary. The result stays
  /// valid until the next call. @throws what `Unroll::train` and `at` throw.
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss);

  /// Differentiates at a stationary point theta (P) found in some other way. It uses only the loop's inputs of the
  /// inner loss and, for `FixedPoint`, the rule and the last learning rates. @throws ShapeError or ArgumentError if
  /// loop, theta or outer loss do not fit; DivergenceError if theta or a value is not finite, theta is not stationary,
  /// negative curvature is found, the solver diverges, or its residual stays above the tolerance.
  const Hypergradient<T>& at(const InnerLoop<T>& loop, const Tensor<T>& theta, OuterLoss<T> outer_loss);

  /// |H q - v| / |v| for the last call, even if that call failed.
  double residual() const { return system_.residual; }
  /// Iterations of the solver: terms of a Neumann series, or columns of a Nystrom method.
  Index iterations() const { return system_.iterations; }
  /// Products with H in the last call, including the one for the stationarity test.
  Index products() const { return products_; }
  /// |g| at the point.
  double gradient_norm() const { return gradient_norm_; }
  /// |g| / |H theta| at the point, which `ImplicitOptions::stationarity` bounds.
  double relative_gradient() const { return relative_gradient_; }

  /// The last call's derivative with respect to a tensor of its loop: `derivative(loop, loop.x[0])`. @throws
  /// ArgumentError if it has no implicit derivative, such as the learning rates, if its derivative was not requested,
  /// or if it is not one of the loop's tensors.
  const Tensor<T>& derivative(const InnerLoop<T>& loop, const Tensor<T>& input) const;

  /// Bytes held by records, vectors and results.
  std::size_t reserved_bytes() const;

 private:
  static UnrollOptions unroll_options(const ImplicitOptions& options) {
    UnrollOptions out;
    out.differentiate = options.differentiate;
    out.second_derivative = options.second_derivative;
    out.samples_per_block = options.samples_per_block;
    return out;
  }

  /// Evaluates the equations above at result_.theta_T.
  const Hypergradient<T>& differentiate(const InnerLoop<T>& loop, OuterLoss<T> outer_loss) {
    start(loop);
    team_.session([&] {
      blocks_.load(loop, &result_);
      record(loop);
      require_stationary();
      const T scale = take_outer_gradient(loop, outer_loss);
      if (scale > 0) solve();
      for (T& value : system_.q.values()) value *= scale;
      for (auto s = static_cast<std::size_t>(loop.steps()); s-- > 0;) blocks_.gradient_vjp(system_.q, s, -share_);
    });
    blocks_.collect(loop, result_);
    if (!blocks_.inner_loss().takes_hyperparameters()) remove(result_.hyperparameters);
    detail::require_finite_derivatives(result_);
    return result_;
  }

  void start(const InnerLoop<T>& loop) {
    remove(result_.theta0);
    remove(result_.learning_rates);
    detail::zero_loss_inputs_like(loop, options_.differentiate, static_cast<InnerLoop<T>&>(result_));
    share_ = T(1) / static_cast<T>(loop.steps());
    products_ = 0;
    system_.iterations = 0;
    system_.residual = std::numeric_limits<double>::quiet_NaN();
    system_.damping = options_.damping;
    system_.multiply = [this](const Tensor<T>& vector, Tensor<T>& product) { multiply(vector, product); };
    if (!std::holds_alternative<FixedPoint>(options_.solver)) return;
    rule_ = loop.rule->clone();
    groups_.assign(loop.theta0.size(), loop.groups);
    system_.iterate.slot.resize(rule_->slot_count());
    system_.train = [this, &loop](optim::Iterate<T>& q, const Tensor<T>& gradient, Index k) {
      rule_->step({q, gradient, loop.rates(loop.range().end - 1), groups_, loop.rule.values(), loop.hyperparameters, k},
                  q, team_);
    };
  }

  /// Makes a derivative absent: NaN, so that nobody mistakes it for zero.
  static void remove(Tensor<T>& tensor) {
    tensor.resize(Shape{});
    tensor.fill(std::numeric_limits<T>::quiet_NaN());
  }

  /// Records the gradient of each step's loss and computes their mean.
  void record(const InnerLoop<T>& loop) {
    detail::zero_like(loop.theta0, gradient_);
    for (Index s = 0; s < loop.steps(); ++s) {
      const T loss = blocks_.gradient(result_.theta_T, static_cast<std::size_t>(s), s, true);
      if (!std::isfinite(loss)) {
        throw DivergenceError("implicit: the inner loss is ", std::isnan(loss) ? "NaN" : "infinite",
                              " on the data of step ", s);
      }
      add_blocks(share_, gradient_);
    }
  }

  /// product = H vector.
  void multiply(const Tensor<T>& vector, Tensor<T>& product) {
    blocks_.hessian_product(vector);
    ++products_;
    const T damping = static_cast<T>(options_.damping);
    for (Index i = 0; i < vector.size(); ++i) product[i] = damping * vector[i];
    add_blocks(share_, product);
  }

  void add_blocks(T factor, Tensor<T>& to) {
    team_.for_each_range(to.size(), [&](Range range) { blocks_.add(factor, to, to, range); });
  }

  void require_stationary() {
    const Tensor<T>& theta = result_.theta_T;
    Tensor<T>& product = system_.q;
    product.resize(theta.shape());
    multiply(theta, product);
    gradient_norm_ = static_cast<double>(kernels::norm(gradient_.size(), gradient_.data()));
    const auto scale = static_cast<double>(kernels::norm(product.size(), product.data()));
    relative_gradient_ = gradient_norm_ > 0 ? gradient_norm_ / scale : 0;
    if (relative_gradient_ <= options_.stationarity) return;
    throw DivergenceError("implicit: the point is not stationary: the gradient has norm ", gradient_norm_, ", ",
                          relative_gradient_, " of |H theta|, where ImplicitOptions::stationarity allows ",
                          options_.stationarity, "; train longer");
  }

  /// Sets v to the outer loss's gradient divided by its norm, and returns the norm.
  T take_outer_gradient(const InnerLoop<T>& loop, OuterLoss<T> outer_loss) {
    Tensor<T>& v = system_.v;
    result_.outer_loss =
        detail::checked_outer_loss<T>(outer_loss, {loop.range().end, result_.theta_T, loop, v, result_});
    const T scale = kernels::norm(v.size(), v.data());
    detail::zero_like(v, system_.q);
    system_.residual = scale > 0 ? 1 : 0;
    if (scale > 0) {
      for (T& value : v.values()) value /= scale;
    }
    return scale;
  }

  void solve() {
    std::visit(
        [&](const auto& solver) {
          detail::solve(solver, system_);
          if (system_.residual <= solver.tolerance) return;
          throw DivergenceError("implicit: ", detail::name(solver), " left a relative residual of ", system_.residual,
                                " after ", system_.iterations, " iterations, above the tolerance ", solver.tolerance,
                                "; ", detail::advice(solver));
        },
        options_.solver);
  }

  ImplicitOptions options_;
  WorkerTeam team_;
  Unroll<T> unroll_;                            // trains
  detail::StepBlocks<T> blocks_;                // recorded at theta*
  std::unique_ptr<optim::UpdateRule<T>> rule_;  // of the fixed-point iteration; so are the groups
  optim::WeightGroups groups_;
  Tensor<T> gradient_;              // g
  detail::LinearSystem<T> system_;  // H q = v
  T share_ = 0;                     // 1 / S
  Index products_ = 0;
  double gradient_norm_ = 0, relative_gradient_ = 0;
  Hypergradient<T> result_;
};

template <class T>
Implicit<T>::Implicit(InnerLoss<T> inner_loss, ImplicitOptions options, WorkerTeam team)
    : options_(options),
      team_(team),
      unroll_(inner_loss, unroll_options(options_), team),
      blocks_(std::move(inner_loss), unroll_options(options_), team) {
  if (!(options_.damping >= 0) || !std::isfinite(options_.damping)) {
    throw ArgumentError("ImplicitOptions: the damping must not be negative, got ", options_.damping);
  }
  if (!(options_.stationarity > 0)) {
    throw ArgumentError("ImplicitOptions: the stationarity must be positive, got ", options_.stationarity);
  }
  std::visit([&](const auto& solver) { detail::validate(solver, options_.damping); }, options_.solver);
}

template <class T>
const Hypergradient<T>& Implicit<T>::operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss) {
  result_.theta_T = unroll_.train(loop);
  result_.inner_losses = unroll_.inner_losses();
  result_.state_T = unroll_.state();
  return differentiate(loop, outer_loss);
}

template <class T>
const Hypergradient<T>& Implicit<T>::at(const InnerLoop<T>& loop, const Tensor<T>& theta, OuterLoss<T> outer_loss) {
  loop.validate();
  blocks_.inner_loss().require_fit(loop);
  if (theta.shape() != loop.theta0.shape()) {
    throw ShapeError("implicit: theta must be ", loop.theta0.shape(), " as theta0, got ", theta.shape());
  }
  if (!theta.all_finite()) throw DivergenceError("implicit: the stationary point is not finite");
  result_.theta_T = theta;
  result_.inner_losses.resize(Shape{loop.learning_rates.shape()[0], loop.steps()});
  result_.inner_losses.fill(T(0));
  result_.state_T = {};
  return differentiate(loop, outer_loss);
}

template <class T>
const Tensor<T>& Implicit<T>::derivative(const InnerLoop<T>& loop, const Tensor<T>& input) const {
  const Tensor<T>* found = nullptr;
  for_each_input(
      [&](const InputName&, const Tensor<T>& given, const Tensor<T>& place) {
        if (&given == &input) found = &place;
      },
      loop, result_);
  if (found != nullptr) return *found;
  for_each_input(
      [&](const InputName& name, const Tensor<T>& given) {
        if (&given != &input) return;
        if (name.step >= 0) throw ArgumentError("implicit: ImplicitOptions::differentiate does not ask for ", name);
        throw ArgumentError("implicit: a stationary point has no derivative with respect to ", name,
                            "; Unroll has it, through the steps of training");
      },
      loop);
  throw ArgumentError("implicit: this tensor of shape ", input.shape(), " is not one of the loop's");
}

template <class T>
std::size_t Implicit<T>::reserved_bytes() const {
  std::size_t bytes = unroll_.reserved_bytes() + blocks_.reserved_bytes() + detail::reserved_bytes(result_) +
                      gradient_.reserved_bytes() + system_.reserved_bytes();
  if (rule_) bytes += rule_->reserved_bytes();
  return bytes;
}

/// The hypergradient of one inner loop at the stationary point to which it trains; see Implicit.
///
///     auto h = implicit_hypergradient(loop, inner_loss, outer_loss, {.solver = ConjugateGradient{.tolerance = 1e-8}});
template <class T>
Hypergradient<T> implicit_hypergradient(const InnerLoop<T>& loop, std::type_identity_t<InnerLoss<T>> inner_loss,
                                        std::type_identity_t<OuterLoss<T>> outer_loss, ImplicitOptions options = {},
                                        WorkerTeam team = WorkerTeam(1)) {
  return Implicit<T>(std::move(inner_loss), options, std::move(team))(loop, outer_loss);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
