#include "support/kernels.hpp"

namespace hypertape::kernels {

HYPERTAPE_TEST_KERNELS(, float)
HYPERTAPE_TEST_KERNELS(, double)

}  // namespace hypertape::kernels
