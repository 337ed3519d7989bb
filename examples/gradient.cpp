// The gradient of a function, and its directional derivative.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  Tape<double> tape;
  const Var<double> w = tape.leaf(Tensor<double>(Shape{3}, std::vector{1.0, 2.0, 3.0}));
  const Var<double> x = tape.leaf(Tensor<double>(Shape{3}, std::vector{0.5, -1.0, 2.0}));
  const Var<double> y = softplus(dot(w, x)) + mean(square(w));

  const Tensor<double> dw = gradient(y, w).value();
  std::cout << "y = " << y.item() << ", dy/dw = (" << dw[0] << ", " << dw[1] << ", " << dw[2] << ")\n";
  std::cout << "along x: " << jvp(y, w, x).item() << '\n';
}
