#include <hypertape/core/tensor.hpp>

int main() { return hypertape::Tensor<double>({2}, {1, 2}).size() == 2 ? 0 : 1; }
