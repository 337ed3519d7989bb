/// bench_tape: derivatives with the generic tape on one thread: the gradient of a batch for LeNet in float, and the
/// Hessian-vector product of a small multilayer perceptron in double. Each result is first compared with an independent
/// slow computation; if it is wrong, no time is printed and the exit code is 1.

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "check.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "program.hpp"
#include "random_data.hpp"
#include "sgemm.hpp"
#include "support/allocations.hpp"
#include "timing.hpp"
#include "work.hpp"

namespace hypertape::bench {
namespace {

using hypertape::detail::concat;

using Json = nlohmann::ordered_json;

struct Options {
  std::string what = "all";
  Index gradient_batch = 1024, hessian_batch = 10;
  int runs = 21;
  bool json = false;
};

/// Times f, and counts the heap allocations of a call once everything is warm.
template <class F>
Json timed(int runs, double flop, const char* gemm, double gemm_gflops, const F& f) {
  const Timing timing = measure(runs, f);
  const std::size_t before = testing::allocations();
  f();
  const std::size_t allocated = testing::allocations() - before;
  const double gflops = flop / timing.median_ms * 1e-6;
  return {{"threads", 1},
          {"runs", runs},
          {"min_ms", timing.min_ms},
          {"median_ms", timing.median_ms},
          {"gflops", gflops},
          {concat(gemm, "_gflops"), gemm_gflops},
          {concat("share_of_", gemm), gflops / gemm_gflops},
          {"allocations", allocated}};
}

/// Loss and gradient of a batch through LeNet, by blocks of samples.
Json lenet_gradient(const Options& options) {
  const nn::LeNet net;
  Random random(1);
  const Tensor<float> theta = net.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random);
  const Tensor<float> x = noise<float>(Shape::batch(options.gradient_batch, 1, 28, 28), random);
  const Tensor<float> y = ten_classes<float>(options.gradient_batch);

  const nn::ClassificationLoss loss{&net};
  BatchGradient<float> batch_gradient(loss);
  Tensor<float> gradient;
  const float value = batch_gradient(theta, x, y, gradient);

  // In double precision, with all samples in one block. Float rounds at 6e-8; sums of thousands of terms lose some
  // digits.
  Tensor<double> exact;
  BatchGradient<double> plain(loss, WorkerTeam(1), 0);
  const double exact_value = plain(cast<double>(theta), cast<double>(x), cast<double>(y), exact);
  const double error = require("LeNet's gradient", gradient, exact, 1e-5);
  require("LeNet's loss", std::abs(static_cast<double>(value) - exact_value) / exact_value, 1e-5);

  const double flop = 2 * static_cast<double>(options.gradient_batch) * lenet_work(1).gradient();
  Json row{{"what", "gradient"}, {"net", "lenet"}, {"scalar", "float"}, {"batch", options.gradient_batch}};
  row.update(timed(options.runs, flop, "sgemm", sgemm_gflops(1), [&] { batch_gradient(theta, x, y, gradient); }));
  row["relative_error"] = error;
  return row;
}

/// The gradient of the mean softmax cross-entropy of a perceptron I - hidden - O with tanh, computed by plain loops
/// over samples that share no code with the tape.
Tensor<double> plain_gradient(Index I, Index hidden, Index O, const Tensor<double>& theta, const Tensor<double>& x,
                              const Tensor<double>& y) {
  const Index N = x.shape()[0];
  const Index bias1 = hidden * I, weight2 = bias1 + hidden, bias2 = weight2 + O * hidden;
  Tensor<double> gradient(theta.shape());
  const auto count = [](Index n) { return static_cast<std::size_t>(n); };
  std::vector<double> h(count(hidden)), p(count(O));
  for (Index n = 0; n < N; ++n) {
    for (Index j = 0; j < hidden; ++j) {
      double sum = theta[bias1 + j];
      for (Index i = 0; i < I; ++i) sum += theta[j * I + i] * x(n, i);
      h[count(j)] = std::tanh(sum);
    }
    double total = 0;
    for (Index k = 0; k < O; ++k) {
      double sum = theta[bias2 + k];
      for (Index j = 0; j < hidden; ++j) sum += theta[weight2 + k * hidden + j] * h[count(j)];
      total += p[count(k)] = std::exp(sum);
    }
    std::vector<double> dh(count(hidden));
    for (Index k = 0; k < O; ++k) {
      const double dz = (p[count(k)] / total - y(n, k)) / static_cast<double>(N);
      gradient[bias2 + k] += dz;
      for (Index j = 0; j < hidden; ++j) {
        gradient[weight2 + k * hidden + j] += dz * h[count(j)];
        dh[count(j)] += dz * theta[weight2 + k * hidden + j];
      }
    }
    for (Index j = 0; j < hidden; ++j) {
      const double da = dh[count(j)] * (1 - h[count(j)] * h[count(j)]);
      gradient[bias1 + j] += da;
      for (Index i = 0; i < I; ++i) gradient[j * I + i] += da * x(n, i);
    }
  }
  return gradient;
}

/// The Hessian-vector product of a 784-32-10 perceptron in two ways: loss, gradient and tangent recorded anew in each
/// call, as an optimizer needs after theta has moved; and the tangent alone on a tape that keeps the gradient, as a
/// linear solver needs at a fixed theta.
std::vector<Json> mlp_hessian_vector(const Options& options) {
  constexpr Index I = 784, hidden = 32, O = 10;
  const nn::Mlp net({I, hidden, O}, nn::Activation::tanh);
  const nn::ClassificationLoss loss{&net};
  const Index N = options.hessian_batch;
  Random random(1);
  Tensor<double> theta = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  const Tensor<double> x = noise<double>(Shape::batch(N, I), random), y = ten_classes<double>(N);
  const Tensor<double> u = noise<double>(theta.shape(), random), v = noise<double>(theta.shape(), random);

  Tape<double> tape;
  const auto record = [&](const Tensor<double>& vector) {
    tape.reset();
    const Var<double> theta_var = tape.view(theta.shape(), theta.data());
    const Var<double> value = loss(theta_var, tape.view(x.shape(), x.data()), tape.view(y.shape(), y.data()));
    return hvp(value, theta_var, tape.view(vector.shape(), vector.data()));
  };
  const Tensor<double> Hu = record(u).value(), Hv = record(v).value();

  // Central differences of the plain gradient along u. A step moves a hidden unit by about 5e-5, whose square is the
  // truncation error; rounding errors are smaller.
  constexpr double step = 2e-6;
  const auto gradient_at = [&](double distance) {
    Tensor<double> moved = theta;
    for (Index i = 0; i < moved.size(); ++i) moved[i] += distance * u[i];
    return plain_gradient(I, hidden, O, moved, x, y);
  };
  Tensor<double> difference = gradient_at(step);
  const Tensor<double> behind = gradient_at(-step);
  for (Index i = 0; i < difference.size(); ++i) difference[i] = (difference[i] - behind[i]) / (2 * step);
  const double error = require("the Hessian-vector product, against differences of the gradient", Hu, difference, 1e-6);
  const double uHv = kernels::dot(u.size(), u.data(), Hv.data()), vHu = kernels::dot(v.size(), v.data(), Hu.data());
  require("the symmetry of the Hessian", std::abs(uHv - vHu) / std::max(std::abs(uHv), std::abs(vHu)), 1e-10);

  // Multiply-adds of one sample's forward pass: F, of which f are in the first layer. The gradient takes 3F - f. The
  // tangent of each product takes one product per factor that varies, and images do not vary.
  constexpr double f = I * hidden, F = f + hidden * O, gradient_work = 3 * F - f, tangent_work = 6 * F - 4 * f;
  const double flop = 2 * static_cast<double>(N);
  const double dgemm = dgemm_gflops(1);
  const auto row = [&](const char* what, const Json& timing) {
    Json out{{"what", what}, {"net", "mlp-784-32-10"}, {"scalar", "double"}, {"batch", N}};
    out.update(timing);
    out["relative_error"] = error;
    return out;
  };
  std::vector<Json> rows;
  rows.push_back(row("hessian-vector",
                     timed(options.runs, flop * (gradient_work + tangent_work), "dgemm", dgemm, [&] { record(u); })));

  tape.reset();
  const Var<double> theta_var = tape.view(theta.shape(), theta.data());
  const Var<double> value = loss(theta_var, tape.view(x.shape(), x.data()), tape.view(y.shape(), y.data()));
  const Var<double> g = gradient(value, theta_var);
  const Tape<double>::Mark kept = tape.mark();
  const auto tangent = [&] {
    tape.rewind(kept);
    return jvp(g, theta_var, tape.view(u.shape(), u.data()));
  };
  require("the Hessian-vector product with the gradient kept", tangent().value(), Hu, 1e-12);
  rows.push_back(
      row("hessian-vector, gradient kept", timed(options.runs, flop * tangent_work, "dgemm", dgemm, tangent)));
  return rows;
}

void print(const Json& row, bool json) {
  if (json) {
    std::cout << row.dump() << '\n';
    return;
  }
  const char* gemm = row.contains("sgemm_gflops") ? "sgemm" : "dgemm";
  std::cout << row["what"].get<std::string>() << ", " << row["net"].get<std::string>() << ", batch " << row["batch"]
            << ", " << row["scalar"].get<std::string>() << ": median " << row["median_ms"] << " ms, min "
            << row["min_ms"] << " ms, " << row["gflops"] << " GFLOP/s, "
            << row[concat("share_of_", gemm)].get<double>() * 100 << " % of " << gemm << " ("
            << row[concat(gemm, "_gflops")] << " GFLOP/s), " << row["allocations"] << " allocations a call\n";
}

void run(const Options& options) {
  std::vector<Json> rows;
  // Within a task, operations stay on one thread whatever their size.
  WorkerTeam(1).for_each(1, [&](Index, int) {
    if (options.what != "hessian-vector") rows.push_back(lenet_gradient(options));
    if (options.what != "gradient") {
      for (Json& row : mlp_hessian_vector(options)) rows.push_back(std::move(row));
    }
  });
  for (const Json& row : rows) print(row, options.json);
}

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  hypertape::bench::Options options;
  CLI::App app("Derivatives through the generic tape on one thread.", "bench_tape");
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.set_version_flag("--version", HYPERTAPE_VERSION);
  app.add_option("--what", options.what, "What to time")->check(CLI::IsMember({"all", "gradient", "hessian-vector"}));
  app.add_option("--gradient-batch", options.gradient_batch, "Images of LeNet's gradient")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--hessian-batch", options.hessian_batch, "Samples of the Hessian-vector product")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--runs", options.runs, "Timed runs")->check(CLI::Range(1, 1000000));
  app.add_flag("--json", options.json, "One JSON object per line");
  return hypertape::bench::run_program(app, argc, argv, [&] { hypertape::bench::run(options); });
}
