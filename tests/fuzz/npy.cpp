#include "hypertape/io/npy.hpp"

#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  try {
    io::decode_npy(std::string_view(reinterpret_cast<const char*>(data), size), "input.npy");
  } catch (const DataError&) {
  }
  return 0;
}
