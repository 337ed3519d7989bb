/// bench_models: times derivatives of the models that the examples show, at realistic sizes: attention, a Gaussian
/// process, a gated recurrent unit, a variational autoencoder, a least-squares fit. Before a time is printed, a result
/// in float is compared with the same in double, and one in double with a central difference; the exit code is 1 if it
/// is wrong.
///
/// bench/pytorch/models.py does the same work.

#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "hypertape/hypertape.hpp"
#include "random_data.hpp"
#include "tasks.hpp"

namespace hypertape::bench {
namespace {

/// Normal random values with this standard deviation.
Tensor<double> scaled_noise(const Shape& shape, Random& random, double deviation) {
  Tensor<double> out = noise<double>(shape, random);
  for (double& value : out.values()) value *= deviation;
  return out;
}

/// Successive parts of theta.
template <class T>
auto parts_of(Var<T> theta) {
  return [theta, next = Index{0}](const Shape& shape) mutable {
    return theta.slice(std::exchange(next, next + shape.size()), shape);
  };
}

/// The gradient of a loss at theta.
template <class T>
Tensor<T> gradient_of(Tape<T>& tape, const auto& loss, const Tensor<T>& theta) {
  tape.reset();
  const Var<T> w = tape.view(theta.shape(), theta.data());
  return gradient(loss(w), w).value();
}

/// The error of `along`, the derivative of `value` along a direction, relative to a central difference.
double error_of_slope(const auto& value, Tensor<double> x, const Tensor<double>& direction, double along) {
  constexpr double step = 1e-5;
  const auto moved = [&](double by) -> double {
    for (Index i = 0; i < x.size(); ++i) x[i] += by * direction[i];
    return value(x);
  };
  const double above = moved(step), below = moved(-2 * step), difference = (above - below) / (2 * step);
  return std::abs(along - difference) / std::abs(difference);
}

/// The gradient of `loss(theta)` in T; checked in double, then timed.
template <class T>
void time_gradient(const Setting& setting, const std::string& name, const Tensor<double>& theta, const auto& loss) {
  Random random(2);
  Tape<double> exact_tape;
  const Tensor<double> expected = gradient_of(exact_tape, loss, theta),
                       direction = noise<double>(theta.shape(), random);
  const auto value = [&](const Tensor<double>& at) {
    Tape<double> tape;
    return loss(tape.view(at.shape(), at.data())).item();
  };
  const double along = kernels::dot(theta.size(), expected.data(), direction.data());
  double error = require(name, error_of_slope(value, theta, direction, along), 1e-6);
  const auto at = cast<T>(theta);
  Tape<T> tape;
  error = largest_error({error, require(name, gradient_of(tape, loss, at), expected, sizeof(T) == 4 ? 1e-4 : 1e-12)});
  setting.team.session([&] {
    time(
        setting, name, [&] { gradient_of(tape, loss, at); }, error);
  });
}

/// A Hessian-vector product of a loss at theta.
template <class T>
Tensor<T> hessian_product_of(Tape<T>& tape, const auto& loss, const Tensor<T>& theta, const Tensor<T>& v) {
  tape.reset();
  const Var<T> w = tape.view(theta.shape(), theta.data());
  return hvp(loss(w), w, tape.view(v.shape(), v.data())).value();
}

/// The Hessian-vector product of `loss(theta)` in T; checked in double, then timed.
template <class T>
void time_hessian_product(const Setting& setting, const std::string& name, const Tensor<double>& theta,
                          const auto& loss) {
  Random random(2);
  const Tensor<double> v = noise<double>(theta.shape(), random), u = noise<double>(theta.shape(), random);
  Tape<double> exact_tape;
  const Tensor<double> expected = hessian_product_of(exact_tape, loss, theta, v);
  const auto slope = [&](const Tensor<double>& at) {
    Tape<double> tape;
    const Tensor<double> g = gradient_of(tape, loss, at);
    return kernels::dot(g.size(), g.data(), u.data());
  };
  const double along = kernels::dot(u.size(), expected.data(), u.data());
  double error = require(name, error_of_slope(slope, theta, v, along), 1e-5);
  const auto at = cast<T>(theta), direction = cast<T>(v);
  Tape<T> tape;
  error = largest_error({error, require(name, hessian_product_of(tape, loss, at, direction), expected, 1e-3)});
  setting.team.session([&] {
    time(
        setting, name, [&] { hessian_product_of(tape, loss, at, direction); }, error);
  });
}

/// The same tensor in both precisions.
struct Data {
  Tensor<double> exact;
  Tensor<float> rounded;

  explicit Data(const Tensor<double>& tensor) : exact(tensor), rounded(cast<float>(tensor)) {}

  template <class T>
  Var<T> on(Tape<T>& tape) const {
    if constexpr (sizeof(T) == 4) return tape.view(rounded.shape(), rounded.data());
    if constexpr (sizeof(T) == 8) return tape.view(exact.shape(), exact.data());
  }
};

/// One attention head on 16 sequences of 64 vectors of 64, with layer normalization and a feed-forward network of 256
/// gelu units, as in a Transformer; the loss is the mean square of its output.
struct Attention {
  static constexpr Index N = 16, length = 64, width = 64, hidden = 256;
  static constexpr Index weights = 4 * width + 4 * width * width + 2 * width * hidden + hidden + width;
  Random random{1};
  Tensor<double> theta = scaled_noise({weights}, random, 0.1);
  Data x{noise<double>({N, length, width}, random)};

  template <class T>
  Var<T> operator()(Var<T> w) const {
    auto take = parts_of(w);
    const auto norm = [&](Var<T> v) {
      const Var<T> gamma = take({width}), beta = take({width});
      return layer_norm(v, 1 + gamma, beta);
    };
    const Var<T> in = x.on(w.tape()), normed = norm(in);
    const Var<T> query = matmul(normed, take({width, width})), key = matmul(normed, take({width, width})),
                 value = matmul(normed, take({width, width}));
    const Var<T> scores = matmul(query, key, {.transpose_b = true}) / std::sqrt(double{width});
    const Var<T> attended = in + matmul(matmul(softmax(scores, -1), value), take({width, width}));
    const Var<T> inner = gelu(matmul(norm(attended), take({width, hidden})) + take({hidden}));
    return mean(square(attended + matmul(inner, take({hidden, width})) + take({width})));
  }
};

/// The negative log marginal likelihood of 500 points under a Gaussian process, as a function of the logarithms of
/// length scale, amplitude and noise.
struct GaussianProcess {
  static constexpr Index N = 500;
  Tensor<double> theta{Shape{3}, {0.5, 0.5, -1}};
  Data squares{Tensor<double>({N, N})}, one{Tensor<double>({N, N})}, y{Tensor<double>({N, 1})};

  GaussianProcess() {
    Random random(1);
    const Tensor<double> x = scaled_noise({N}, random, 3), off = scaled_noise({N}, random, 0.3);
    for (Index i = 0; i < N; ++i) {
      one.exact(i, i) = 1;
      y.exact[i] = 2 * std::sin(x[i]) + off[i];
      for (Index j = 0; j < N; ++j) squares.exact(i, j) = std::pow(x[i] - x[j], 2);
    }
  }
  Var<double> operator()(Var<double> h) const {
    Tape<double>& tape = h.tape();
    const Var<double> length = exp(h.slice(0, {})), amplitude = exp(h.slice(1, {})), scatter = exp(h.slice(2, {}));
    const Var<double> kernel = square(amplitude) * exp(squares.on(tape) / (-2 * square(length)));
    const Var<double> L = cholesky(kernel + square(scatter) * one.on(tape));
    const Var<double> whitened = solve_triangular(L, y.on(tape));
    return 0.5 * sum(square(whitened)) + sum(log(diagonal(L))) +
           0.5 * static_cast<double>(N) * std::log(2 * std::numbers::pi);
  }
};

/// A gated recurrent unit of 64 states that reads 64 sequences of 32 vectors of 16. It is the variant of cuDNN and
/// PyTorch, with the reset gate after the product. The loss is the mean square of its last states.
struct GatedRecurrentUnit {
  static constexpr Index N = 64, length = 32, inputs = 16, states = 64;
  static constexpr Index weights = 3 * states * (inputs + states + 2);
  Random random{1};
  Tensor<double> theta = scaled_noise({weights}, random, 0.1);
  Data x{noise<double>({length, N, inputs}, random)};

  template <class T>
  Var<T> operator()(Var<T> w) const {
    auto take = parts_of(w);
    const Var<T> of_input = take({inputs, 3 * states}), of_state = take({states, 3 * states}),
                 input_bias = take({3 * states}), state_bias = take({3 * states});
    const Var<T> read = matmul(x.on(w.tape()), of_input) + input_bias;
    Var<T> state = w.tape().full({N, states}, 0);
    for (Index t = 0; t < length; ++t) {
      const Var<T> from_input = read.slice(t * N * 3 * states, {N, 3 * states}),
                   from_state = matmul(state, of_state) + state_bias;
      const auto part = [](Var<T> v, Index i) { return narrow(v, 1, i * states, states); };
      const Var<T> reset = sigmoid(part(from_input, 0) + part(from_state, 0)),
                   update = sigmoid(part(from_input, 1) + part(from_state, 1)),
                   candidate = tanh(part(from_input, 2) + reset * part(from_state, 2));
      state = candidate + update * (state - candidate);
    }
    return mean(square(state));
  }
};

/// A variational autoencoder, 784 - 400 - 20 - 400 - 784, on 128 images.
struct VariationalAutoencoder {
  static constexpr Index N = 128, pixels = 784, hidden = 400, latent = 20;
  static constexpr Index weights =
      pixels * hidden + hidden + 2 * (hidden * latent + latent) + latent * hidden + hidden + hidden * pixels + pixels;
  Random random{1};
  Tensor<double> theta = scaled_noise({weights}, random, 0.05);
  Data x{[this] {
    Tensor<double> images({N, pixels});
    for (double& value : images.values()) value = random.uniform();
    return images;
  }()};
  Data draws{noise<double>({N, latent}, random)};

  template <class T>
  Var<T> operator()(Var<T> w) const {
    auto take = parts_of(w);
    const auto layer = [&](Var<T> v, Index in, Index out) {
      const Var<T> weight = take({in, out});
      return matmul(v, weight) + take({out});
    };
    const Var<T> images = x.on(w.tape()), code = tanh(layer(images, pixels, hidden));
    const Var<T> middle = layer(code, hidden, latent), log_deviation = layer(code, hidden, latent);
    const Var<T> sample = middle + exp(log_deviation) * draws.on(w.tape());
    const Var<T> logits = layer(tanh(layer(sample, latent, hidden)), hidden, pixels);
    const Var<T> divergence = 0.5 * (square(middle) + exp(2 * log_deviation) - 1) - log_deviation;
    return double{pixels} * sigmoid_cross_entropy(logits, images) + sum(divergence) / double{N};
  }
};

template <class Model, class T>
void gradient_of_model(const Setting& setting, const std::string& name) {
  const Model model;
  time_gradient<T>(setting, name, model.theta, model);
}
template <class Model, class T>
void hessian_product_of_model(const Setting& setting, const std::string& name) {
  const Model model;
  time_hessian_product<T>(setting, name, model.theta, model);
}

/// Residuals of 10,000 measurements of a damped oscillation.
Var<double> oscillation(Var<double> p, Var<double> t, Var<double> measured) {
  const Var<double> a = p.slice(0, {}), tau = p.slice(1, {}), omega = p.slice(2, {}), phi = p.slice(3, {});
  return a * exp(-t / tau) * cos(omega * t + phi) - measured;
}
/// The Jacobian of the residuals with respect to the four parameters.
void curve_fit_jacobian(const Setting& setting, const std::string& name) {
  constexpr Index N = 10'000;
  Random random(1);
  Tensor<double> t({N});
  for (Index i = 0; i < N; ++i) t[i] = 0.002 * static_cast<double>(i);
  const Tensor<double> measured = noise<double>({N}, random), p({4}, {2, 4, 1.9, 0.6});
  Tape<double> tape;
  const auto residuals_at = [&](const Tensor<double>& at) {
    tape.reset();
    const Var<double> v = tape.view(at.shape(), at.data());
    return std::pair(oscillation(v, tape.view(t.shape(), t.data()), tape.view(measured.shape(), measured.data())), v);
  };
  const auto call = [&] {
    const auto [residuals, parameters] = residuals_at(p);
    return jacobian(residuals, parameters);
  };
  // Compares weighted sums of the Jacobian's rows along a direction.
  const Tensor<double> J = call(), weights = noise<double>({N}, random), direction = noise<double>({4}, random);
  double along = 0;
  for (Index i = 0; i < J.size(); ++i) along += weights[i / 4] * J[i] * direction[i % 4];
  const auto weighted = [&](const Tensor<double>& at) {
    return kernels::dot(weights.size(), weights.data(), residuals_at(at).first.data());
  };
  time(setting, name, call, require(name, error_of_slope(weighted, p, direction, along), 1e-6));
}

/// The Hessian of the Gaussian process with respect to its three hyperparameters.
void gaussian_process_hessian(const Setting& setting, const std::string& name) {
  const GaussianProcess model;
  Tape<double> tape;
  const auto call = [&] {
    tape.reset();
    const Var<double> h = tape.view(model.theta.shape(), model.theta.data());
    return hessian(model(h), h);
  };
  const Tensor<double> H = call(), direction({3}, {0.5, -1, 0.25}), u({3}, {1, 0.5, 2});
  double along = 0;
  for (Index i = 0; i < 9; ++i) along += u[i / 3] * H[i] * direction[i % 3];
  const auto slope = [&](const Tensor<double>& at) {
    Tape<double> other;
    return kernels::dot(3, u.data(), gradient_of(other, model, at).data());
  };
  const double error = require(name, error_of_slope(slope, model.theta, direction, along), 1e-5);
  setting.team.session([&] { time(setting, name, call, error); });
}

const Tasks tasks{{"attention-gradient", gradient_of_model<Attention, float>},
                  {"attention-hessian-product", hessian_product_of_model<Attention, float>},
                  {"gaussian-process-gradient", gradient_of_model<GaussianProcess, double>},
                  {"gaussian-process-hessian", gaussian_process_hessian},
                  {"gated-recurrent-unit-gradient", gradient_of_model<GatedRecurrentUnit, float>},
                  {"variational-autoencoder-gradient", gradient_of_model<VariationalAutoencoder, float>},
                  {"curve-fit-jacobian", curve_fit_jacobian}};

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  return hypertape::bench::run_tasks("bench_models", "The time of derivatives of the models that the examples show.",
                                     hypertape::bench::tasks, argc, argv);
}
