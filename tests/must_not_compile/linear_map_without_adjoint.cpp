// error: apply_adjoint
// A linear map that cannot be transposed.

#include <hypertape/hypertape.hpp>

using namespace hypertape;

struct FirstElement {
  static constexpr const char *name = "first_element", *adjoint_name = "put_first";
  Shape domain, codomain;
  template <class T>
  void apply(const T* in, T* out) const {
    *out = *in;
  }
#ifndef MISTAKE
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    std::fill_n(out, domain.size(), T(0));
    *out = *in;
  }
#endif
};

Var<double> first_element(Var<double> x) { return apply_map(FirstElement{x.shape(), Shape{}}, x); }
