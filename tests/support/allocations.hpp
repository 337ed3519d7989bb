#pragma once

#include <cstddef>

namespace hypertape::testing {

/// The number of calls of operator new so far in this process, over all threads. Programs that link allocations.cpp
/// have their operator new replaced by one that counts.
std::size_t allocations();

}  // namespace hypertape::testing
