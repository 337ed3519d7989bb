#include "hypertape/nn/network.hpp"

#include <doctest/doctest.h>

#include "hypertape/nn/lenet.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("network: any model behind one type, with its logits") {
  const nn::LeNet lenet;
  const nn::Network<float> network("lenet", lenet);
  CHECK(network.name() == "lenet");
  CHECK(network.parameters().size() == lenet.parameters().size());
  Tape<float> tape;
  const auto theta = tape.leaf(random_tensor<float>(Shape{61706}, 1));
  const auto x = tape.leaf(random_tensor<float>(Shape::batch(2, 1, 28, 28), 2));
  CHECK(equal(network(theta, x).value(), lenet(theta, x).value()));
}

}  // namespace
}  // namespace hypertape::testing
