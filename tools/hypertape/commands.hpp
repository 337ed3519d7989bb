#pragma once

#include <CLI/CLI.hpp>

/// The commands of the tool, one a file. Each adds its subcommand, with its options, to the parser; parsing then runs
/// it.
namespace hypertape::cli {

void add_baseline(CLI::App& app);
void add_chart(CLI::App& app);
void add_distill(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_pretrain(CLI::App& app);
void add_linear(CLI::App& app);

}  // namespace hypertape::cli
