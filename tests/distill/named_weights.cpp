#include "hypertape/distill/named_weights.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <limits>
#include <string_view>
#include <variant>
#include <vector>

#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

nn::Network<float> mlp(Index classes) { return {"mlp", nn::Mlp({3, 4, classes})}; }

/// The arrays of a network's theta.
io::Npz arrays_of(const nn::Network<float>& network, const Tensor<float>& theta) {
  io::Npz npz;
  for (const auto& [name, tensor] : network.parameters().split(theta)) {
    const auto extents = tensor.shape().extents();
    npz[name] = {{extents.begin(), extents.end()}, std::vector<float>(tensor.values().begin(), tensor.values().end())};
  }
  return npz;
}

TEST_CASE("named weights: every tensor by its name, whatever the order") {
  const TemporaryFolder folder;
  const nn::Network<float> networks[] = {mlp(2), {"convnet", nn::ConvNet({.size = 8, .width = 3, .depth = 2})}};
  for (const nn::Network<float>& network : networks) {
    const auto theta = random_tensor<float>(Shape{network.parameters().size()}, 1);
    io::write_npz(folder / "w.npz", arrays_of(network, theta));  // sorted by name: biases first
    CHECK(equal(distill::load_named_weights(folder / "w.npz", network), theta));
  }
}

TEST_CASE("named weights: a new head, for other classes or as many, wherever the file's came from") {
  const TemporaryFolder folder;
  const nn::Network<float> source = mlp(5), target = mlp(2);
  const auto trained = random_tensor<float>(Shape{source.parameters().size()}, 1);
  const auto drawn = random_tensor<float>(Shape{target.parameters().size()}, 2);
  constexpr Index body = 3 * 4 + 4;
  io::Npz npz = arrays_of(source, trained);
  const auto check = [&] {
    io::write_npz(folder / "w.npz", npz);
    const Tensor<float> theta = distill::load_named_weights(folder / "w.npz", target, drawn);
    for (Index i = 0; i < theta.size(); ++i) CHECK(theta[i] == (i < body ? trained[i] : drawn[i]));
  };
  check();
  npz.erase("fc2.weight");
  npz.erase("fc2.bias");
  check();
  CHECK_THROWS_AS(distill::load_named_weights(folder / "w.npz", target, Tensor<float>(Shape{3})), ShapeError);
  check_error<DataError>([&] { distill::load_named_weights(folder / "w.npz", target); }, {"names", "fc2.weight"});
  const nn::Network<float> linear("linear", nn::Mlp({3, 2}));  // whose head is all it has
  const auto whole = random_tensor<float>(Shape{8}, 3);
  io::write_npz(folder / "l.npz", arrays_of(linear, random_tensor<float>(Shape{8}, 4)));
  CHECK(equal(distill::load_named_weights(folder / "l.npz", linear, whole), whole));
}

TEST_CASE("named weights: what is missing, misshaped, of another type, unknown or not finite is named") {
  const TemporaryFolder folder;
  const nn::Network<float> network = mlp(2);
  const io::Npz good = arrays_of(network, random_tensor<float>(Shape{network.parameters().size()}, 1));
  const auto fails = [&](const io::Npz& npz, std::initializer_list<std::string_view> words) {
    io::write_npz(folder / "w.npz", npz);
    check_error<DataError>([&] { distill::load_named_weights(folder / "w.npz", network); }, words);
  };
  io::Npz npz = good;
  npz.erase("fc1.bias");
  fails(npz, {"w.npz", "'fc1.bias'"});
  npz = good;
  npz["fc1.weight"].shape = {3, 4};
  fails(npz, {"w.npz", "'fc1.weight'", "expected", "4, 3", "found", "3, 4"});
  npz = good;
  npz["fc2.bias"].values = std::vector<double>{1, 2};
  fails(npz, {"'fc2.bias'", "float32", "float64"});
  npz = good;
  npz["fc3.bias"] = {{1}, std::vector<float>{1}};
  fails(npz, {"'fc3.bias'", "a tensor of mlp"});
  npz = good;
  std::get<std::vector<float>>(npz["fc2.bias"].values)[1] = std::numeric_limits<float>::infinity();
  fails(npz, {"finite"});
  check_error<DataError>([&] { distill::load_named_weights(folder / "absent.npz", network); }, {"absent.npz"});
}

}  // namespace
}  // namespace hypertape::testing
