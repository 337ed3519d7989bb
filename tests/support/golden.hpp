#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

/// The golden values of tests/golden and the inputs that they were made from; the formulas are those of
/// tests/golden/lenet_hypergradient.py.
namespace hypertape::testing {

inline double golden_uniform(std::uint64_t salt, std::uint64_t i) {
  std::uint64_t z = (salt << 32) + i + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

inline std::map<std::string, std::vector<double>> read_golden(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::map<std::string, std::vector<double>> blocks;
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

}  // namespace hypertape::testing
