#pragma once

#include <CLI/CLI.hpp>
#include <functional>

/// The shared part of the benchmarks' main functions.
namespace hypertape::bench {

/// Parses the command line and runs the body. Any failure prints one line to standard error. Returns the exit code: 0
/// on success, 1 if the body fails (a wrong result, too little memory), 2 for wrong usage.
int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body);

/// @throws Error if the machine cannot provide this many bytes now. Without this check, sizes that overflow no type may
/// still fill memory for days before the last page is missing.
void require_memory(double bytes);

}  // namespace hypertape::bench
