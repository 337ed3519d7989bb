#include "hypertape/io/png.hpp"

#include "fuzz/checksums.hpp"
#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "input.png", [](const auto& path) { io::read_png(path); });
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  using namespace hypertape;
  return testing::mutate(data, size, most, seed, testing::repair_png);
}
