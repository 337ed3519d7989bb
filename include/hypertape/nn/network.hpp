#pragma once

#include <memory>
#include <string>
#include <utility>

#include "hypertape/autodiff/var.hpp"
#include "hypertape/nn/parameters.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// Any network behind one type, so that what trains networks need not be a template over them:
///
///     Network<float> network("lenet", LeNet(1, 28, 10));
///
/// A model has `parameters()` and logits `(theta, x)`, and may have `features(theta, x)`, what its last layer, a linear
/// one, makes these of. Copies share the model, which does not change.
template <class T>
class Network {
 public:
  /// `name` says which architecture this is, with everything that its weights depend on: "convnet-3x128".
  template <class Model>
  Network(std::string name, Model model) : model_(std::make_shared<Holder<Model>>(std::move(name), std::move(model))) {}

  /// As the constructor was told.
  const std::string& name() const { return model_->name; }
  /// The layout of theta.
  const Parameters& parameters() const { return model_->parameters(); }

  /// Logits (N, classes) of images x (N, C, H, W). @throws ShapeError as the model does.
  Var<T> operator()(Var<T> theta, Var<T> x) const { return model_->logits(theta, x); }

  /// Whether the model has features.
  bool has_features() const { return model_->has_features(); }
  /// Features (N, F) of images x (N, C, H, W), what the last layer is given, of either layout. @throws ArgumentError,
  /// which names the network, if its model has none; ShapeError as the model does.
  Var<T> features(Var<T> theta, Var<T> x) const { return model_->features(theta, x); }

 private:
  struct Concept {
    explicit Concept(std::string called) : name(std::move(called)) {}
    virtual ~Concept() = default;
    virtual const Parameters& parameters() const = 0;
    virtual Var<T> logits(Var<T> theta, Var<T> x) const = 0;
    virtual bool has_features() const = 0;
    virtual Var<T> features(Var<T> theta, Var<T> x) const = 0;
    std::string name;
  };

  template <class Model>
  struct Holder final : Concept {
    Holder(std::string called, Model held) : Concept(std::move(called)), model(std::move(held)) {}
    const Parameters& parameters() const override { return model.parameters(); }
    Var<T> logits(Var<T> theta, Var<T> x) const override { return model(theta, x); }
    bool has_features() const override { return knows_features; }
    Var<T> features(Var<T> theta, Var<T> x) const override {
      if constexpr (knows_features) return model.features(theta, x);
      throw ArgumentError("Network: the model of ", this->name,
                          " has no features(theta, x), what its last layer is given");
    }
    static constexpr bool knows_features = requires(const Model& m, Var<T> v) { m.features(v, v); };
    Model model;
  };

  std::shared_ptr<const Concept> model_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
