// The second translation unit. It also instantiates the class templates as a whole, members that nothing calls
// included, in both precisions.

#include "everything.hpp"

using namespace hypertape;

struct Loss {
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    return mean_squared_error(theta * x, y);
  }
};

template class hypertape::Tensor<float>;
template class hypertape::Tensor<double>;
template class hypertape::Tape<float>;
template class hypertape::Tape<double>;
template class hypertape::Unroll<float>;
template class hypertape::Unroll<double>;
template class hypertape::BatchGradient<float>;
template class hypertape::BatchGradient<double>;

/// Precisions in which descent on (theta - 1)^2 / 2 from 0 comes nearer to 1.
template <class T>
int trained() {
  const Tensor<T> zero({1}), one({1}, {1});
  Unroll<T> unroll{Loss()};
  const T theta = unroll.train({zero, {one}, {one}, Tensor<T>({3, 1}, T(0.1))})[0];
  return theta > 0 && theta < 1 ? 1 : 0;
}

int trained_in_other_unit();
int trained_in_other_unit() {
  io::write_npz("other.npz", {{"values", {{1}, std::vector<float>{3}}}});
  return io::read_npz("other.npz").size() == 1 ? trained<float>() + trained<double>() : 0;
}
