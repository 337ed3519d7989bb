#include "hypertape/ops/relayout.hpp"

#include <doctest/doctest.h>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("relayout: the elements of the tensor of the same name, and nothing where nothing is to do") {
  Tape<double> tape;
  for (const Shape& shape : {Shape{2, 3}, Shape::batch(5, 2, 3, 4), Shape{3, 1, 2}}) {
    for (const Layout layout : {Layout::row_major, Layout::samples_innermost}) {
      const Tensor<double> in = random_tensor<double>(shape);
      const Var<double> x = tape.leaf(in), y = relayout(x, layout);
      CHECK(equal(y.value(), relayout(in, layout)));
      CHECK((y.id() == x.id()) == (shape.layout() == layout));
    }
  }
  const Var<double> vector = tape.full({4}, 1);
  CHECK(relayout(vector, Layout::samples_innermost).id() == vector.id());
}

TEST_CASE("relayout: derivatives") {
  const auto f = [](auto v) { return square(relayout(square(v[0]), Layout::row_major)); };
  check_operation(f, {random_tensor<double>(Shape::batch(3, 2, 2))});
  check_operation([](auto v) { return relayout(v[0], Layout::samples_innermost); }, {random_tensor<double>({2, 3})});
}

}  // namespace
}  // namespace hypertape::testing
