/// hypertape: dataset distillation from the command line.

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "commands.hpp"
#include "help.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/error.hpp"
#include "ranks.hpp"

namespace {

/// Opens closed standard streams on /dev/null: a file opened later must not become one and receive what is printed.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", O_RDWR);  // takes the lowest free number
  }
}

/// Runs the command line. @returns the exit code; `failure` receives the error message, if any.
int run(int argc, char** argv, const hypertape::Communicator& ranks, std::string& failure) {
  CLI::App app(
      "Dataset distillation (Wang et al. 2018): a handful of learned images that train a network in a few "
      "gradient steps.",
      "hypertape");
  app.footer(
      "Start with: hypertape distill --data FOLDER. Exit codes: 0 success, 1 failure, 2 usage error. A stopped run "
      "keeps its results: 124 time limit, 130 Ctrl-C, 143 SIGTERM, 129 terminal closed, 141 output closed.");
  app.set_version_flag("--version", HYPERTAPE_VERSION, "Print the version");
  app.set_help_flag("-h,--help", "Print the common options");
  app.set_help_all_flag("--help-all", "Print all options");
  app.formatter(std::make_shared<hypertape::cli::HelpFormatter>());
  app.failure_message([](const CLI::App* parser, const CLI::Error& error) {
    const auto commands = parser->get_subcommands();
    const std::string command = commands.empty() ? "" : commands.front()->get_name() + ' ';
    // An unknown word may be a misspelling of the missing one.
    const std::vector<std::string> unknown = parser->remaining(true);
    std::string what = unknown.empty() ? error.what() : CLI::ExtrasError(unknown).what();
    what = CLI::detail::find_and_replace(what, "At Most 1 required but received", "takes one value, got");
    return what + "; see hypertape " + command + "--help";
  });
  app.require_subcommand(0, 1);  // a missing one is reported below, after unknown words
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  hypertape::cli::add_distill(app, ranks);
  hypertape::cli::add_pretrain(app, ranks);
  hypertape::cli::add_evaluate(app, ranks);
  hypertape::cli::add_baseline(app, ranks);
  hypertape::cli::add_linear(app, ranks);
  hypertape::cli::add_chart(app, ranks);
  hypertape::cli::add_report(app, ranks);
  hypertape::cli::add_complete(app);
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A command");
  } catch (const CLI::RuntimeError& stop) {  // exit_stopped
    return stop.get_exit_code();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      app.exit(error);
      return 0;
    }
    std::ostringstream text;
    app.exit(error, text, text);
    failure = text.str();
    return 2;
  } catch (const hypertape::ArgumentError& error) {
    failure = error.what();
    return 2;
  } catch (const std::bad_alloc&) {
    failure = "not enough memory for these sizes";
    return 1;
  } catch (const std::filesystem::filesystem_error& error) {
    failure = error.path1().string() + ": " + error.code().message();
    return 1;
  } catch (const std::exception& error) {
    failure = error.what();
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // at a file size limit, writing then fails with an error message
  std::string failure;
  int exit_code = 0;
  try {
    const hypertape::cli::Ranks ranks;
    exit_code = run(argc, argv, ranks.all(), failure);
    if (ranks.leads() && exit_code == 0 && !std::cout.flush()) {
      exit_code = 1;
      failure = "cannot write to standard output";
    }
    ranks.end(exit_code, failure);
  } catch (const hypertape::Error& error) {  // thrown by Ranks
    std::cerr << "hypertape: " << error.what() << '\n';
    exit_code = 2;
  }
  return exit_code;
}
