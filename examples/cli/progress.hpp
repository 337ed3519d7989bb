#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <string>

namespace hypertape::cli {

/// Progress of a run on the standard output: a line that rewrites itself on a terminal, plain lines anywhere else.
class Progress {
 public:
  void show(const std::string& line) {
    if (terminal_) {
      // A line that wraps could not be rewritten.
      winsize size{};
      const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
      std::cout << '\r' << line.substr(0, known ? size.ws_col - 1 : line.size()) << "\x1b[K" << std::flush;
      open_ = true;
    } else {
      std::cout << line << '\n' << std::flush;
    }
  }

  /// Leaves the last line standing.
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
