#include "hypertape/data/mnist.hpp"

#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  // The images' file, then the labels', each after its length.
  const std::size_t cut = size < 2 ? 0 : (std::min)(data[0] + std::size_t{256} * data[1], size - 2);
  const auto bytes = std::span(data, size).subspan(size < 2 ? 0 : 2);
  return testing::read_as_file(bytes.first(cut), "images", [&](const auto& images) {
    testing::read_as_file(bytes.subspan(cut), "labels",
                          [&](const auto& labels) { data::detail::load_mnist_part(images, labels); });
  });
}
