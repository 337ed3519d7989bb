#pragma once

#include <sys/resource.h>

#include "hypertape/core/config.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The peak resident memory of this process, in MiB.
inline double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
  return static_cast<double>(usage.ru_maxrss) / (1024 * 1024);  // macOS counts bytes, other systems KiB
#else
  return static_cast<double>(usage.ru_maxrss) / 1024;
#endif
}

}  // namespace hypertape::inline HYPERTAPE_ABI
