#include "fuzz/arrays.hpp"
#include "fuzz/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  static distill::DistilledParameters set = testing::small_learned_set();
  try {
    set.restore(testing::arrays_from(std::span(data, size), testing::checkpoint_arrays), "checkpoint.npz");
    set.update(testing::small_hypergradient(), 1);  // a state that was taken must serve
  } catch (const DataError&) {
  } catch (const DivergenceError&) {
  }
  return 0;
}
