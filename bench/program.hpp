#pragma once

#include <CLI/CLI.hpp>
#include <functional>

/// What the main functions of the benchmarks share.
namespace hypertape::bench {

/// Parses the command line and runs the body. Every failure is one line on the standard error. Returns the exit code: 0
/// on success, 1 if the body fails (a wrong result, too little memory), 2 for wrong usage.
int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body);

/// @throws Error if this many bytes are more than the machine can give at the moment. Sizes that overflow no type may
/// still ask for days of filling memory before the last page is missed.
void require_memory(double bytes);

}  // namespace hypertape::bench
