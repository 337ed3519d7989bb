#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstddef>

#include "hypertape/core/communicator.hpp"

namespace hypertape::cli {

/// Exit code of a run that --time-limit stopped, as of timeout(1). One that a signal stopped has 128 + its number.
constexpr int time_limit_exit_code = 124;

/// Leaves the program with this exit code, of a run that was stopped and has written and said what it has.
[[noreturn]] inline void exit_stopped(int exit_code) { throw CLI::RuntimeError(exit_code); }

/// Turns the first Ctrl-C, SIGTERM, SIGHUP (the terminal was closed) or SIGPIPE (nobody reads the output any more) into
/// a request to stop, which a loop polls; a second Ctrl-C or SIGTERM ends the process. SIGHUP stays ignored under
/// nohup. What one rank is asked to do all do, once they have all polled.
class Interrupt {
 public:
  explicit Interrupt(const Communicator& ranks) : ranks_(ranks) {
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
  /// Asks for a stop with this exit code.
  void request(int exit_code) { own_ = exit_code; }
  /// Whether any rank was asked to stop. All ranks must poll alike.
  bool requested() {
    if (agreed_ == 0) agreed_ = largest(ranks_, signal_ != 0 ? 128 + signal_ : own_);
    return agreed_ != 0;
  }
  /// Of a signal, as a shell has it of a program that it ended.
  int exit_code() const { return agreed_; }

 private:
  static void handle(int signal) {
    if (signal_ == 0) signal_ = signal;
    std::signal(signal, signal == SIGHUP || signal == SIGPIPE ? SIG_IGN : SIG_DFL);
  }
  static constexpr std::array signals = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  inline static volatile std::sig_atomic_t signal_ = 0;
  const Communicator& ranks_;
  int own_ = 0;
  int agreed_ = 0;  // the exit code, once that is known
  std::array<void (*)(int), signals.size()> before_{};
};

}  // namespace hypertape::cli
