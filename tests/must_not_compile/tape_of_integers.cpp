// error: a tape records floating-point numbers
// Derivatives of integers.

#include <hypertape/hypertape.hpp>

#ifdef MISTAKE
hypertape::Tape<int> tape;
#else
hypertape::Tape<float> tape;
#endif
