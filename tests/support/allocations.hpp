#pragma once

#include <cstddef>

namespace hypertape::testing {

/// How many times this process, all threads together, has called operator new so far. The program that links
/// allocations.cpp has its operator new replaced by one that counts.
std::size_t allocations();

}  // namespace hypertape::testing
