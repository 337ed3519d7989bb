#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/nn/parameters.hpp"

/// The golden values in tests/golden and the inputs that they were computed from; the formulas are the same as in
/// tests/golden/lenet_hypergradient.py.
namespace hypertape::testing {

inline double golden_uniform(std::uint64_t salt, std::uint64_t i) {
  std::uint64_t z = (salt << 32) + i + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

/// Images (N, C, H, W), uniform in [-1, 1).
template <class T>
Tensor<T> golden_images(std::uint64_t salt, const Shape& shape) {
  std::vector<T> values(static_cast<std::size_t>(shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(2 * golden_uniform(salt, i) - 1);
  return from_row_major(shape, std::span<const T>(values));
}

/// A flat vector of weights, uniform within sqrt(3 / fan_in), and biases within 0.1 of their initial value.
template <class T>
Tensor<T> golden_weights(std::uint64_t salt, const nn::Parameters& parameters) {
  Tensor<T> theta(Shape{parameters.size()});
  for (const auto& entry : parameters.entries()) {
    const double scale = entry.shape.rank() == 1 ? 0.1 : std::sqrt(3 / static_cast<double>(entry.shape.features()));
    for (Index i = entry.offset; i < entry.offset + entry.shape.size(); ++i) {
      const double u = golden_uniform(salt, static_cast<std::uint64_t>(i));
      theta[i] = static_cast<T>(entry.start + (2 * u - 1) * scale);
    }
  }
  return theta;
}

/// The blocks of a file of golden values, by name.
using Golden = std::map<std::string, std::vector<double>>;

/// Reads tests/golden/NAME.txt.
inline Golden read_golden(const std::string& golden_name) {
  const std::string path = hypertape::detail::concat(HYPERTAPE_TEST_FOLDER "/golden/", golden_name, ".txt");
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  Golden blocks;
  std::string name;
  while (file >> name) {
    if (name.starts_with("#")) {
      std::getline(file, name);
      continue;
    }
    std::size_t count = 0;
    file >> count;
    std::vector<double>& values = blocks[name];
    values.resize(count);
    for (double& value : values) file >> value;
    if (!file) throw std::runtime_error(path + ": block " + name + " is cut short");
  }
  return blocks;
}

/// Checks the relative error |got - want| / |want| of the stored parts of a gradient: its norm, samples and
/// projections.
template <class T>
void check_parts(const Golden& golden, const std::string& name, const std::vector<T>& got, std::size_t every,
                 double tolerance) {
  const double norm = golden.at(name + "/norm").at(0);
  double square = 0;
  for (const T value : got) square += static_cast<double>(value) * static_cast<double>(value);
  CHECK(std::abs(std::sqrt(square) - norm) <= tolerance * norm);

  const std::vector<double>& samples = golden.at(name + "/sample");
  REQUIRE(samples.size() == (got.size() + every - 1) / every);
  double difference = 0, total = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    difference += std::pow(static_cast<double>(got[i * every]) - samples[i], 2);
    total += samples[i] * samples[i];
  }
  CHECK(std::sqrt(difference) <= tolerance * std::sqrt(total));

  const std::vector<double>& projections = golden.at(name + "/projection");
  REQUIRE(projections.size() == 4);
  for (std::size_t j = 0; j < 4; ++j) {
    double projection = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      projection += static_cast<double>(got[i]) * (2 * golden_uniform(50 + j, i) - 1);
    }
    CHECK(std::abs(projection - projections[j]) <= tolerance * norm);
  }
}

}  // namespace hypertape::testing
