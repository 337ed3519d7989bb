#include "bench/program.hpp"

#include <doctest/doctest.h>

#include <new>
#include <string>
#include <vector>

#include "bench/check.hpp"

using namespace hypertape;
using namespace hypertape::bench;

namespace {

int run(std::vector<std::string> words, const std::function<void()>& body) {
  CLI::App app("A program of one option.", "program");
  int count = 1;
  app.add_option("--count", count)->check(CLI::Range(1, 9));
  words.insert(words.begin(), "program");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return run_program(app, static_cast<int>(argv.size()), argv.data(), body);
}

}  // namespace

TEST_CASE("program: exits with 0 on success and when it is asked for help") {
  bool ran = false;
  CHECK(run({"--count", "2"}, [&] { ran = true; }) == 0);
  CHECK(ran);
  CHECK(run({"--help"}, [] { FAIL("nothing to do"); }) == 0);
}

TEST_CASE("program: exits with 1 on a wrong result and every other failure") {
  CHECK(run({}, [] { require("x", Tensor<float>(Shape{2}, {1, 3}), Tensor<double>(Shape{2}, {1, 2}), 1e-3); }) == 1);
  CHECK(run({}, [] { throw std::bad_alloc(); }) == 1);
  CHECK(run({}, [] { throw ArgumentError("bad"); }) == 1);
  CHECK(run({}, [] { require_memory(1e18); }) == 1);
}

TEST_CASE("program: exits with 2 on wrong usage") {
  const auto nothing = [] { FAIL("must not run"); };
  for (const auto& words : std::vector<std::vector<std::string>>{{"--count", "0"},
                                                                 {"--count", "x"},
                                                                 {"--count"},
                                                                 {"--other", "1"},
                                                                 {"word"},
                                                                 {"--count", "99999999999999"}}) {
    CAPTURE(words.back());
    CHECK(run(words, nothing) == 2);
  }
  CHECK(run({}, [] { throw CLI::ValidationError("--count", "odd"); }) == 2);
}
