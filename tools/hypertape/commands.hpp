#pragma once

#include <CLI/CLI.hpp>

#include "hypertape/core/communicator.hpp"

/// The commands of the tool, one per file. Each adds a subcommand with its options to the parser, which runs it after
/// parsing. All ranks run a command and share the expensive work.
namespace hypertape::cli {

void add_baseline(CLI::App& app, const Communicator& ranks);
void add_chart(CLI::App& app, const Communicator& ranks);
void add_complete(CLI::App& app);
void add_distill(CLI::App& app, const Communicator& ranks);
void add_evaluate(CLI::App& app, const Communicator& ranks);
void add_pretrain(CLI::App& app, const Communicator& ranks);
void add_linear(CLI::App& app, const Communicator& ranks);
void add_report(CLI::App& app, const Communicator& ranks);

}  // namespace hypertape::cli
