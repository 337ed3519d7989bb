#include "hypertape/data/cifar10.hpp"

#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "data_batch_1.bin", [](const auto& path) {
    data::LabeledImages images;
    data::detail::append_cifar10_file(path, images);
  });
}
