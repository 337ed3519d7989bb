#include "fuzz/reader.hpp"
#include "output_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  return testing::read_as_file(std::span(data, size), "config.json", [](const std::filesystem::path& path) {
    // Options of each type that a command has.
    CLI::App app;
    cli::Options options(app);
    std::string net = "lenet";
    Index steps = 1;
    double rate = 0.1;
    bool soft = false;
    std::uint64_t seed = 1;
    std::vector<Index> hidden{256};
    std::optional<Index> window;
    std::optional<std::filesystem::path> pool;
    options.add("--net", net, "")->check(CLI::IsMember({"lenet", "mlp"}));
    options.add("--steps", steps, "")->check(CLI::PositiveNumber);
    options.add("--learning-rate", rate, "")->check(CLI::PositiveNumber);
    options.add_flag("--soft-labels", soft, "");
    options.add("--seed", seed, "");
    options.add("--hidden", hidden, "");
    options.add("--window", window, "");
    options.add_folder("--pool", pool, "");
    options.resume(cli::OutputFolder::read_config(path.parent_path(), "distill"), path);
  });
}
