#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "hypertape/mpi.hpp"
#include "hypertape/unroll/unroll_ensemble.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

// Run by mpirun, on any number of ranks: tests/core/communicator.cpp has the same for ranks that are threads.

namespace hypertape::testing {
namespace {

/// All ranks; MPI is begun once for a program.
MpiCommunicator all_ranks() {
  static const MpiSession session;
  return MpiCommunicator();
}

TEST_CASE("mpi: messages, groups and sums between the processes that mpirun started") {
  const MpiCommunicator ranks = all_ranks();
  const MpiSession second;  // is nobody's
  REQUIRE(ranks.size() > 1);
  REQUIRE(ranks.rank() < ranks.size());

  const std::vector<std::int64_t> own(static_cast<std::size_t>(ranks.rank() % 3), ranks.rank());
  std::vector<std::int64_t> all;
  for (int r = 0; r < ranks.size(); ++r) all.insert(all.end(), static_cast<std::size_t>(r % 3), r);
  CHECK(gather(ranks, std::span(own)) == all);
  CHECK(largest(ranks, ranks.rank()) == ranks.size() - 1);

  int value = ranks.rank();
  const auto bytes = std::as_writable_bytes(std::span(&value, 1));
  if (ranks.rank() == 0) ranks.send(bytes, 1);
  if (ranks.rank() == 1) {
    ranks.receive(bytes, 0);
    CHECK(value == 0);
  }
  const auto part = ranks.split(ranks.rank() % 2);
  CHECK(part->rank() == ranks.rank() / 2);
  CHECK(part->size() == (ranks.size() + 1 - ranks.rank() % 2) / 2);
  value = ranks.rank();
  part->broadcast(bytes, 0);
  CHECK(value == ranks.rank() % 2);

  const Traffic before = ranks.traffic();
  std::vector<float> sum(100000);
  const std::array<std::span<float>, 1> parts{sum};
  sum_over_ranks<float>(ranks, parts, [&](std::size_t, Range range, std::span<float> to) {
    for (Index i = 0; i < range.size(); ++i) {
      const float term = 1.0F / static_cast<float>(1 + ranks.rank() + range.begin + i);
      to[static_cast<std::size_t>(i)] = ranks.rank() == 0 ? term : to[static_cast<std::size_t>(i)] + term;
    }
  });
  bool same = true;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    float expected = 0;
    for (int r = 0; r < ranks.size(); ++r) expected += 1.0F / static_cast<float>(1 + static_cast<std::size_t>(r) + i);
    same = same && sum[i] == expected;
  }
  CHECK(same);
  CHECK(ranks.traffic().bytes - before.bytes == 400000);

  CHECK_THROWS_WITH_AS(together(ranks,
                                [&] {
                                  if (ranks.rank() > 0) throw DivergenceError("rank ", ranks.rank());
                                }),
                       "rank 1", DivergenceError);
  CHECK_NOTHROW(require_same(ranks, 5, "numbers"));
  CHECK_THROWS_WITH_AS(require_same(ranks, ranks.rank() == 1 ? 6 : 5, "numbers"),
                       "rank 1: its numbers differ from those of rank 0", ArgumentError);
  CHECK(ranks.meet(std::chrono::hours(1)));
}

TEST_CASE("mpi: hypergradients have the bits of one process") {
  const MpiCommunicator ranks = all_ranks();
  InnerLoop<double> loop = small_loop<double>(2, 2);
  std::vector<Tensor<double>> theta0;
  for (std::uint64_t i = 0; i < 5; ++i) theta0.push_back(random_tensor<double>(loop.theta0.shape(), i));
  const auto outer = [](Index, int) { return [](Var<double> theta) { return sum(square(theta)); }; };
  UnrollEnsemble<double> one{SmallLoss()};
  UnrollEnsemble<double> many(SmallLoss(), {}, WorkerTeam(2), ranks);
  const Hypergradient<double>&expected = one(loop, theta0, outer), &h = many(loop, theta0, outer);
  CHECK(h.outer_loss == expected.outer_loss);
  for_each_input(
      [&](const InputName& name, const auto& a, const auto& b) {
        CAPTURE(name);
        CHECK(equal(a, b));
      },
      h, expected);
}

}  // namespace
}  // namespace hypertape::testing
