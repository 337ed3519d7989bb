#include "support/tool.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "hypertape/core/error.hpp"

namespace hypertape::testing {

Result shell(const std::string& command) {
  FILE* pipe = popen(("{ " + command + " ; } 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Result result{};
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) result.output.append(buffer, got);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

Result tool(const std::string& arguments) { return shell(message(HYPERTAPE_TOOL, ' ', arguments)); }

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string quick(const std::filesystem::path& out) {
  return "distill --dataset glyphs --iterations 4 --batch 32 --evaluate-every 2 --hold-out 64 --out " + out.string();
}

}  // namespace hypertape::testing
