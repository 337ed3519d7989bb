#include "kernels.hpp"

namespace hypertape::kernels {

HYPERTAPE_KERNELS(, float)
HYPERTAPE_KERNELS(, double)

}  // namespace hypertape::kernels
