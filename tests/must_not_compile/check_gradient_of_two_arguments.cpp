// error: the function takes a span of Vars and returns a Var
// A function that takes Vars one by one.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

#ifdef MISTAKE
const auto product = [](Var<double> a, Var<double> b) { return a * b; };
#else
const auto product = [](std::span<const Var<double>> x) { return x[0] * x[1]; };
#endif

GradientCheck check(const std::vector<Tensor<double>>& factors) { return check_gradient<double>(product, factors); }
