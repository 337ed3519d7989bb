// error: no matching
// The extents of a tensor without the braces that make them a shape.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

#ifdef MISTAKE
const Tensor<float> tensor(2, 3);
#else
const Tensor<float> tensor({2, 3});
#endif
