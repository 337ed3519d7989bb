#include "hypertape/distill/network_pool.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

nn::Network<float> network() { return {"mlp", nn::Mlp({3, 2})}; }

TEST_CASE("network pool: what is saved is loaded, in the order of numbers") {
  const TemporaryFolder folder;
  const auto save = [&](Index number) {
    distill::save_pool_network(folder.path(), number, random_tensor<float>(Shape{8}, static_cast<unsigned>(number)));
  };
  save(1);
  save(0);
  const auto files = distill::pool_files(folder.path());
  REQUIRE(files.size() == 2);
  CHECK(files[0].filename() == "network-0000.npz");
  CHECK(equal(distill::load_pool_network(files[1], network()), random_tensor<float>(Shape{8}, 1)));
  // Which networks are kept for tests follows from how many there are: a gap would shift them.
  save(3);
  check_error<DataError>([&] { distill::pool_files(folder.path()); }, {"network-0002.npz is missing among the 3"});
}

TEST_CASE("network pool: no pool, another network's weights, and weights that are not finite") {
  const TemporaryFolder folder;
  check_error<DataError>([&] { distill::pool_files(folder.path()); }, {"no pool of networks"});
  check_error<DataError>([&] { distill::pool_files(folder.path() / "absent"); }, {"absent", "cannot read"});
  distill::save_pool_network(folder.path(), 0, Tensor<float>(Shape{7}));
  const auto file = folder.path() / "network-0000.npz";
  check_error<DataError>([&] { distill::load_pool_network(file, network()); },
                         {"network-0000.npz", "'theta'", "8 weights of mlp", "7"});
  Tensor<float> theta(Shape{8});
  theta[2] = std::numeric_limits<float>::quiet_NaN();
  distill::save_pool_network(folder.path(), 0, theta);
  check_error<DataError>([&] { distill::load_pool_network(file, network()); }, {"'theta'", "finite"});
}

}  // namespace
}  // namespace hypertape::testing
