#pragma once

#include <span>
#include <utility>
#include <vector>

#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The mean of the hypergradients of one inner loop from several initial weights: the derivative of the expected loss
/// of a random initialization (Wang et al. 2018, Algorithm 1).
///
/// With as many initializations as threads or more, each thread takes whole ones, and nobody waits for anybody until
/// the end; with fewer, the threads share out the steps of one after the other. The bits are the same.
template <class T, class InnerLoss>
class UnrollEnsemble {
 public:
  /// As for Unroll.
  explicit UnrollEnsemble(const InnerLoss& inner_loss, UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1))
      : team_(team), together_(inner_loss, options, team) {
    for (int w = 0; w < team.size(); ++w) alone_.push_back({Unroll<T, InnerLoss>(inner_loss, options), {}});
  }

  /// theta0: one vector (P) for each initialization, in place of the loop's. `outer_loss(i, worker, theta, gradient)`
  /// is Unroll's for initialization i; several threads call it at once, each with a worker of its own (0 .. team size
  /// - 1), which may own the memory that it needs. Returns the mean of all but theta_T, which is that of the last
  /// initialization; `results` has those of each.
  /// @throws ArgumentError if there is no initialization, ShapeError if they are not of one shape; as Unroll does, a
  /// DivergenceError naming the initialization.
  template <class OuterLoss>
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, std::span<const Tensor<T>> theta0,
                                     const OuterLoss& outer_loss) {
    if (theta0.empty()) throw ArgumentError("UnrollEnsemble: needs at least one initialization");
    for (std::size_t i = 1; i < theta0.size(); ++i) {
      if (theta0[i].shape() == theta0[0].shape()) continue;
      throw ShapeError("UnrollEnsemble: initialization ", i, " is ", theta0[i].shape(), ", the first is ",
                       theta0[0].shape());
    }
    results_.resize(theta0.size());
    const auto run = [&](Unroll<T, InnerLoss>& unroll, InnerLoop<T>& own, std::size_t i, int worker) {
      own = loop;
      own.theta0 = theta0[i];
      try {
        results_[i] = unroll(own, [&](const Tensor<T>& theta, Tensor<T>& gradient_out) {
          return outer_loss(static_cast<Index>(i), worker, theta, gradient_out);
        });
      } catch (const DivergenceError& error) {
        throw DivergenceError("initialization ", i, ": ", error.what());
      }
    };
    const auto count = static_cast<Index>(theta0.size());
    if (count < team_.size()) {
      for (std::size_t i = 0; i < theta0.size(); ++i) run(together_, alone_[0].loop, i, 0);
    } else {
      team_.for_each(count, [&](Index i, int w) {
        Worker& worker = alone_[static_cast<std::size_t>(w)];
        run(worker.unroll, worker.loop, static_cast<std::size_t>(i), w);
      });
    }
    add_up();
    return mean_;
  }

  /// The results of each initialization of the last call.
  std::span<const Hypergradient<T>> results() const { return results_; }

  /// Bytes that all of them hold.
  std::size_t reserved_bytes() const {
    std::size_t bytes = together_.reserved_bytes();
    for (const Worker& worker : alone_) bytes += worker.unroll.reserved_bytes();
    return bytes;
  }

 private:
  struct Worker {
    Unroll<T, InnerLoss> unroll;
    InnerLoop<T> loop;
  };

  /// The mean over initializations, added up in their order.
  void add_up() {
    mean_ = results_.front();
    const T share = T(1) / static_cast<T>(results_.size());
    mean_.outer_loss = 0;
    if (mean_.momentum) mean_.momentum = T(0);
    for (const Hypergradient<T>& result : results_) {
      mean_.outer_loss += share * result.outer_loss;
      if (mean_.momentum) *mean_.momentum += share * *result.momentum;
    }
    mean_.theta_T = results_.back().theta_T;
    const auto average = [&](Tensor<T>& out, const auto& part) {
      for (T& value : out.values()) value *= share;
      for (std::size_t i = 1; i < results_.size(); ++i) {
        const Tensor<T>& from = part(results_[i]);
        for (Index j = 0; j < out.size(); ++j) out[j] += share * from[j];
      }
    };
    average(mean_.inner_losses, [](const auto& h) -> const Tensor<T>& { return h.inner_losses; });
    average(mean_.theta0, [](const auto& h) -> const Tensor<T>& { return h.theta0; });
    average(mean_.hyperparameters, [](const auto& h) -> const Tensor<T>& { return h.hyperparameters; });
    average(mean_.learning_rates, [](const auto& h) -> const Tensor<T>& { return h.learning_rates; });
    for (std::size_t s = 0; s < mean_.x.size(); ++s) {
      average(mean_.x[s], [s](const auto& h) -> const Tensor<T>& { return h.x[s]; });
    }
    for (std::size_t s = 0; s < mean_.y.size(); ++s) {
      average(mean_.y[s], [s](const auto& h) -> const Tensor<T>& { return h.y[s]; });
    }
  }

  WorkerTeam team_;
  Unroll<T, InnerLoss> together_;
  std::vector<Worker> alone_;
  std::vector<Hypergradient<T>> results_;
  Hypergradient<T> mean_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
