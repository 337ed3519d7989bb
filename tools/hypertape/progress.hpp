#pragma once

#include <unistd.h>

#include <iostream>
#include <string>

#include "terminal.hpp"

namespace hypertape::cli {

/// Progress of a run on standard output: a line that rewrites itself on a terminal, plain lines elsewhere.
class Progress {
 public:
  void show(const std::string& line) {
    if (terminal_) {
      // A wrapped line could not be rewritten.
      std::cout << '\r' << line.substr(0, terminal_columns().value_or(line.size() + 1) - 1) << "\x1b[K" << std::flush;
      open_ = true;
    } else {
      std::cout << line << '\n' << std::flush;
    }
  }

  /// Ends the last line, which stays visible.
  void finish() {
    if (open_) std::cout << '\n' << std::flush;
    open_ = false;
  }
  ~Progress() { finish(); }

 private:
  bool terminal_ = isatty(STDOUT_FILENO) != 0;
  bool open_ = false;
};

}  // namespace hypertape::cli
