#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstddef>

namespace hypertape::cli {

/// Exit code of a run that --time-limit stopped, as of timeout(1). One that a signal stopped has 128 + its number.
constexpr int time_limit_exit_code = 124;

/// Leaves the program with this exit code, of a run that was stopped and has written and said what it has.
[[noreturn]] inline void exit_stopped(int exit_code) { throw CLI::RuntimeError(exit_code); }

/// Turns the first Ctrl-C, SIGTERM, SIGHUP (the terminal was closed) or SIGPIPE (nobody reads the output any more) into
/// a request to stop, which a loop polls; a second Ctrl-C or SIGTERM ends the process. SIGHUP stays ignored under
/// nohup.
class Interrupt {
 public:
  Interrupt() {
    signal_ = 0;
    for (std::size_t i = 0; i < signals.size(); ++i) {
      before_[i] = std::signal(signals[i], handle);
      if (signals[i] == SIGHUP && before_[i] == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
    }
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt() {
    for (std::size_t i = 0; i < signals.size(); ++i) {
      // What has yet to be said of a run that was stopped would end it before its last word.
      if (signals[i] != SIGPIPE || signal_ == 0) std::signal(signals[i], before_[i]);
    }
  }
  bool requested() const { return signal_ != 0; }
  /// As a shell has it of a program that the signal ended.
  int exit_code() const { return 128 + signal_; }

 private:
  static void handle(int signal) {
    if (signal_ == 0) signal_ = signal;
    std::signal(signal, signal == SIGHUP || signal == SIGPIPE ? SIG_IGN : SIG_DFL);
  }
  static constexpr std::array signals = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  inline static volatile std::sig_atomic_t signal_ = 0;
  std::array<void (*)(int), signals.size()> before_{};
};

}  // namespace hypertape::cli
