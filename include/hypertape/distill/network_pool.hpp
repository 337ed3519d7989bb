#pragma once

#include <filesystem>
#include <iomanip>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "hypertape/data/npz.hpp"
#include "hypertape/nn/network.hpp"

/// Pools of trained networks: a folder with one .npz file a network, each with its weights as the array `theta` (P).
namespace hypertape::distill {

/// The name of network `number`'s file: network-0007.npz.
inline std::string pool_file_name(Index number) {
  std::ostringstream name = plain_stream();
  name << "network-" << std::setw(4) << std::setfill('0') << number << ".npz";
  return name.str();
}

/// @throws DataError if the file cannot be written.
inline void save_pool_network(const std::filesystem::path& folder, Index number, const Tensor<float>& theta) {
  data::Npz npz;
  npz["theta"] = {{theta.size()}, std::vector<float>(theta.values().begin(), theta.values().end())};
  data::write_npz(folder / pool_file_name(number), npz);
}

/// The weights in one file. @throws DataError unless it holds finite weights, as many as the network has.
inline Tensor<float> load_pool_network(const std::filesystem::path& path, const nn::Network<float>& network) {
  const data::Npz npz = data::read_npz(path);
  const auto& values = data::require_values<float>(npz, path, "theta", {-1});
  const Index weights = network.parameters().size();
  if (static_cast<Index>(values.size()) != weights) {
    throw data::bad_content(path, "array 'theta'", message(weights, " weights of ", network.name()),
                            message(values.size()));
  }
  Tensor<float> theta(Shape{weights}, std::span(values));
  if (!theta.all_finite()) throw data::bad_content(path, "array 'theta'", "finite values", "a NaN or an infinity");
  return theta;
}

/// The files of a pool, in order. @throws DataError if the folder has none, or one is missing before the last.
inline std::vector<std::filesystem::path> pool_files(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> files;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("network-") && name.ends_with(".npz")) files.insert(entry.path());
  }
  if (failure) throw DataError(message(folder.string(), ": cannot read this folder: ", failure.message()));
  if (files.empty()) throw DataError(message(folder.string(), ": no pool of networks (network-0000.npz, ...) here"));
  std::vector<std::filesystem::path> ordered;
  for (Index number = 0; number < static_cast<Index>(files.size()); ++number) {
    ordered.push_back(folder / pool_file_name(number));
    if (!files.contains(ordered.back())) {
      throw DataError(message(folder.string(), ": ", pool_file_name(number), " is missing among the ", files.size(),
                              " networks of this pool"));
    }
  }
  return ordered;
}

}  // namespace hypertape::distill
