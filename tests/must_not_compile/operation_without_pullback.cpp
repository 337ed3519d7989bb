// error: pullback
// An operation that lacks one of its parts.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

template <class T>
struct Copy final : Operation<T> {
  const char* name() const override { return "copy"; }
  void evaluate(const Evaluation<T>& call) const override { *call.output() = *call.input(0); }
  Var<T> tangent(const TangentSweep<T>& call) const override { return call.tangent(0); }
#ifndef MISTAKE
  void pullback(PullbackSweep<T>& call) const override { call.add(0, call.adjoint()); }
#endif
};

Var<double> copy(Var<double> x) { return x.tape().apply(Copy<double>(), Shape{}, {x}); }
