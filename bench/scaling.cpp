/// bench_scaling: seconds, messages and bytes of an outer step of dataset distillation shared by several processes
/// (docs/scaling.md). Run it with mpirun; without, it is a single process. Images are generated, in the size of MNIST
/// or CIFAR-10, as the time does not depend on them. The exit code is 1 unless all ranks end with the same distilled
/// set.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hypertape/data/checksum.hpp"
#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/distiller.hpp"
#include "hypertape/mpi.hpp"
#include "hypertape/nn/alexcifarnet.hpp"
#include "hypertape/nn/lenet.hpp"
#include "program.hpp"
#include "slow_network.hpp"

namespace hypertape::bench {
namespace {

struct Options {
  std::string dataset = "mnist";
  Index networks = 4, steps = 10, epochs = 3, batch = 1024;
  int threads = 1, runs = 5;
  double latency = 0, bandwidth = 0;
};

/// Random images of CIFAR-10's size.
data::Dataset colored_noise() {
  data::Dataset dataset;
  dataset.name = "noise";
  Random random(1);
  for (data::LabeledImages* images : {&dataset.train, &dataset.test}) {
    *images = {4000, 3, 32, 32, 10, {}, {}};
    images->pixels.resize(static_cast<std::size_t>(images->count * images->bytes_per_image()));
    for (std::uint8_t& pixel : images->pixels) pixel = static_cast<std::uint8_t>(random.below(256));
    for (Index i = 0; i < images->count; ++i) images->labels.push_back(static_cast<std::int32_t>(i % 10));
  }
  dataset.normalization = data::compute_normalization(dataset.train);
  return dataset;
}

void run(const Options& given) {
  const MpiSession session;
  const MpiCommunicator world;
  const SlowNetwork ranks(world, {1e-6 * given.latency, given.bandwidth > 0 ? 1e-6 / given.bandwidth : 0});
  const bool mnist = given.dataset == "mnist";
  const data::Dataset dataset = mnist ? data::generate_glyphs(4000, 100, 1) : colored_noise();
  const nn::Network<float> network =
      mnist ? nn::Network<float>("lenet", nn::LeNet()) : nn::Network<float>("alexcifarnet", nn::AlexCifarNet());
  distill::DistillOptions options;
  options.initialization.random = true;
  options.outer_loop.networks = given.networks;
  options.outer_loop.iterations = 1000000;
  options.outer_loop.skip_diverged = true;
  options.inner_loop.steps = given.steps;
  options.inner_loop.epochs = given.epochs;
  options.real.batch = given.batch;
  options.validation.hold_out = 100;
  distill::Distiller distiller(network, dataset, options, WorkerTeam(given.threads), ranks);
  distiller.iterate();
  std::vector<double> seconds, talking;
  Traffic sent;
  for (int i = 0; i < given.runs; ++i) {
    largest(ranks, 0);  // all ranks start at once
    const double spent = ranks.seconds();
    const Traffic before = ranks.traffic();
    const auto start = std::chrono::steady_clock::now();
    distiller.iterate();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    talking.push_back(ranks.seconds() - spent);
    sent = ranks.traffic() - before;  // the same in every step
  }
  data::Checksum checksum;
  for (const Tensor<float>& images : distiller.distilled().images) checksum.add(images.values());
  require_same(ranks, checksum.value(), "distilled images");
  const auto median = [](std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
  };
  const double own[] = {median(talking), static_cast<double>(sent.messages), static_cast<double>(sent.bytes)};
  const std::vector<double> all = gather(ranks, std::span<const double>(own));
  if (ranks.rank() > 0) return;
  double least = all[0], messages = 0, bytes = 0;  // the rank that waits least is the one that the others wait for
  for (std::size_t r = 0; r < all.size(); r += 3) {
    least = std::min(least, all[r]);
    messages += all[r + 1];
    bytes += all[r + 2];
  }
  std::printf(
      "%s %ld networks %d ranks x %d threads: %.4f s an outer step (least %.4f), %.4f s of it in messages; "
      "%.0f messages, %.1f kB of all ranks\n",
      given.dataset.c_str(), static_cast<long>(given.networks), ranks.size(), given.threads, median(seconds),
      *std::ranges::min_element(seconds), least, messages, bytes / 1000);
}

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  CLI::App app("The time of an outer step shared by several processes", "bench_scaling");
  hypertape::bench::Options options;
  app.add_option("--dataset", options.dataset, "Images and network: mnist with LeNet, or cifar-10 with AlexCifarNet")
      ->check(CLI::IsMember({"mnist", "cifar-10"}))
      ->capture_default_str();
  app.add_option("--networks", options.networks, "Random networks per outer step")->capture_default_str();
  app.add_option("--steps", options.steps, "Inner steps per epoch")->capture_default_str();
  app.add_option("--epochs", options.epochs, "Epochs of the inner loop")->capture_default_str();
  app.add_option("--batch", options.batch, "Real images per network")->capture_default_str();
  app.add_option("--threads", options.threads, "Threads per process")->capture_default_str();
  app.add_option("--runs", options.runs, "Timed outer steps, after one to warm up")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--latency", options.latency, "Microseconds by which each message is delayed")->capture_default_str();
  app.add_option("--bandwidth", options.bandwidth, "Megabytes per second that a link carries; 0: no limit")
      ->capture_default_str();
  return hypertape::bench::run_program(app, argc, argv, [&] { hypertape::bench::run(options); });
}
