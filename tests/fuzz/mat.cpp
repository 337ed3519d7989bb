#include "fuzz/reader.hpp"
#include "hypertape/data/svhn.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "input.mat",
                               [](const auto& path) { data::detail::read_svhn(path); });
}
