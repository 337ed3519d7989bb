/// bench_chain: the cost of a node. Chains of scalar operations, and of operations on short vectors, are recorded and
/// differentiated once. For comparison there is a tape of partial derivatives for scalars only, as in CoDiPack or
/// Adept. Both compute one derivative, which is compared with its closed form; the exit code is 1 if it is wrong.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "check.hpp"
#include "hypertape/hypertape.hpp"
#include "program.hpp"

namespace hypertape::bench {
namespace {

struct Options {
  Index nodes = 10'000'000, vector_nodes = 1'000'000;
  bool json = false;
};

/// The minimum that a first-order reverse sweep needs: the number of operands of each statement, and each operand's
/// index and partial derivative.
class JacobianTape {
 public:
  struct Scalar {
    double value;
    std::uint32_t id;
  };
  Scalar leaf(double value) {
    counts_.push_back(0);
    return {value, static_cast<std::uint32_t>(counts_.size() - 1)};
  }
  Scalar sine(Scalar x) {
    push(std::cos(x.value), x.id);
    return leaf_after(std::sin(x.value), 1);
  }
  Scalar product(Scalar x, Scalar y) {
    push(y.value, x.id);
    push(x.value, y.id);
    return leaf_after(x.value * y.value, 2);
  }
  Scalar sum(Scalar x, Scalar y) {
    push(1, x.id);
    push(1, y.id);
    return leaf_after(x.value + y.value, 2);
  }
  double gradient(Scalar result, Scalar argument) const {
    std::vector<double> adjoint(counts_.size());
    adjoint[result.id] = 1;
    std::size_t end = ids_.size();
    for (std::size_t id = counts_.size(); id-- > 0;) {
      for (std::size_t operand = end - counts_[id]; operand < end; ++operand) {
        adjoint[ids_[operand]] += partials_[operand] * adjoint[id];
      }
      end -= counts_[id];
    }
    return adjoint[argument.id];
  }
  std::size_t used_bytes() const { return counts_.size() + ids_.size() * 4 + partials_.size() * 8; }

 private:
  void push(double partial, std::uint32_t id) {
    partials_.push_back(partial);
    ids_.push_back(id);
  }
  Scalar leaf_after(double value, std::uint8_t operands) {
    counts_.push_back(operands);
    return {value, static_cast<std::uint32_t>(counts_.size() - 1)};
  }

  std::vector<std::uint8_t> counts_;
  std::vector<std::uint32_t> ids_;
  std::vector<double> partials_;
};

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void print(const Options& options, const std::string& what, const std::string& tape, Index nodes, double record,
           double gradient, double bytes, double error) {
  const auto count = static_cast<double>(nodes);
  if (options.json) {
    std::cout << nlohmann::ordered_json{{"chain", what},
                                        {"tape", tape},
                                        {"nodes", nodes},
                                        {"record_ns", 1e9 * record / count},
                                        {"gradient_ns", 1e9 * gradient / count},
                                        {"bytes", bytes / count},
                                        {"relative_error", error}}
                     .dump()
              << std::endl;
    return;
  }
  std::cout << what << ", " << nodes << " nodes, " << tape << ": " << 1e9 * record / count << " ns to record one, "
            << 1e9 * gradient / count << " ns its gradient, " << bytes / count << " bytes" << std::endl;
}

/// Repeats y = step(y) from 0.5; the derivative with respect to the start is `exact`.
template <class Step, class PlainStep>
void scalar_chain(const Options& options, const std::string& what, double exact, const Step& step,
                  const PlainStep& plain_step) {
  const auto error = [&](double got) { return require(what, std::abs(got / exact - 1), 1e-6); };
  {
    Tape<double> tape;
    const Var<double> start = tape.scalar(0.5), factor = tape.scalar(1 - 1e-7);
    Var<double> y = start, slope;
    const double record = seconds([&] {
      for (Index i = 0; i < options.nodes; ++i) y = step(y, factor);
    });
    const auto bytes = static_cast<double>(tape.used_bytes());
    const double gradient_time = seconds([&] { slope = gradient(y, start); });
    print(options, what, "hypertape", options.nodes, record, gradient_time, bytes, error(slope.item()));
  }
  JacobianTape tape;
  const JacobianTape::Scalar start = tape.leaf(0.5), factor = tape.leaf(1 - 1e-7);
  JacobianTape::Scalar y = start;
  double slope = 0;
  const double record = seconds([&] {
    for (Index i = 0; i < options.nodes; ++i) y = plain_step(tape, y, factor);
  });
  const double gradient_time = seconds([&] { slope = tape.gradient(y, start); });
  print(options, what, "a tape of partial derivatives", options.nodes, record, gradient_time,
        static_cast<double>(tape.used_bytes()), error(slope));
}

void run(const Options& options) {
  using Plain = JacobianTape;
  const auto count = static_cast<double>(options.nodes);
  double sines = 1, value = 0.5;
  for (Index i = 0; i < options.nodes; ++i) {
    sines *= std::cos(value);
    value = std::sin(value);
  }
  scalar_chain(
      options, "sin(y)", sines, [](auto y, auto) { return sin(y); },
      [](Plain& tape, auto y, auto) { return tape.sine(y); });
  scalar_chain(
      options, "a y", std::pow(1 - 1e-7, count), [](auto y, auto a) { return a * y; },
      [](Plain& tape, auto y, auto a) { return tape.product(a, y); });
  scalar_chain(
      options, "y + a", 1, [](auto y, auto a) { return y + a; },
      [](Plain& tape, auto y, auto a) { return tape.sum(y, a); });

  Tape<double> tape;
  const Var<double> start = tape.full({16}, 0.5), factor = tape.full({16}, 1 - 1e-7);
  Var<double> y = start, slope;
  const double record = seconds([&] {
    for (Index i = 0; i < options.vector_nodes; ++i) y = factor * y;
  });
  const auto bytes = static_cast<double>(tape.used_bytes());
  const double gradient_time = seconds([&] { slope = gradient(sum(y), start); });
  const double exact = std::pow(1 - 1e-7, static_cast<double>(options.vector_nodes));
  print(options, "a y of 16 elements", "hypertape", options.vector_nodes, record, gradient_time, bytes,
        require("a y of 16 elements", std::abs(slope.data()[15] / exact - 1), 1e-6));
}

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  hypertape::bench::Options options;
  CLI::App app("The cost of a node on a long tape.", "bench_chain");
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.set_version_flag("--version", HYPERTAPE_VERSION);
  app.add_option("--nodes", options.nodes, "Scalar operations in a chain; a million take up to 300 MB")
      ->check(CLI::Range(1, 100000000));
  app.add_option("--vector-nodes", options.vector_nodes, "Operations on vectors of 16 elements")
      ->check(CLI::Range(1, 100000000));
  app.add_flag("--json", options.json, "One JSON object per line");
  return hypertape::bench::run_program(app, argc, argv, [&] { hypertape::bench::run(options); });
}
