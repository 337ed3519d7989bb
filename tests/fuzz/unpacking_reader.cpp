#include "hypertape/io/unpacking_reader.hpp"

#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "input.gz", [](const auto& path) {
    io::UnpackingReader file(path);
    file.read(std::size_t{1} << 24);
  });
}
