#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/kernels/triangular_decompositions.hpp"
#include "hypertape/optim/update_rule.hpp"
#include "hypertape/unroll/inner_loop.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// H q = v for |v| = 1, where H is symmetric and given by its products with vectors: the inputs and results of a
/// solver.
template <class T>
struct LinearSystem {
  Tensor<T> v;                                                                ///< (P)
  double damping = 0;                                                         ///< added to the Hessian's diagonal in H
  std::function<void(const Tensor<T>& vector, Tensor<T>& product)> multiply;  ///< product (P) = H vector, not the same
  /// Takes step k of the training rule, for weights q with this gradient.
  std::function<void(optim::Iterate<T>& q, const Tensor<T>& gradient, Index k)> train;

  Tensor<T> q;                    ///< (P)
  Index iterations = 0;           ///< or terms, or columns
  double residual = 1;            ///< |v - H q|, as last measured
  optim::Iterate<T> iterate;      ///< for the solver's own use, like the vectors; kept to reuse its memory
  std::deque<Tensor<T>> vectors;  ///< a deque, whose growth moves no vector

  /// The solver's own vector i, (P); it keeps its address.
  Tensor<T>& vector(std::size_t i) {
    if (vectors.size() <= i) vectors.resize(i + 1);
    vectors[i].resize(v.shape());
    return vectors[i];
  }
  /// Bytes held by the vectors.
  std::size_t reserved_bytes() const {
    std::size_t bytes = v.reserved_bytes() + q.reserved_bytes() + iterate.reserved_bytes();
    for (const Tensor<T>& vector : vectors) bytes += vector.reserved_bytes();
    return bytes;
  }
  /// Writes r = v - H q, and its norm to `residual`. @throws DivergenceError if the norm is not finite.
  void measure(Tensor<T>& r) {
    multiply(q, r);
    for (Index i = 0; i < r.size(); ++i) r[i] = v[i] - r[i];
    set_residual(kernels::norm(r.size(), r.data()));
  }
  /// Sets the residual. @throws DivergenceError if it is not finite.
  void set_residual(T norm) {
    residual = static_cast<double>(norm);
    if (!std::isfinite(residual)) {
      throw DivergenceError("implicit: the residual is not finite after ", iterations, " iterations; ",
                            "products with the Hessian are not finite, or the iteration diverges");
    }
  }
};

/// to += factor * from.
template <class T>
void add_multiple(T factor, const Tensor<T>& from, Tensor<T>& to) {
  for (Index i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}

template <class T>
T dot_of(const Tensor<T>& a, const Tensor<T>& b) {
  return kernels::dot(a.size(), a.data(), b.data());
}

/// Improves q in rounds until the residual is within the tolerance. round(r) adds a correction for the residual r, and
/// returns when its own estimate of the residual is small enough or after `most` iterations. Rounding makes that
/// estimate drift from the residual measured afterward; the first round that does not halve the residual is the last.
template <class T, class Round>
void refine(LinearSystem<T>& system, double tolerance, Index most, const Round& round) {
  Tensor<T>& r = system.vector(0);
  r = system.v;
  for (double before = 1;; before = system.residual) {
    round(r);
    system.measure(r);
    if (system.residual <= tolerance || system.iterations >= most || !(system.residual <= before / 2)) return;
  }
}

}  // namespace detail

/// Conjugate gradients (Hestenes and Stiefel 1952), for positive definite H. With r_0 = p_0 = v,
///
///     alpha = <r, r> / <p, H p>,    q += alpha p,    r' = r - alpha H p,    p = r' + <r', r'> / <r, r> p
///
/// It is usually the fastest solver: after k iterations, the error in the norm of H is at most 2 ((sqrt(c) - 1) /
/// (sqrt(c) + 1))^k times the initial one, where c is the condition number of H. It costs one product per iteration,
/// plus one or two to measure the residual. @throws DivergenceError where <p, H p> <= 0: the point is not a minimum.
struct ConjugateGradient {
  double tolerance = 1e-5;      ///< of |H q - v| / |v|
  Index max_iterations = 1000;  ///< at most
};

/// The first terms of the Neumann series of H^-1 v (Lorraine, Vicol and Duvenaud 2020):
///
///     q = step * sum over j < terms of (I - step H)^j v
///
/// It converges if step times every eigenvalue of H is between 0 and 2. Few terms give a cheap estimate that
/// underestimates q in directions of little curvature; set the tolerance to the residual this leaves. The residual is
/// the next term without its factor `step`, so each term costs one product, plus one in all. @throws DivergenceError if
/// terms grow.
struct NeumannSeries {
  double step = 0;          ///< required: slightly below 2 / the largest eigenvalue, or the learning rate
  double tolerance = 1e-5;  ///< of |H q - v| / |v|
  Index max_terms = 10000;  ///< at most
};

/// Fixed-point iteration of the training rule's own map (Christianson 1994; Grazzi, Franceschi, Pontil and Salzo 2020).
/// The loop's rule, with its coefficients, groups of weights and the learning rates of the last step, trains q on the
/// quadratic <q, H q> / 2 - <v, q>:
///
///     q_{k+1}, slots = rule(q_k, slots, H q_k - v, eta)
///
/// For plain descent, q_{k+1} = q_k - eta (H q_k - v), which gives the partial sums of the Neumann series with step
/// eta. But no step needs to be chosen, groups of weights keep their own learning rates, and momentum helps as much as
/// in training: it converges where training does, at the same rate. Rules whose steps do not shrink with the gradient
/// (Adam), or that decay weights, do not reach a small residual. It costs one product per iteration, plus one. @throws
/// DivergenceError if it diverges.
struct FixedPoint {
  double tolerance = 1e-5;       ///< of |H q - v| / |v|
  Index max_iterations = 10000;  ///< at most
};

/// The Nystrom method (Hataya and Yamada 2023): approximates the Hessian by a low-rank matrix that agrees with it in
/// `rank` randomly drawn columns K, and inverts that with the damping rho by Woodbury's identity:
///
///     Hessian ~ B B^T,    B B^T = C M^+ C^T,    C the columns K, M = their rows K
///     q = (v - B (rho I + B^T B)^-1 B^T v) / rho
///
/// B is built column by column, as a Cholesky factor; columns in the span of earlier ones are skipped. It costs one
/// product per column and one more, whatever v and the condition number, and memory for `rank` vectors. It does not
/// iterate: if the remainder, Hessian - B B^T, is not small compared with rho, the residual is large and the call
/// fails. It needs a positive damping. @throws DivergenceError if M has a pivot of -rho or less: the point is not a
/// minimum.
struct Nystrom {
  Index rank = 10;          ///< columns, at most P
  std::uint64_t seed = 0;   ///< for the random draw
  double tolerance = 0.01;  ///< of |H q - v| / |v|
};

/// How to solve H q = v; every solver accesses the Hessian only by its products with vectors.
using LinearSolver = std::variant<ConjugateGradient, NeumannSeries, FixedPoint, Nystrom>;

namespace detail {

inline void require_tolerance(const char* solver, double tolerance, Index most) {
  if (!(tolerance > 0)) throw ArgumentError(solver, ": the tolerance must be positive, got ", tolerance);
  if (most < 1) throw ArgumentError(solver, ": needs at least one iteration, got ", most);
}

/// Checks the solver's options. @throws ArgumentError for a number out of range, like the overloads below.
inline void validate(const ConjugateGradient& solver, double) {
  require_tolerance("ConjugateGradient", solver.tolerance, solver.max_iterations);
}
inline void validate(const NeumannSeries& solver, double) {
  require_tolerance("NeumannSeries", solver.tolerance, solver.max_terms);
  if (!(solver.step > 0)) throw ArgumentError("NeumannSeries: the step must be positive, got ", solver.step);
}
inline void validate(const FixedPoint& solver, double) {
  require_tolerance("FixedPoint", solver.tolerance, solver.max_iterations);
}
inline void validate(const Nystrom& solver, double damping) {
  require_tolerance("Nystrom", solver.tolerance, solver.rank);
  if (!(damping > 0)) throw ArgumentError("Nystrom: needs a positive ImplicitOptions::damping, got ", damping);
}

[[noreturn]] inline void refuse_curvature(const char* solver, double curvature, Index iterations, double residual) {
  throw DivergenceError("implicit: ", solver, " met the curvature ", curvature, " of the inner loss after ", iterations,
                        " iterations, at a relative residual of ", residual,
                        "; the point is not a minimum: train longer, or raise the damping by more than ", -curvature);
}

/// Solves the system as well as the solver's limits allow. @throws DivergenceError if it cannot continue.
template <class T>
void solve(const ConjugateGradient& solver, LinearSystem<T>& system) {
  Tensor<T>&p = system.vector(1), &product = system.vector(2);
  refine(system, solver.tolerance, solver.max_iterations, [&](Tensor<T>& r) {
    p = r;
    T squares = dot_of(r, r);
    while (system.iterations < solver.max_iterations) {
      system.multiply(p, product);
      const T curvature = dot_of(p, product);
      if (curvature <= 0) {
        refuse_curvature("conjugate gradients", static_cast<double>(curvature / dot_of(p, p)), system.iterations,
                         system.residual);
      }
      const T alpha = squares / curvature;
      add_multiple(alpha, p, system.q);
      add_multiple(-alpha, product, r);
      ++system.iterations;
      const T before = std::exchange(squares, dot_of(r, r));
      system.set_residual(std::sqrt(squares));
      if (system.residual <= solver.tolerance) return;
      const T beta = squares / before;
      for (Index i = 0; i < p.size(); ++i) p[i] = r[i] + beta * p[i];
    }
  });
}

template <class T>
void solve(const NeumannSeries& solver, LinearSystem<T>& system) {
  // Unless the series diverges, each term is the previous one times a matrix of norm at most 1.
  const double most_growth = 1 + std::sqrt(static_cast<double>(std::numeric_limits<T>::epsilon()));
  const T step = static_cast<T>(solver.step);
  Tensor<T>& product = system.vector(1);
  refine(system, solver.tolerance, solver.max_terms, [&](Tensor<T>& term) {
    system.residual = static_cast<double>(kernels::norm(term.size(), term.data()));
    while (system.iterations < solver.max_terms) {
      add_multiple(step, term, system.q);
      system.multiply(term, product);
      add_multiple(-step, product, term);
      ++system.iterations;
      const double before = system.residual;
      system.set_residual(kernels::norm(term.size(), term.data()));
      if (system.residual > before * most_growth) {
        throw DivergenceError(
            "implicit: the Neumann series diverges: the relative residual grows from ", before, " to ", system.residual,
            " at term ", system.iterations, "; its step ", solver.step,
            " must be below 2 / the largest eigenvalue of the Hessian, and no eigenvalue may be negative");
      }
      if (system.residual <= solver.tolerance) return;
    }
  });
}

template <class T>
void solve(const FixedPoint& solver, LinearSystem<T>& system) {
  constexpr double most = 1e6;  // momentum lets the residual grow at first
  Tensor<T>& gradient = system.vector(0);
  optim::Iterate<T>& iterate = system.iterate;
  zero_like(system.v, iterate.theta);
  for (Tensor<T>& slot : iterate.slot) zero_like(system.v, slot);
  for (;; ++system.iterations) {
    system.q = iterate.theta;
    system.measure(gradient);
    if (system.residual <= solver.tolerance || system.iterations >= solver.max_iterations) return;
    if (!(system.residual <= most)) {
      throw DivergenceError("implicit: the fixed-point iteration diverges, to a relative residual of ", system.residual,
                            " after ", system.iterations,
                            " iterations; training by these learning rates does not converge at this point; use ",
                            "smaller ones for the last step, or another solver");
    }
    for (T& value : gradient.values()) value = -value;
    system.train(iterate, gradient, system.iterations);
  }
}

template <class T>
void solve(const Nystrom& solver, LinearSystem<T>& system) {
  const Index weights = system.v.size();
  if (solver.rank > weights) {
    throw ArgumentError("Nystrom: the rank ", solver.rank, " is more than the ", weights, " weights");
  }
  const T damping = static_cast<T>(system.damping);
  Tensor<T>& unit = system.vector(0);
  unit.fill(T(0));
  const std::vector<Index> order = Random(solver.seed).permutation(weights);
  std::size_t columns = 0;  // of B: vectors 1, 2, ...
  T largest = 0;            // of the diagonal elements so far
  for (; system.iterations < solver.rank; ++system.iterations) {
    const Index k = order[static_cast<std::size_t>(system.iterations)];
    Tensor<T>& column = system.vector(columns + 1);
    unit[k] = 1;
    system.multiply(unit, column);
    unit[k] = 0;
    column[k] -= damping;
    largest = (std::max)(largest, std::abs(column[k]));
    for (std::size_t j = 1; j <= columns; ++j) add_multiple(-system.vector(j)[k], system.vector(j), column);
    const T pivot = column[k];
    if (!std::isfinite(pivot)) system.set_residual(pivot);
    if (pivot <= -damping) {
      refuse_curvature("the Nystrom method", static_cast<double>(pivot + damping), system.iterations, system.residual);
    }
    // Below this, the column lies in the span of the earlier ones, up to rounding.
    if (pivot <= static_cast<T>(10 * (columns + 1)) * std::numeric_limits<T>::epsilon() * largest) continue;
    const T scale = 1 / std::sqrt(pivot);
    for (T& value : column.values()) value *= scale;
    ++columns;
  }
  const auto count = static_cast<Index>(columns);
  Tensor<T> inner(Shape{(std::max)(count, Index{1}), (std::max)(count, Index{1})}), share(Shape{inner.shape()[0]});
  for (Index i = 0; i < count; ++i) {
    const Tensor<T>& b = system.vector(static_cast<std::size_t>(i) + 1);
    for (Index j = 0; j <= i; ++j) {
      inner[i * count + j] = dot_of(b, system.vector(static_cast<std::size_t>(j) + 1)) + (i == j ? damping : T(0));
    }
    share[i] = dot_of(b, system.v);
  }
  if (count > 0) kernels::factorize_cholesky(count, inner.data());
  for (const bool transposed : {false, true}) {
    kernels::solve_triangular(count, 1, inner.data(), false, transposed, share.data());
  }
  system.q = system.v;
  for (Index i = 0; i < count; ++i) add_multiple(-share[i], system.vector(static_cast<std::size_t>(i) + 1), system.q);
  for (T& value : system.q.values()) value /= damping;
  system.measure(system.vector(0));
}

/// What to do about a residual above the tolerance.
inline const char* advice(const ConjugateGradient&) { return "allow more iterations, or add damping"; }
inline const char* advice(const NeumannSeries&) { return "allow more terms, take a larger step, or add damping"; }
inline const char* advice(const FixedPoint&) { return "allow more iterations, or take another solver"; }
inline const char* advice(const Nystrom&) { return "raise the rank or the damping, or take another solver"; }

inline const char* name(const ConjugateGradient&) { return "conjugate gradients"; }
inline const char* name(const NeumannSeries&) { return "the Neumann series"; }
inline const char* name(const FixedPoint&) { return "the fixed-point iteration"; }
inline const char* name(const Nystrom&) { return "the Nystrom method"; }

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
