#include "shared.hpp"

namespace hypertape {

HYPERTAPE_OPERATIONS(, HYPERTAPE_SCALAR)

}  // namespace hypertape
