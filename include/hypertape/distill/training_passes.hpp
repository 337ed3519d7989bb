#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/network.hpp"
#include "hypertape/optim/optimizer.hpp"
#include "hypertape/unroll/batch_gradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// A part of the batch of one training step.
struct BatchPart {
  std::span<const Index> which;  ///< the indices of its images
  Index step;                    ///< the step's number, counted over all passes
  Index first;                   ///< position of the part in the batch
};

/// Plain training: passes over images in random order, one step per batch.
struct TrainingPasses {
  Index count = 0;         ///< number of images
  Index batch = 0;         ///< images per step
  Index epochs = 0;        ///< number of passes
  bool drop_rest = false;  ///< skip the images that do not fill a last batch of a pass, else the last step has fewer

  /// Steps per pass.
  Index steps() const { return drop_rest ? count / batch : (count + batch - 1) / batch; }

  /// Trains theta in place with steps of the optimizer, at learning rates `rate(pass, step)`. `load(part, x, y)` loads
  /// the images x (N, ...) and labels y (N, classes) of a `BatchPart`; several threads call it at once.
  /// @throws DivergenceError naming the pass if a loss or a gradient is not finite, or if the final weights are not.
  template <class Load, class Rate>
  void train(const nn::Network<float>& network, Tensor<float>& theta, const Load& load,
             optim::Optimizer<float> optimizer, const Rate& rate, Random order, const WorkerTeam& team) const {
    BatchGradient<float> loss(nn::ClassificationLoss{&network}, team);
    Tensor<float> gradient;
    team.session([&] {
      for (Index pass = 0; pass < epochs; ++pass) {
        const std::vector<Index> images = order.permutation(count);
        for (Index step = 0; step < steps(); ++step) {
          const Index first = step * batch, size = (std::min)(batch, count - first);
          const auto load_range = [&](Range range, Tensor<float>& x, Tensor<float>& y) {
            const auto which = std::span(images).subspan(static_cast<std::size_t>(first + range.begin),
                                                         static_cast<std::size_t>(range.size()));
            load(BatchPart{which, pass * steps() + step, range.begin}, x, y);
          };
          try {
            loss(theta, size, load_range, gradient);
          } catch (const DivergenceError& error) {
            throw DivergenceError("epoch ", pass, ": ", error.what());
          }
          optimizer.step(theta.values(), gradient.values(), rate(pass, step));
        }
      }
    });
    if (!theta.all_finite()) throw DivergenceError("the weights diverged");
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
