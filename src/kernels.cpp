#include "kernels.hpp"

namespace hypertape::kernels {

HYPERTAPE_KERNELS(, float)
HYPERTAPE_KERNELS(, double)

}  // namespace hypertape::kernels

namespace hypertape::nn {

template class FusedLeNet<float, 1>;
template class FusedLeNet<float, 3>;
template class FusedLeNet<double, 1>;
template class FusedLeNet<double, 3>;

}  // namespace hypertape::nn
