#pragma once

#include <csignal>

namespace hypertape::cli {

/// Turns the first Ctrl-C (or SIGTERM) into a request to stop, which a loop polls; a second one ends the process.
class Interrupt {
 public:
  Interrupt() {
    requested_ = 0;
    std::signal(SIGINT, handle);
    std::signal(SIGTERM, handle);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
  }
  bool requested() const { return requested_ != 0; }

 private:
  static void handle(int signal) {
    requested_ = 1;
    std::signal(signal, SIG_DFL);
  }
  inline static volatile std::sig_atomic_t requested_ = 0;
};

}  // namespace hypertape::cli
