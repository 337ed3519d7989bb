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

/// What a rank has sent: one message for each `send`, each `gather` and each `broadcast` from this rank.
struct Traffic {
  std::int64_t messages = 0;  ///< their number
  std::int64_t bytes = 0;     ///< their total size

  /// What was sent between the two counts.
  friend Traffic operator-(Traffic now, Traffic before) {
    return {now.messages - before.messages, now.bytes - before.bytes};
  }
};

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // unavoidable in a header-only library
#endif

/// Processes that share one computation, called ranks as in MPI. This class itself is a single process;
/// hypertape/mpi.hpp connects the processes that mpirun started.
///
/// All ranks run the same program on the same input. They make the same calls that take a Communicator, in the same
/// order, each rank from one thread and outside of all tasks. Work is cut independently of the number of ranks, and
/// sums follow the order of the work, so the results have the bits of a single process.
class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  /// The communicator of a single process; it lives as long as the program.
  static const Communicator& alone() {
    static const Communicator one;
    return one;
  }

  /// This process's number, 0 .. size() - 1.
  virtual int rank() const { return 0; }
  /// The number of ranks.
  virtual int size() const { return 1; }
  /// Sends bytes to another rank, which must `receive` the same number of bytes.
  virtual void send(std::span<const std::byte>, int /*to*/) const {}
  /// Waits for bytes from another rank.
  virtual void receive(std::span<std::byte>, int /*from*/) const {}
  /// Copies rank `from`'s bytes to every rank; all must pass the same number of bytes.
  virtual void broadcast(std::span<std::byte>, int /*from*/) const {}
  /// Returns every rank's bytes in rank order; lengths may differ.
  virtual std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) const {
    return {{own.begin(), own.end()}};
  }
  /// Returns a communicator of the ranks that pass the same group, in the same order.
  virtual std::unique_ptr<Communicator> split(int /*group*/) const { return std::make_unique<Communicator>(); }
  /// What this rank has sent through this object and the ones split from it.
  Traffic traffic() const { return *traffic_; }

 protected:
  /// Makes a communicator count its messages with those of `whole`, of which it is a part.
  struct PartOf {
    const Communicator& whole;  ///< the communicator that was split
  };
  /// A part of another communicator.
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

/// A rank's share of tasks 0 .. count - 1. If there are fewer tasks than ranks, each task goes to a group of ranks,
/// which all run it and may divide the work within it.
struct TaskShare {
  Range tasks;        ///< this rank's tasks; they follow the lower ranks' tasks
  bool leads = true;  ///< whether this is the first rank of its group, whose results are used
  int group = 0;      ///< the same number for all ranks that have the same tasks

  /// The share of this rank. `count` must be positive.
  TaskShare(const Communicator& ranks, Index count) : TaskShare(ranks.rank(), ranks.size(), count) {}
  /// The share of rank `rank` out of `size`.
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

/// Returns all ranks' values, concatenated in rank order.
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

/// Returns the largest of all ranks' values; with flags of 0 and 1, whether any rank has set its flag.
inline int largest(const Communicator& ranks, int own) {
  if (ranks.size() == 1) return own;
  const std::vector<int> all = gather(ranks, std::span<const int>(&own, 1));
  return *std::ranges::max_element(all);
}

/// Checks that `what` has the same value on all ranks. @throws ArgumentError, on all ranks, naming one that differs.
inline void require_same(const Communicator& ranks, std::int64_t own, const char* what) {
  const std::vector<std::int64_t> all = gather(ranks, std::span<const std::int64_t>(&own, 1));
  const auto other = std::ranges::find_if(all, [&](std::int64_t value) { return value != all.front(); });
  if (other == all.end()) return;
  throw ArgumentError("rank ", other - all.begin(), ": its ", what, " differ from those of rank 0");
}

/// Sums over all tasks of all ranks in task order, with the bits of a single process. The sums are written to `parts`,
/// tensors of the same sizes on all ranks. `add(p, range, sum)` adds to `sum`, a span of the range's size, the terms
/// that this rank's tasks have at this range of part p. The span holds the terms of the earlier tasks; before the first
/// task its values mean nothing, so that task overwrites them.
///
/// The partial sums travel from rank to rank in segments, as in a pipeline, so that the ranks add at the same time;
/// then the last rank broadcasts the result. In all, each rank sends as many bytes as the parts have.
template <class T, class Add>
void sum_over_ranks(const Communicator& ranks, std::span<const std::span<T>> parts, const Add& add) {
  if (ranks.size() == 1) {
    for (std::size_t p = 0; p < parts.size(); ++p) add(p, Range{0, static_cast<Index>(parts[p].size())}, parts[p]);
    return;
  }
  constexpr std::size_t segment = 16384;
  std::vector<T> all;
  for (const std::span<T> part : parts) all.insert(all.end(), part.begin(), part.end());
  std::size_t p = 0, first = 0;  // the current part, and where it begins in `all`
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

/// Writes to `parts` the mean over `count` tasks; `terms[i][p]` points to the values of part p for task i of this
/// rank's share.
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

/// Runs body on every rank; if it throws an error of the library on any rank, all ranks throw the error of the lowest
/// such rank. Work that body shares out over a group (`TaskShare`) must fail alike on all ranks of the group. Any other
/// exception stays on its own rank, and must end the whole program.
template <class Body>
void together(const Communicator& ranks, const Body& body) {
  if (ranks.size() == 1) return body();
  constexpr char divergence = 'D', argument = 'A', shape = 'S', data = 'F';
  std::string failure;  // the error's type and message; empty if there is none
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

/// Divides tasks 0 .. count - 1 among the ranks and returns the values of all tasks, in order, on every rank.
/// `work(range)` returns the values of its tasks, the same number for each task. @throws what `together` throws.
template <class T, class Work>
std::vector<T> share_out(const Communicator& ranks, Index count, const Work& work) {
  const TaskShare share(ranks, count);
  std::vector<T> own;
  together(ranks, [&] { own = work(share.tasks); });
  if (!share.leads) own.clear();
  return gather(ranks, std::span<const T>(own));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
