#include "hypertape/io/idx.hpp"

#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "input-idx", [](const auto& path) { io::read_idx(path); });
}
