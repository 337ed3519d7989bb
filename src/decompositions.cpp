#include "shared.hpp"

namespace hypertape {

HYPERTAPE_DECOMPOSITIONS(, HYPERTAPE_SCALAR)

}  // namespace hypertape
