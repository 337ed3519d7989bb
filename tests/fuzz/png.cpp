#include "hypertape/io/png.hpp"

#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "input.png", [](const auto& path) { io::read_png(path); });
}
