#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "hypertape/core/communicator.hpp"

namespace hypertape::bench {

/// The speed of messages between machines: seconds until the first byte arrives, and seconds per byte.
struct Link {
  double latency = 0;
  double seconds_per_byte = 0;
};

/// Simulates slow links between ranks. Each rank has one link to all others. A message is held back until it would
/// arrive, after those that its sender sent before; sender and receiver must share a clock. A broadcast passes through
/// ceil(log2 size) links in a row, and so does a gather. The class also counts the seconds that this rank spends in
/// messages, including the time it waits for others.
class SlowNetwork final : public Communicator {
  using Clock = std::chrono::steady_clock;
  using Stamp = Clock::rep;

 public:
  SlowNetwork(const Communicator& ranks, Link link) : ranks_(&ranks), link_(link) {}

  int rank() const override { return ranks_->rank(); }
  int size() const override { return ranks_->size(); }
  void send(std::span<const std::byte> bytes, int to) const override {
    const Timer timer(*this);
    count(bytes.size());
    ranks_->send(stamped(bytes, 1), to);
  }
  void receive(std::span<std::byte> bytes, int from) const override {
    const Timer timer(*this);
    std::vector<std::byte> message(sizeof(Stamp) + bytes.size());
    ranks_->receive(message, from);
    hold_back(message);
    std::copy(message.begin() + sizeof(Stamp), message.end(), bytes.begin());
  }
  void broadcast(std::span<std::byte> bytes, int from) const override {
    const Timer timer(*this);
    if (rank() == from) count(bytes.size());
    std::vector<std::byte> message = stamped(bytes, links());
    ranks_->broadcast(message, from);
    if (rank() != from) hold_back(message);
    std::copy(message.begin() + sizeof(Stamp), message.end(), bytes.begin());
  }
  std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) const override {
    const Timer timer(*this);
    count(own.size());
    auto all = ranks_->gather(stamped(own, links()));
    for (auto& one : all) {
      hold_back(one);
      one.erase(one.begin(), one.begin() + sizeof(Stamp));
    }
    return all;
  }
  std::unique_ptr<Communicator> split(int group) const override {
    return std::unique_ptr<Communicator>(new SlowNetwork(PartOf{*this}, ranks_->split(group), link_));
  }

  /// Seconds spent in messages so far through this object.
  double seconds() const { return seconds_; }

 private:
  SlowNetwork(PartOf whole, std::unique_ptr<Communicator> ranks, Link link)
      : Communicator(whole), own_(std::move(ranks)), ranks_(own_.get()), link_(link) {}

  struct Timer {
    const SlowNetwork& network;
    Clock::time_point start = Clock::now();

    explicit Timer(const SlowNetwork& of) : network(of) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { network.seconds_ += std::chrono::duration<double>(Clock::now() - start).count(); }
  };

  double links() const { return std::ceil(std::log2(static_cast<double>(size()))); }

  /// The bytes prefixed with the time at which they arrive after this many links.
  std::vector<std::byte> stamped(std::span<const std::byte> bytes, double links) const {
    const auto seconds = [](double s) {
      return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
    };
    const Clock::duration each = seconds(static_cast<double>(bytes.size()) * link_.seconds_per_byte);
    free_ = std::max(free_, Clock::now()) + each;
    const Stamp there =
        (free_ + seconds(links * link_.latency + (links - 1) * std::chrono::duration<double>(each).count()))
            .time_since_epoch()
            .count();
    std::vector<std::byte> message(sizeof there + bytes.size());
    std::memcpy(message.data(), &there, sizeof there);
    std::ranges::copy(bytes, message.begin() + sizeof there);
    return message;
  }
  void hold_back(std::span<const std::byte> message) const {
    Stamp there = 0;
    std::memcpy(&there, message.data(), sizeof there);
    if (link_.latency > 0 || link_.seconds_per_byte > 0) {
      std::this_thread::sleep_until(Clock::time_point(Clock::duration(there)));
    }
  }

  std::unique_ptr<Communicator> own_;
  const Communicator* ranks_;
  Link link_;
  mutable Clock::time_point free_;  // when this rank's link has sent everything so far
  mutable double seconds_ = 0;
};

}  // namespace hypertape::bench
