#include <cstdlib>
#include <optional>

#include "fuzz/arrays.hpp"
#include "fuzz/reader.hpp"
#include "run_log.hpp"
#include "snapshots.hpp"

/// What a run is resumed from: each part for itself, that a fault in one does not hide the others. A state that was
/// taken must serve.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  static distill::DistilledParameters set = testing::small_learned_set();
  const std::filesystem::path path = "checkpoint.npz";
  io::Npz arrays;
  const auto attempt = [](const auto& restore) {
    try {
      restore();
    } catch (const DataError&) {
    } catch (const DivergenceError&) {
    }
  };
  attempt([&] { arrays = testing::arrays_from(std::span(data, size), testing::checkpoint_arrays); });
  attempt([&] {
    set.restore(arrays, path);
    set.update(testing::small_gradient(), 1);
  });
  static const distill::DistilledSet learned = testing::small_learned_set().set();
  attempt([&] {
    cli::RunLog log(1);
    log.restore(io::with_prefix(arrays, "log"), path, learned.learning_rates.size());
    log.add({2, std::nullopt, 50, 1}, learned.learning_rates);
    log.csv();
    for (const cli::LineChart& chart : {log.accuracy_chart(), log.rates_chart()}) {
      if (cli::ChartLayout(chart).drawing().shapes.empty()) std::abort();
    }
  });
  attempt([&] {
    cli::Snapshots snapshots;
    snapshots.restore(io::with_prefix(arrays, "snapshots"), path, learned.images.front().shape());
    snapshots.offer(2, learned.images.front());
  });
  attempt([&] { distill::from_npz(io::with_prefix(arrays, "best"), path, 2); });
  return 0;
}
