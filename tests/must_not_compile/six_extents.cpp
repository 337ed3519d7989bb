// error: a shape has at most five extents
// A shape with too many axes.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

#ifdef MISTAKE
const Shape shape{2, 3, 4, 5, 6, 7};
#else
const Shape shape{2, 3, 4, 5, 6};
#endif
