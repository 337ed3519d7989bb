// error: an arena never runs destructors
// An operation with a vector in it, whose memory nobody would free.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

template <class T>
struct Shift final : Operation<T> {
#ifdef MISTAKE
  std::vector<T> by{T(1)};
#else
  T by[1] = {T(1)};
#endif
  const char* name() const override { return "shift"; }
  void evaluate(const Evaluation<T>& call) const override { *call.output() = *call.input(0) + by[0]; }
  Var<T> tangent(const TangentSweep<T>& call) const override { return call.tangent(0); }
  void pullback(PullbackSweep<T>& call) const override { call.add(0, call.adjoint()); }
};

Var<double> shift(Var<double> x) { return x.tape().apply(Shift<double>(), Shape{}, {x}); }
