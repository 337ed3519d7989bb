#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"

namespace hypertape::testing {

/// Ranks that are threads of this process.
class RankThreads final : public Communicator {
  using Bytes = std::vector<std::byte>;

  /// The messages in transit within one group of ranks.
  struct Exchange {
    std::mutex lock;
    std::condition_variable arrived;
    std::map<std::pair<int, int>, std::deque<Bytes>> messages;       // by (from, to)
    std::map<std::pair<int, int>, std::shared_ptr<Exchange>> parts;  // by (number of the split, group)
  };

 public:
  RankThreads(std::shared_ptr<Exchange> exchange, int rank, int size)
      : exchange_(std::move(exchange)), rank_(rank), size_(size) {}
  RankThreads(PartOf whole, std::shared_ptr<Exchange> exchange, int rank, int size)
      : Communicator(whole), exchange_(std::move(exchange)), rank_(rank), size_(size) {}

  /// Calls body(ranks) on each of `size` ranks. If any throw, rethrows the exception of the lowest such rank.
  template <class Body>
  static void run(int size, const Body& body) {
    const auto exchange = std::make_shared<Exchange>();
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        try {
          const RankThreads ranks(exchange, rank, size);
          body(ranks);
        } catch (...) {
          failures[static_cast<std::size_t>(rank)] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& failure : failures) {
      if (failure) std::rethrow_exception(failure);
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void send(std::span<const std::byte> bytes, int to) const override {
    count(bytes.size());
    post(bytes, to);
  }
  void receive(std::span<std::byte> bytes, int from) const override {
    const Bytes taken = take(from);
    if (taken.size() != bytes.size()) throw ArgumentError("RankThreads: ", taken.size(), " bytes, not ", bytes.size());
    std::copy(taken.begin(), taken.end(), bytes.begin());
  }
  void broadcast(std::span<std::byte> bytes, int from) const override {
    if (rank_ != from) return receive(bytes, from);
    count(bytes.size());
    for (int to = 0; to < size_; ++to) {
      if (to != rank_) post(bytes, to);
    }
  }
  std::vector<Bytes> gather(std::span<const std::byte> own) const override {
    count(own.size());
    for (int to = 0; to < size_; ++to) post(own, to);
    std::vector<Bytes> all;
    for (int from = 0; from < size_; ++from) all.push_back(take(from));
    return all;
  }
  std::unique_ptr<Communicator> split(int group) const override {
    int rank = 0, size = 0;
    const std::vector<int> groups = hypertape::gather(*this, std::span<const int>(&group, 1));
    for (int other = 0; other < size_; ++other) {
      if (groups[static_cast<std::size_t>(other)] != group) continue;
      if (other < rank_) ++rank;
      ++size;
    }
    const std::scoped_lock guard(exchange_->lock);
    auto& part = exchange_->parts[{splits_++, group}];
    if (!part) part = std::make_shared<Exchange>();
    return std::make_unique<RankThreads>(PartOf{*this}, part, rank, size);
  }

 private:
  void post(std::span<const std::byte> bytes, int to) const {
    const std::scoped_lock guard(exchange_->lock);
    exchange_->messages[{rank_, to}].emplace_back(bytes.begin(), bytes.end());
    exchange_->arrived.notify_all();
  }
  Bytes take(int from) const {
    std::unique_lock guard(exchange_->lock);
    auto& box = exchange_->messages[{from, rank_}];
    exchange_->arrived.wait(guard, [&] { return !box.empty(); });
    Bytes bytes = std::move(box.front());
    box.pop_front();
    return bytes;
  }

  std::shared_ptr<Exchange> exchange_;
  int rank_, size_;
  mutable int splits_ = 0;
};

}  // namespace hypertape::testing
