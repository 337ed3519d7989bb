/// hypertape: dataset distillation from the command line.

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "commands.hpp"
#include "help.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/error.hpp"

namespace {

/// A file that is opened must not take the place of a standard stream that is closed, and get what is printed.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", O_RDWR);  // takes the lowest number that is free
  }
}

/// Does what the words say. @returns the exit code.
int run(int argc, char** argv) {
  CLI::App app(
      "Dataset distillation (Wang et al. 2018): a handful of learned images that train a network in a few "
      "gradient steps.",
      "hypertape");
  app.footer(
      "Exit codes: 0 success, 1 failure while running, 2 wrong usage. A run that was stopped keeps what it has, and "
      "exits "
      "with 124 (--time-limit), 130 (Ctrl-C), 143 (SIGTERM), 129 (the terminal was closed) or 141 (the "
      "output was).");
  app.set_version_flag("--version", HYPERTAPE_VERSION);
  app.formatter(std::make_shared<hypertape::cli::HelpFormatter>());
  app.failure_message([](const CLI::App* parser, const CLI::Error& error) {
    const auto commands = parser->get_subcommands();
    const std::string command = commands.empty() ? "" : commands.front()->get_name() + ' ';
    // A word that is not known may be what is missing, misspelled.
    const std::vector<std::string> unknown = parser->remaining(true);
    std::string what = unknown.empty() ? error.what() : CLI::ExtrasError(unknown).what();
    what = CLI::detail::find_and_replace(what, "At Most 1 required but received", "takes one value, got");
    return "hypertape: " + what + "; see hypertape " + command + "--help\n";
  });
  app.require_subcommand(0, 1);  // none is complained of below, after words that are no command
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  hypertape::cli::add_distill(app);
  hypertape::cli::add_pretrain(app);
  hypertape::cli::add_evaluate(app);
  hypertape::cli::add_baseline(app);
  hypertape::cli::add_linear(app);
  hypertape::cli::add_chart(app);
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A command");
  } catch (const CLI::RuntimeError& stop) {  // exit_stopped
    return stop.get_exit_code();
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;  // --help, --version
    app.exit(error);
    return asked ? 0 : 2;
  } catch (const hypertape::ArgumentError& error) {
    std::cerr << "hypertape: " << error.what() << '\n';
    return 2;
  } catch (const std::bad_alloc&) {
    std::cerr << "hypertape: there is not enough memory for these sizes\n";
    return 1;
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "hypertape: " << error.path1().string() << ": " << error.code().message() << '\n';
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "hypertape: " << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a limit to the size of files fails writing to them, which has a message
  const int exit_code = run(argc, argv);
  if (std::cout.flush() || exit_code != 0) return exit_code;
  std::cerr << "hypertape: cannot write to the standard output\n";
  return 1;
}
