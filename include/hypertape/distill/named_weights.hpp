#pragma once

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "hypertape/io/npz.hpp"
#include "hypertape/nn/network.hpp"

/// Weights exported by other programs: an .npz file with an array for each tensor of a network, with PyTorch's names
/// and shapes. np.savez of a state_dict writes one.
namespace hypertape::inline HYPERTAPE_ABI::distill {

using hypertape::detail::concat;

namespace detail {

/// theta with its first `count` tensors read from the file. The file may also hold the tensors after these, which are
/// ignored, but nothing else.
inline Tensor<float> read_tensors(const std::filesystem::path& path, const nn::Network<float>& network,
                                  std::size_t count, Tensor<float> theta) {
  const io::Npz npz = io::read_npz(path);
  const std::vector<nn::Parameter>& entries = network.parameters().entries();
  for (const auto& [name, array] : npz) {
    if (std::ranges::find(entries, name, &nn::Parameter::name) != entries.end()) continue;
    throw io::bad_content(path, concat("array '", name, "'"), concat("a tensor of ", network.name()),
                          "none of this name");
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto extents = entries[i].shape.extents();
    const auto& values = io::require_values<float>(npz, path, entries[i].name, {extents.begin(), extents.end()});
    std::ranges::copy(values, theta.data() + entries[i].offset);
  }
  if (!theta.all_finite()) throw io::bad_content(path, "arrays", "finite values", "a NaN or an infinity");
  return theta;
}

}  // namespace detail

/// Reads a network's weights theta (P) from a file. @throws DataError naming the file and the tensor unless the file
/// holds exactly the tensors of the network, in their shapes, as finite float32 values.
inline Tensor<float> load_named_weights(const std::filesystem::path& path, const nn::Network<float>& network) {
  const nn::Parameters& parameters = network.parameters();
  return detail::read_tensors(path, network, parameters.entries().size(), Tensor<float>(Shape{parameters.size()}));
}

/// The same, except that the last layer (the last weight matrix and everything after it) comes from `drawn`, theta (P),
/// for classes that the weights were not trained for. The file may lack these tensors, or have them in other shapes.
/// @throws DataError as above; ShapeError unless `drawn` is a theta of the network.
inline Tensor<float> load_named_weights(const std::filesystem::path& path, const nn::Network<float>& network,
                                        const Tensor<float>& drawn) {
  const nn::Parameters& parameters = network.parameters();
  parameters.require_theta(drawn.shape());
  const auto& entries = parameters.entries();
  const auto head =
      std::find_if(entries.rbegin(), entries.rend(), [](const nn::Parameter& e) { return e.shape.rank() >= 2; });
  const auto behind = static_cast<std::size_t>(std::distance(entries.rbegin(), head)) + 1;  // the head and its bias
  return detail::read_tensors(path, network, entries.size() - (std::min)(behind, entries.size()), drawn);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
