#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

/// Runs the tool as a shell would.
namespace hypertape::testing {

struct Result {
  int exit_code;
  std::string output;  ///< standard output and standard error together

  bool says(const std::string& words) const { return output.find(words) != std::string::npos; }
};

Result shell(const std::string& command);
Result tool(const std::string& arguments);

/// The bytes of a file, none if it cannot be read.
std::string content(const std::filesystem::path& path);

/// A run that takes moments.
std::string quick(const std::filesystem::path& out);

}  // namespace hypertape::testing
