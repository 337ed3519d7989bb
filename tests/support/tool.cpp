#include "support/tool.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdio>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/data/glyphs.hpp"
#include "hypertape/data/mnist.hpp"
#include "hypertape/io/idx.hpp"
#include "support/environment.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

/// A folder for HYPERTAPE_DATA with glyphs as MNIST files: the tool's own glyphs are many, and are drawn anew in each
/// run.
class SmallData {
 public:
  SmallData() : variable_("HYPERTAPE_DATA", folder_.path().string()) {
    const data::Dataset glyphs = data::generate_glyphs(2000, 300, 1);
    std::filesystem::create_directory(folder_ / "mnist");
    for (const bool test : {false, true}) {
      const data::LabeledImages& images = test ? glyphs.test : glyphs.train;
      const std::size_t first = test ? 2 : 0;
      const std::vector<std::uint8_t> labels(images.labels.begin(), images.labels.end());
      io::write_idx(folder_ / "mnist" / data::mnist_files[first], std::vector<Index>{images.count, 28, 28},
                    images.pixels);
      io::write_idx(folder_ / "mnist" / data::mnist_files[first + 1], std::vector<Index>{images.count}, labels);
    }
  }

 private:
  TemporaryFolder folder_;
  ScopedVariable variable_;
};

}  // namespace

Result shell(const std::string& command) {
  static const SmallData data;
  FILE* pipe = popen(("{ " + command + " ; } 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Result result{};
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) result.output.append(buffer, got);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

Result tool(const std::string& arguments) { return shell(hypertape::detail::concat(HYPERTAPE_TOOL, ' ', arguments)); }

Result tool_with_signal(const std::string& arguments, const std::filesystem::path& file, const std::string& signal) {
  return shell(hypertape::detail::concat(HYPERTAPE_TOOL, ' ', arguments, " & pid=$!; for i in $(seq 1200); do [ -s ",
                                         file.string(), " ] && break; sleep 0.05; done; kill -", signal,
                                         " $pid; wait $pid"));
}

void check_exit(const std::string& arguments, int exit_code, std::initializer_list<std::string> words) {
  const Result result = tool(arguments);
  CAPTURE(arguments);
  CAPTURE(result.output);
  CHECK(result.exit_code == exit_code);
  for (const std::string& word : words) CHECK(result.says(word));
}

std::string quick(const std::filesystem::path& out) {
  return "distill --dataset mnist --iterations 4 --batch 32 --evaluate-every 2 --hold-out 64 --out " + out.string();
}

}  // namespace hypertape::testing
