#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// What a rank has sent: a message for each `send`, each `broadcast` of its own and each `gather`.
struct Traffic {
  std::int64_t messages = 0;  ///< how many
  std::int64_t bytes = 0;     ///< of all of them

  /// What was sent since then.
  friend Traffic operator-(Traffic now, Traffic before) {
    return {now.messages - before.messages, now.bytes - before.bytes};
  }
};

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // they cannot but be weak where there are headers alone
#endif

/// Processes that share out one computation, called ranks as in MPI. This class itself is a process on its own;
/// hypertape/mpi.hpp connects those that mpirun started.
///
/// All ranks run the same program on the same input, and make the same calls of what takes a Communicator in the same
/// order; one thread of each rank, outside of all tasks. Work is cut by what it is and not by how many do it, and sums
/// are taken in the order of the work: the bits are those of one process.
class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  /// A process on its own, for as long as the program runs.
  static const Communicator& alone() {
    static const Communicator one;
    return one;
  }

  /// This process: 0 .. size() - 1.
  virtual int rank() const { return 0; }
  /// How many there are.
  virtual int size() const { return 1; }
  /// Sends bytes to another rank, which must `receive` as many.
  virtual void send(std::span<const std::byte>, int /*to*/) const {}
  /// Waits for bytes of another rank.
  virtual void receive(std::span<std::byte>, int /*from*/) const {}
  /// Makes the bytes what they are on rank `from`; as many on every rank.
  virtual void broadcast(std::span<std::byte>, int /*from*/) const {}
  /// What every rank has, in their order; lengths may differ.
  virtual std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) const {
    return {{own.begin(), own.end()}};
  }
  /// The ranks that give the same group, in the same order.
  virtual std::unique_ptr<Communicator> split(int /*group*/) const { return std::make_unique<Communicator>(); }
  /// What this rank has sent through this object, and those that `split` made of it.
  Traffic traffic() const { return *traffic_; }

 protected:
  /// One whose messages count as those of `whole`, which it is a part of.
  struct PartOf {
    const Communicator& whole;  ///< what was split
  };
  /// Of a part.
  explicit Communicator(PartOf part) : traffic_(part.whole.traffic_) {}

  /// Counts a message.
  void count(std::size_t bytes) const {
    ++traffic_->messages;
    traffic_->bytes += static_cast<std::int64_t>(bytes);
  }

 private:
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
};

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

/// A rank's share of tasks 0 .. count - 1. Of fewer tasks than ranks each has a group of ranks, all of which do it, and
/// may share out what it consists of.
struct TaskShare {
  Range tasks;        ///< those of this rank: a range that follows those of the ranks before
  bool leads = true;  ///< whether this is the first rank of its group, whose results are taken
  int group = 0;      ///< of the ranks with the same tasks

  /// Of this rank. `count` must be positive.
  TaskShare(const Communicator& ranks, Index count) : TaskShare(ranks.rank(), ranks.size(), count) {}
  /// Of rank `rank` of `size`.
  TaskShare(Index rank, Index size, Index count) {
    if (count >= size) {
      tasks = detail::part_of(count, rank, size);
      group = static_cast<int>(rank);
      return;
    }
    Index task = 0;
    while (detail::part_of(size, task, count).end <= rank) ++task;
    tasks = {task, task + 1};
    leads = detail::part_of(size, task, count).begin == rank;
    group = static_cast<int>(task);
  }
};

/// The values of all ranks, one after the other in the ranks' order.
template <class T>
requires std::is_trivially_copyable_v<T> std::vector<T> gather(const Communicator& ranks, std::span<const T> own) {
  std::vector<T> all;
  for (const std::vector<std::byte>& bytes : ranks.gather(std::as_bytes(own))) {
    const std::size_t before = all.size();
    all.resize(before + bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(all.data() + before, bytes.data(), bytes.size());
  }
  return all;
}

/// The largest of all ranks' values: whether any of them wants to stop, say.
inline int largest(const Communicator& ranks, int own) {
  if (ranks.size() == 1) return own;
  const std::vector<int> all = gather(ranks, std::span<const int>(&own, 1));
  return *std::ranges::max_element(all);
}

/// @throws ArgumentError, on all ranks, naming a rank whose value, of `what`, differs from rank 0's.
inline void require_same(const Communicator& ranks, std::int64_t own, const char* what) {
  const std::vector<std::int64_t> all = gather(ranks, std::span<const std::int64_t>(&own, 1));
  const auto other = std::ranges::find_if(all, [&](std::int64_t value) { return value != all.front(); });
  if (other == all.end()) return;
  throw ArgumentError("rank ", other - all.begin(), ": its ", what, " differ from those of rank 0");
}

/// Sums over all tasks of all ranks, in the order of the tasks, with the bits of one process. `parts` are tensors of
/// the same sizes on all ranks, which the sums are written to. `add(p, range, sum)` adds the terms of this rank's tasks
/// at this range of part p to the values `sum` of that range's size: they hold the terms of the tasks before, and
/// nothing if there are none, so that the first task writes its term.
///
/// The partial sums go from rank to rank, in segments, so that all ranks but the first few add at once; then the last
/// rank sends the result to all. That is one message of the parts' size from each rank.
template <class T, class Add>
void sum_over_ranks(const Communicator& ranks, std::span<const std::span<T>> parts, const Add& add) {
  if (ranks.size() == 1) {
    for (std::size_t p = 0; p < parts.size(); ++p) add(p, Range{0, static_cast<Index>(parts[p].size())}, parts[p]);
    return;
  }
  constexpr std::size_t segment = 16384;
  std::vector<T> all;
  for (const std::span<T> part : parts) all.insert(all.end(), part.begin(), part.end());
  std::size_t p = 0, first = 0;  // the part that the segment begins in, and where in `all` that one begins
  for (std::size_t begin = 0; begin < all.size(); begin += segment) {
    const std::size_t end = (std::min)(all.size(), begin + segment);
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(all).subspan(begin, end - begin));
    if (ranks.rank() > 0) ranks.receive(bytes, ranks.rank() - 1);
    for (std::size_t at = begin; at < end;) {
      while (at >= first + parts[p].size()) first += parts[p++].size();
      const std::size_t until = (std::min)(end, first + parts[p].size());
      add(p, Range{static_cast<Index>(at - first), static_cast<Index>(until - first)},
          std::span(all).subspan(at, until - at));
      at = until;
    }
    if (ranks.rank() + 1 < ranks.size()) ranks.send(bytes, ranks.rank() + 1);
  }
  ranks.broadcast(std::as_writable_bytes(std::span(all)), ranks.size() - 1);
  auto from = all.begin();
  for (const std::span<T> part : parts) {
    std::copy_n(from, part.size(), part.begin());
    from += static_cast<std::ptrdiff_t>(part.size());
  }
}

/// Writes the mean over `count` tasks to `parts`: `terms[i][p]` has the values of part p of task i of this rank's
/// share.
template <class T>
void mean_over_ranks(const Communicator& ranks, Index count, std::span<const std::span<T>> parts,
                     std::span<const std::vector<const T*>> terms) {
  const TaskShare share(ranks, count);
  const T weight = T(1) / static_cast<T>(count);
  sum_over_ranks<T>(ranks, parts, [&](std::size_t part, Range range, std::span<T> sum) {
    for (std::size_t i = 0; share.leads && i < terms.size(); ++i) {
      const bool first = share.tasks.begin + static_cast<Index>(i) == 0;
      const T* term = terms[i][part] + range.begin;
      for (std::size_t j = 0; j < sum.size(); ++j) sum[j] = first ? weight * term[j] : sum[j] + weight * term[j];
    }
  });
}

/// Runs body; if it throws an error of the library on any rank, all throw the one of the lowest of these ranks. What a
/// body shares out over a group (`TaskShare`) must fail alike on all ranks of the group. Any other exception is this
/// rank's alone, and must end all.
template <class Body>
void together(const Communicator& ranks, const Body& body) {
  if (ranks.size() == 1) return body();
  constexpr char divergence = 'D', argument = 'A', shape = 'S', data = 'F';
  std::string failure;  // its type and its message; empty if there is none
  try {
    body();
  } catch (const DivergenceError& error) {
    failure = divergence + std::string(error.what());
  } catch (const ArgumentError& error) {
    failure = argument + std::string(error.what());
  } catch (const ShapeError& error) {
    failure = shape + std::string(error.what());
  } catch (const DataError& error) {
    failure = data + std::string(error.what());
  }
  for (const std::vector<std::byte>& bytes : ranks.gather(std::as_bytes(std::span(failure)))) {
    if (bytes.empty()) continue;
    const std::string message(reinterpret_cast<const char*>(bytes.data()) + 1, bytes.size() - 1);
    switch (static_cast<char>(bytes.front())) {
      case divergence:
        throw DivergenceError(message);
      case argument:
        throw ArgumentError(message);
      case shape:
        throw ShapeError(message);
      default:
        throw DataError(message);
    }
  }
}

/// Work on tasks 0 .. count - 1, of which each rank does its share: `work(range)` gives as many values for each of
/// these tasks. Returns those of all tasks, in their order, on every rank. @throws as `together`.
template <class T, class Work>
std::vector<T> share_out(const Communicator& ranks, Index count, const Work& work) {
  const TaskShare share(ranks, count);
  std::vector<T> own;
  together(ranks, [&] { own = work(share.tasks); });
  if (!share.leads) own.clear();
  return gather(ranks, std::span<const T>(own));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
