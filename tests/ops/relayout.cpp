#include "hypertape/ops/relayout.hpp"

#include <doctest/doctest.h>

#include "hypertape/core/row_major.hpp"
#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("relayout: the elements of the tensor of the same name, and nothing where nothing is to do") {
  Tape<double> tape;
  constexpr Layout layouts[] = {Layout::row_major, Layout::samples_innermost, Layout::channels_innermost};
  for (const Shape& extents : {Shape{2, 3}, Shape{5, 2, 3, 4}, Shape{3, 1, 2}, Shape{17, 1, 3, 7}, Shape{9, 8, 2, 4},
                               Shape{16, 19, 3, 3}, Shape{4, 3, 5, 2, 3}, Shape{1, 6, 5, 5}}) {
    for (const Layout from : layouts) {
      for (const Layout to : layouts) {
        const Tensor<double> in = random_tensor<double>(extents.with_layout(from));
        const Var<double> x = tape.leaf(in), y = relayout(x, to);
        CHECK(equal(y.value(), relayout(in, to)));
        CHECK(to_row_major(y.value()) == to_row_major(in));
        CHECK((y.id() == x.id()) == (in.shape() == in.shape().with_layout(to)));
      }
    }
  }
  const Var<double> vector = tape.full({4}, 1);
  CHECK(relayout(vector, Layout::samples_innermost).id() == vector.id());
}

TEST_CASE("relayout: derivatives") {
  const auto f = [](auto v) { return square(relayout(square(v[0]), Layout::row_major)); };
  check_operation(f, {random_tensor<double>(Shape::batch(3, 2, 2))});
  check_operation([](auto v) { return relayout(v[0], Layout::samples_innermost); }, {random_tensor<double>({2, 3})});
  check_operation([](auto v) { return relayout(v[0], Layout::channels_innermost); },
                  {random_tensor<double>(Shape::batch(3, 2, 2, 2))});
}

}  // namespace
}  // namespace hypertape::testing
