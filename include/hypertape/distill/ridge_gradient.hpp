#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/ridge_regression.hpp"
#include "hypertape/distill/training_plan.hpp"
#include "hypertape/nn/network.hpp"
#include "hypertape/nn/squared_loss.hpp"
#include "hypertape/ops/concatenate.hpp"
#include "hypertape/ops/matmul.hpp"
#include "hypertape/ops/relayout.hpp"
#include "hypertape/unroll/batch_gradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The loss on real images of a network whose last layer is a ridge regression on its features of the distilled images
/// (Zhou, Nezhadarya and Ba 2022), and its derivatives with respect to these images and their labels. With X_s, X_t the
/// features of distilled and real images, and Y_s, Y_t their labels minus 1/K (nn::centered_labels):
///
///     W = X_s^T (X_s X_s^T + lambda I)^-1 Y_s        L = 1/(2 M) |X_t W - Y_t|^2
///
/// lambda is a multiple of the trace of X_s X_s^T (`ridge_weights`). The loss depends on the distilled images only
/// through W, which is small. So the features of real images are computed block by block, and only dL/dW is kept. The
/// features of distilled images are computed twice, the second time on tape, also block by block. Only the blocks being
/// processed take memory. W and its derivatives are computed in double precision, as they are ill-conditioned for small
/// lambda. Keep the object: it reuses its memory.
template <class T>
class RidgeGradient {
 public:
  /// The network, which must have features, and the ranks, which share the real images, must outlive the object.
  /// @throws ArgumentError if the network has no features.
  RidgeGradient(const nn::Network<T>& network, double regularizer, const WorkerTeam& team,
                const Communicator& ranks = Communicator::alone())
      : network_(network),
        regularizer_(regularizer),
        team_(team),
        real_loss_([this](Var<T> w, Var<T> x, Var<T> y) { return loss_of(w, x, y); }, team,
                   hypertape::detail::outer_samples_per_block, ranks),
        tapes_(static_cast<std::size_t>(team.size())) {
    if (!network.has_features()) {
      throw ArgumentError("RidgeGradient: the model of ", network.name(),
                          " has no features(theta, x), the input of its last layer");
    }
  }
  RidgeGradient(const RidgeGradient&) = delete;
  RidgeGradient& operator=(const RidgeGradient&) = delete;

  /// Computes the loss L and its derivatives for weights theta (P), whose last layer is not used, and distilled images
  /// (N, C, H, W) with labels (N, K). `load(range, x, y)` loads the real images and labels of a range of `samples`;
  /// several threads call it at once. The derivatives get the shapes of images and labels. @throws DivergenceError if a
  /// feature, the loss or a derivative is not finite, or all features are zero; ShapeError if shapes do not match.
  template <class Load>
  T operator()(const Tensor<T>& theta, const Tensor<T>& images, const Tensor<T>& labels, Index samples,
               const Load& load, Tensor<T>& images_gradient, Tensor<T>& labels_gradient) {
    const hypertape::detail::MicroBatches blocks(images.shape()[0], inner_samples_per_block(images.shape()[0]));
    T loss = 0;
    theta_ = &theta;
    team_.session([&] {
      read_features(images, blocks);
      head_.reset();
      std::vector<Var<double>> arguments;
      for (const Tensor<double>& block : features_) arguments.push_back(head_.view(block.shape(), block.data()));
      const Var<double> y = head_.leaf(cast<double>(labels));
      const Var<double> w =
          ridge_weights(concatenate(arguments, 0), relayout(nn::centered_labels(y), Layout::row_major), regularizer_);
      loss = real_loss_(cast<T>(w.value()), samples, load, weights_gradient_);
      arguments.push_back(y);
      std::vector<Var<double>> derivatives(arguments.size());
      const Var<double> cotangent = head_.leaf(cast<double>(weights_gradient_));
      vjp<double>({&w, 1}, {&cotangent, 1}, arguments, derivatives);
      labels_gradient = cast<T>(derivatives.back().value());
      images_gradient.resize(images.shape());
      images_gradient.fill(0);
      pull_back(images, blocks, derivatives, images_gradient);
    });
    if (!images_gradient.all_finite() || !labels_gradient.all_finite()) {
      throw DivergenceError("ridge regression: a derivative is not finite");
    }
    return loss;
  }

 private:
  /// The features of images, (N, F), row-major.
  Var<T> features_of(Var<T> x) const {
    const Var<T> theta = x.tape().view(theta_->shape(), theta_->data());
    const Var<T> features = network_.features(theta, x);
    if (features.shape().rank() != 2 || features.shape()[0] != x.shape()[0]) {
      throw ShapeError("ridge regression: features of ", x.shape()[0], " images must be (N, F), those of ",
                       network_.name(), " are ", features.shape());
    }
    return relayout(features, Layout::row_major);
  }

  /// The loss on real images with last-layer weights w.
  Var<T> loss_of(Var<T> w, Var<T> x, Var<T> y) const {
    return nn::squared_loss(matmul(features_of(x), w), relayout(y, Layout::row_major));
  }

  /// Calls body(block, images, indices) for each block of distilled images, with the block's images on a tape.
  template <class Body>
  void for_each_block(const Tensor<T>& images, const hypertape::detail::MicroBatches& blocks, const Body& body) {
    team_.for_each(blocks.count(), [&](Index block, int worker) {
      Tape<T>& tape = tapes_[static_cast<std::size_t>(worker)];
      tape.reset();
      std::vector<Index> which = data::all_indices(blocks[block].size());
      for (Index& image : which) image += blocks[block].begin;
      body(static_cast<std::size_t>(block), tape.leaf(detail::take_samples(images, which)), which);
    });
  }

  void read_features(const Tensor<T>& images, const hypertape::detail::MicroBatches& blocks) {
    features_.resize(static_cast<std::size_t>(blocks.count()));
    for_each_block(images, blocks, [&](std::size_t block, Var<T> x, const std::vector<Index>&) {
      features_[block] = cast<double>(features_of(x).value());
    });
    double square = 0;
    for (const Tensor<double>& block : features_) {
      for (const double value : block.values()) square += value * value;
    }
    if (!std::isfinite(square)) throw DivergenceError("ridge regression: a feature is not finite");
    if (!(square > 0)) throw DivergenceError("ridge regression: all features of the distilled images are zero");
  }

  /// Computes the derivatives with respect to the images from those with respect to the features of each block.
  void pull_back(const Tensor<T>& images, const hypertape::detail::MicroBatches& blocks,
                 const std::vector<Var<double>>& features_gradient, Tensor<T>& out) {
    std::vector<Tensor<T>> cotangents;  // read here, as threads must not share a Var's values
    for (std::size_t b = 0; b < features_.size(); ++b) cotangents.push_back(cast<T>(features_gradient[b].value()));
    for_each_block(images, blocks, [&](std::size_t block, Var<T> x, const std::vector<Index>& which) {
      const Var<T> cotangent = x.tape().view(cotangents[block].shape(), cotangents[block].data());
      detail::add_samples(vjp(features_of(x), cotangent, x).value(), which, out);
    });
  }

  const nn::Network<T>& network_;
  double regularizer_;
  WorkerTeam team_;
  const Tensor<T>* theta_ = nullptr;  // of the current call
  BatchGradient<T> real_loss_;
  std::vector<Tape<T>> tapes_;  // one per thread
  Tape<double> head_;
  std::vector<Tensor<double>> features_;  // (n, F) for each block of distilled images
  Tensor<T> weights_gradient_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
