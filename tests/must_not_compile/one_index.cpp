// error: no match
// An element of a batch by its sample alone: which feature?

#include <hypertape/hypertape.hpp>

using namespace hypertape;

#ifdef MISTAKE
float element(const Tensor<float>& batch) { return batch(1); }
#else
float element(const Tensor<float>& batch) { return batch(1, 0); }
#endif
