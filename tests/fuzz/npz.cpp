#include "hypertape/io/npz.hpp"

#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "input.npz", [](const auto& path) { io::read_npz(path); });
}
