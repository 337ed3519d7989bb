#include "shared.hpp"

namespace hypertape {

HYPERTAPE_UNROLL(, HYPERTAPE_SCALAR)

}  // namespace hypertape
