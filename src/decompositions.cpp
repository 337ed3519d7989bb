#include "shared.hpp"

namespace hypertape::kernels {

HYPERTAPE_DECOMPOSITIONS(, HYPERTAPE_SCALAR)

}  // namespace hypertape::kernels
