#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstddef>

#include "hypertape/core/communicator.hpp"

namespace hypertape::cli {

/// Exit code after --time-limit, as in timeout(1). After a signal it is 128 + the signal's number.
constexpr int time_limit_exit_code = 124;

/// Exits with this code once a stopped run has written and reported its results.
[[noreturn]] inline void exit_stopped(int exit_code) { throw CLI::RuntimeError(exit_code); }

/// Turns the first Ctrl-C, SIGTERM, SIGHUP (terminal closed) or SIGPIPE (output closed) into a request to stop, which a
/// loop polls. A second Ctrl-C or SIGTERM ends the process. SIGHUP stays ignored under nohup. A request to one rank
/// stops all of them once all have polled.
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
      // After SIGPIPE, the final messages would raise it again and end the process.
      if (signals[i] != SIGPIPE || signal_ == 0) std::signal(signals[i], before_[i]);
    }
  }
  /// Requests a stop with this exit code.
  void request(int exit_code) { own_ = exit_code; }
  /// Whether any rank was asked to stop. Collective: all ranks must call it.
  bool requested() {
    if (agreed_ == 0) agreed_ = largest(ranks_, signal_ != 0 ? 128 + signal_ : own_);
    return agreed_ != 0;
  }
  /// After a signal, 128 + its number, as shells report it.
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
  int agreed_ = 0;  // the exit code, once all ranks know it
  std::array<void (*)(int), signals.size()> before_{};
};

}  // namespace hypertape::cli
