#include "hypertape/distill/distilled_set.hpp"

#include "fuzz/arrays.hpp"
#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  try {
    distill::from_npz(testing::arrays_from(std::span(data, size), testing::distilled_arrays), "distilled.npz", 2);
  } catch (const DataError&) {
  } catch (const ShapeError&) {
  }
  return 0;
}
