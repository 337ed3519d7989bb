#pragma once

namespace hypertape::kernels {

/// What a kernel does with its output: write it afresh, or add to what is there.
enum class Start { fresh, accumulate };

}  // namespace hypertape::kernels
