#pragma once

#include <atomic>
#include <cmath>
#include <span>
#include <vector>

#include "hypertape/autodiff/tape.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/kernels/reduce.hpp"
#include "hypertape/unroll/sample_blocks.hpp"

namespace hypertape::distill {

/// The share, in percent, of the named images that a network with weights theta classifies correctly: its largest logit
/// (the first of equals) is the label's. Blocks of images are shared out over the team. @throws DivergenceError if an
/// output is not finite, ArgumentError if no image is named.
template <class Network>
double accuracy(const Network& network, const Tensor<float>& theta, const data::LabelledImages& images,
                std::span<const Index> which, const data::Normalization& normalization, const WorkerTeam& team) {
  constexpr Index block_size = 64;
  struct Worker {
    Tape<float> tape;
    Tensor<float> x;
  };
  std::vector<Worker> workers(static_cast<std::size_t>(team.size()));
  std::atomic<Index> correct{0};
  const auto count = static_cast<Index>(which.size());
  const SampleBlocks blocks(count, block_size);
  team.for_each(blocks.count(), [&](Index block, int w) {
    Worker& worker = workers[static_cast<std::size_t>(w)];
    const Range range = blocks[block];
    const auto part = which.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size()));
    data::gather(images, part, normalization, worker.x);
    worker.tape.reset();
    const Var<float> logits =
        network(worker.tape.view(theta.shape(), theta.data()), worker.tape.view(worker.x.shape(), worker.x.data()));
    const Index classes = logits.shape()[1];
    if (!std::isfinite(kernels::sum(logits.size(), logits.data()))) {
      throw DivergenceError("accuracy: the network's outputs are not finite");
    }
    Index right = 0;
    for (Index n = 0; n < range.size(); ++n) {
      Index best = 0;
      for (Index k = 1; k < classes; ++k) {
        if (logits.data()[k * range.size() + n] > logits.data()[best * range.size() + n]) best = k;
      }
      right += best == images.labels[static_cast<std::size_t>(part[static_cast<std::size_t>(n)])] ? 1 : 0;
    }
    correct += right;
  });
  return 100.0 * static_cast<double>(correct) / static_cast<double>(count);
}

/// The accuracy on all of them.
template <class Network>
double accuracy(const Network& network, const Tensor<float>& theta, const data::LabelledImages& images,
                const data::Normalization& normalization, const WorkerTeam& team) {
  std::vector<Index> all(static_cast<std::size_t>(images.count));
  for (Index i = 0; i < images.count; ++i) all[static_cast<std::size_t>(i)] = i;
  return accuracy(network, theta, images, all, normalization, team);
}

}  // namespace hypertape::distill
