#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/tensor.hpp"
#include "support/compare.hpp"

namespace hypertape::testing {

/// Checks that the tensors returned by f() have the same bits if this thread does all the work. Returns the tensors
/// computed by a team.
template <class F>
auto same_on_one_thread(const F& f) {
  decltype(f()) serial;
  WorkerTeam(1).for_each(1, [&](Index, int) { serial = f(); });
  const auto parallel = f();
  REQUIRE(parallel.size() == serial.size());
  for (std::size_t i = 0; i < serial.size(); ++i) CHECK(equal(parallel[i], serial[i]));
  return parallel;
}

}  // namespace hypertape::testing
