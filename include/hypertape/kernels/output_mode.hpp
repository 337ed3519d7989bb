#pragma once

#include "hypertape/core/config.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// What a kernel does with its output: write it afresh, or add to what is there.
enum class OutputMode { write, accumulate };

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
