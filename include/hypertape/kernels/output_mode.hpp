#pragma once

#include "hypertape/core/config.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// What a kernel does with its output: overwrite it, or add to it.
enum class OutputMode { write, accumulate };

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
