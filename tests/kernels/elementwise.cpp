#include "hypertape/kernels/elementwise.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace hypertape;

TEST_CASE("elementwise: map of one and of two operands") {
  const std::array<double, 3> a = {1, 2, 3}, b = {10, 20, 30};
  std::array<double, 3> out{};
  kernels::map(3, a.data(), out.data(), [](double x) { return -x; });
  CHECK(out == std::array<double, 3>{-1, -2, -3});
  kernels::map(3, a.data(), b.data(), out.data(), [](double x, double y) { return x + y; });
  CHECK(out == std::array<double, 3>{11, 22, 33});
}
