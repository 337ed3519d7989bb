// error: conflicting types
// Operands of two precisions: neither is converted.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

#ifdef MISTAKE
using Other = float;
#else
using Other = double;
#endif

Var<double> total(Var<double> a, Var<Other> b) { return a + b; }
