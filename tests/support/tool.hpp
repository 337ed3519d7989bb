#pragma once

#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

/// Runs the tool as a shell would, with a small `--dataset mnist` available: 2,000 training and 300 test images of
/// generated glyphs.
namespace hypertape::testing {

struct Result {
  int exit_code;
  std::string output;  ///< standard output and standard error together

  bool says(const std::string& words) const { return output.find(words) != std::string::npos; }
};

Result shell(const std::string& command);
Result tool(const std::string& arguments);

/// Checks that the tool exits with this code and prints all of these words.
void check_exit(const std::string& arguments, int exit_code, std::initializer_list<std::string> words);

/// Runs the tool in the background, sends it this signal ("INT") once it has written the file, and waits until it
/// exits.
Result tool_with_signal(const std::string& arguments, const std::filesystem::path& file, const std::string& signal);

/// The arguments of a run that takes only moments.
std::string quick(const std::filesystem::path& out);

}  // namespace hypertape::testing
