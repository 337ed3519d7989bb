#include "shared.hpp"

namespace hypertape::kernels {

HYPERTAPE_KERNELS(, HYPERTAPE_SCALAR)

}  // namespace hypertape::kernels
