#include "hypertape/core/communicator.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "support/rank_threads.hpp"

namespace hypertape::testing {
namespace {

constexpr int rank_counts[] = {1, 2, 3, 4, 7};

/// A term whose sum depends on the order.
float term(Index task, Index i) {
  return std::ldexp(static_cast<float>(1 + (task * 7 + i * 3) % 11), static_cast<int>((task * 5 + i) % 23) - 11);
}

TEST_CASE("communicator: every task is of one rank, or of one group of ranks, in their order") {
  for (const int size : {1, 2, 3, 4, 7, 16}) {
    for (const Index count : {Index{1}, Index{2}, Index{5}, Index{7}, Index{40}}) {
      CAPTURE(size);
      CAPTURE(count);
      std::vector<int> counted(static_cast<std::size_t>(count));
      Index next = 0;
      int group = 0;
      struct Rank : Communicator {
        int own, all;
        Rank(int rank, int size) : own(rank), all(size) {}
        int rank() const override { return own; }
        int size() const override { return all; }
      };
      for (int rank = 0; rank < size; ++rank) {
        const TaskShare share(Rank(rank, size), count);
        REQUIRE(share.tasks.size() >= 1);
        if (share.leads) {
          CHECK(share.tasks.begin == next);
          next = share.tasks.end;
          group = share.group;
        } else {  // the tasks of the rank before
          CHECK(share.tasks.begin == next - 1);
          CHECK(share.tasks.end == next);
          CHECK(share.group == group);
        }
        for (Index i = share.tasks.begin; share.leads && i < share.tasks.end; ++i) {
          ++counted[static_cast<std::size_t>(i)];
        }
      }
      for (const int times : counted) CHECK(times == 1);
    }
  }
}

TEST_CASE("communicator: sums have the bits of one process, whatever the ranks") {
  for (const Index tasks : {Index{1}, Index{3}, Index{5}, Index{12}}) {
    const std::size_t sizes[] = {1, 40000, 0, 3, 16384};
    std::vector<std::vector<float>> expected;
    for (const std::size_t size : sizes) {
      expected.emplace_back(size);
      for (std::size_t i = 0; i < size; ++i) {
        for (Index t = 0; t < tasks; ++t) expected.back()[i] += term(t, static_cast<Index>(i));
      }
    }
    for (const int count : rank_counts) {
      RankThreads::run(count, [&](const Communicator& ranks) {
        const TaskShare share(ranks, tasks);
        std::vector<std::vector<float>> sums;
        std::vector<std::span<float>> parts;
        for (const std::size_t size : sizes) sums.emplace_back(size, std::nanf(""));
        for (std::vector<float>& sum : sums) parts.emplace_back(sum);
        sum_over_ranks<float>(ranks, parts, [&](std::size_t part, Range range, std::span<float> sum) {
          if (range.size() != static_cast<Index>(sum.size()) || range.end > static_cast<Index>(sizes[part])) {
            throw ArgumentError("sum_over_ranks: a range that is not of its part");
          }
          for (Index t = share.tasks.begin; share.leads && t < share.tasks.end; ++t) {
            for (Index i = 0; i < range.size(); ++i) {
              float& to = sum[static_cast<std::size_t>(i)];
              to = (t == 0 ? 0 : to) + term(t, range.begin + i);
            }
          }
        });
        if (sums != expected) throw ArgumentError("sum_over_ranks: other bits on rank ", ranks.rank());
        // From each but the last rank one message a segment to the next; from the last one to all.
        const Traffic sent = ranks.traffic();
        const bool last = ranks.rank() + 1 == count;
        if (count > 1 && (sent.messages != (last ? 1 : 4) || sent.bytes != 56388 * 4)) {
          throw ArgumentError("sum_over_ranks: rank ", ranks.rank(), " sent ", sent.bytes, " bytes in ", sent.messages);
        }
      });
    }
  }
}

TEST_CASE("communicator: what ranks have is gathered in their order, of any lengths") {
  for (const int count : rank_counts) {
    RankThreads::run(count, [&](const Communicator& ranks) {
      const std::vector<std::int64_t> own(static_cast<std::size_t>(ranks.rank() % 3), ranks.rank());
      std::vector<std::int64_t> expected;
      for (int r = 0; r < count; ++r) expected.insert(expected.end(), static_cast<std::size_t>(r % 3), r);
      if (gather(ranks, std::span(own)) != expected) throw ArgumentError("gather: other values");
      if (largest(ranks, ranks.rank() == count / 2 ? 5 : 1) != 5) throw ArgumentError("largest: not the largest");
    });
  }
}

TEST_CASE("communicator: work is shared out, each task's values in its place") {
  for (const int count : rank_counts) {
    for (const Index tasks : {Index{1}, Index{3}, Index{9}}) {
      RankThreads::run(count, [&](const Communicator& ranks) {
        const auto values = share_out<Index>(ranks, tasks, [&](Range own) {
          std::vector<Index> found;
          for (Index i = own.begin; i < own.end; ++i) found.insert(found.end(), {i, i * i});
          return found;
        });
        std::vector<Index> expected;
        for (Index i = 0; i < tasks; ++i) expected.insert(expected.end(), {i, i * i});
        if (values != expected) throw ArgumentError("share_out: other values");
      });
    }
  }
}

TEST_CASE("communicator: the error of the lowest rank is thrown on all, as what it is") {
  const auto thrown = [](const auto& body) {
    int same = 0;
    std::mutex lock;
    RankThreads::run(4, [&](const Communicator& ranks) {
      try {
        together(ranks, [&] { body(ranks.rank()); });
      } catch (const DivergenceError& error) {
        const std::scoped_lock guard(lock);
        if (std::strcmp(error.what(), "network 1") == 0) ++same;
      } catch (const DataError& error) {
        const std::scoped_lock guard(lock);
        if (std::strcmp(error.what(), "file 2") == 0) same += 10;
      } catch (const ShapeError&) {
        const std::scoped_lock guard(lock);
        same += 100;
      } catch (const ArgumentError&) {
        const std::scoped_lock guard(lock);
        same += 1000;
      }
    });
    return same;
  };
  CHECK(thrown([](int) {}) == 0);
  CHECK(thrown([](int rank) {
          if (rank > 0) throw DivergenceError("network ", rank);
        }) == 4);
  CHECK(thrown([](int rank) {
          if (rank == 2) throw DataError("file ", rank);
          if (rank == 3) throw DivergenceError("network 1");
        }) == 40);
  CHECK(thrown([](int) { throw ShapeError("shape"); }) == 400);
  CHECK(thrown([](int rank) {
          if (rank == 3) throw ArgumentError("");
        }) == 4000);
}

TEST_CASE("communicator: a group talks among itself") {
  RankThreads::run(5, [](const Communicator& ranks) {
    for (int again = 0; again < 2; ++again) {
      const auto half = ranks.split(ranks.rank() % 2);
      if (half->size() != (ranks.rank() % 2 == 0 ? 3 : 2) || half->rank() != ranks.rank() / 2) {
        throw ArgumentError("split: rank ", half->rank(), " of ", half->size());
      }
      int value = ranks.rank();
      const Traffic before = ranks.traffic();
      half->broadcast(std::as_writable_bytes(std::span(&value, 1)), 1);
      if ((ranks.traffic() - before).bytes != (half->rank() == 1 ? 4 : 0)) throw ArgumentError("split: not counted");
      if (value != ranks.rank() % 2 + 2) throw ArgumentError("split: a message of another group");
    }
  });
}

TEST_CASE("communicator: a process on its own is rank 0 of 1, and sends nothing") {
  const Communicator& alone = Communicator::alone();
  CHECK(alone.rank() == 0);
  CHECK(alone.size() == 1);
  CHECK(alone.split(3)->size() == 1);
  const double own[] = {1, 2};
  CHECK(gather(alone, std::span<const double>(own)) == std::vector<double>{1, 2});
  CHECK(largest(alone, 7) == 7);
  CHECK_THROWS_WITH_AS(together(alone, [] { throw DivergenceError("as it is"); }), "as it is", DivergenceError);
  CHECK(alone.traffic().messages == 0);
}

}  // namespace
}  // namespace hypertape::testing
