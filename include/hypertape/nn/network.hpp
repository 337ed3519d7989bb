#pragma once

#include <memory>
#include <string>
#include <utility>

#include "hypertape/autodiff/var.hpp"
#include "hypertape/nn/parameters.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// Any network behind one type, so that code that trains networks need not be a template over them:
///
///     Network<float> network("lenet", LeNet(1, 28, 10));
///
/// A model has `parameters()` and returns logits when called as `(theta, x)`. It may have `features(theta, x)`, from
/// which its last layer, a linear one, makes the logits. Copies share the model, which is immutable.
template <class T>
class Network {
 public:
  /// `name` identifies the architecture, with everything that its weights depend on: "convnet-3x128".
  template <class Model>
  Network(std::string name, Model model) : model_(std::make_shared<Holder<Model>>(std::move(name), std::move(model))) {}

  /// The name given to the constructor.
  const std::string& name() const { return model_->name; }
  /// The layout of theta.
  const Parameters& parameters() const { return model_->parameters(); }

  /// Logits (N, classes) of images x (N, C, H, W). @throws ShapeError as the model does.
  Var<T> operator()(Var<T> theta, Var<T> x) const { return model_->logits(theta, x); }

  /// Whether the model has features.
  bool has_features() const { return model_->has_features(); }
  /// Features (N, F) of images x (N, C, H, W), the inputs of the last layer, in either layout. @throws ArgumentError,
  /// naming the network, if its model has no features; ShapeError as the model does.
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
                          " has no features(theta, x), the inputs of its last layer");
    }
    static constexpr bool knows_features = requires(const Model& m, Var<T> v) { m.features(v, v); };
    Model model;
  };

  std::shared_ptr<const Concept> model_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
