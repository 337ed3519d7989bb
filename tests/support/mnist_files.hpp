#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "hypertape/data/mnist.hpp"
#include "hypertape/io/idx.hpp"

namespace hypertape::testing {

/// Writes the four files of a tiny MNIST: image n has the value n in every pixel and the label n mod 10.
inline void put_mnist_files(const std::filesystem::path& folder, Index train_count, Index test_count) {
  std::filesystem::create_directories(folder);
  for (std::size_t part = 0; part < 2; ++part) {
    const Index count = part == 0 ? train_count : test_count;
    std::vector<std::uint8_t> pixels, labels;
    for (Index n = 0; n < count; ++n) {
      pixels.insert(pixels.end(), 28 * 28, static_cast<std::uint8_t>(n));
      labels.push_back(static_cast<std::uint8_t>(n % 10));
    }
    io::write_idx(folder / data::mnist_files[2 * part], std::vector<Index>{count, 28, 28}, pixels);
    io::write_idx(folder / data::mnist_files[2 * part + 1], std::vector<Index>{count}, labels);
  }
}

}  // namespace hypertape::testing
