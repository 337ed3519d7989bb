#pragma once

#include <filesystem>
#include <iomanip>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "hypertape/io/npz.hpp"
#include "hypertape/nn/network.hpp"

/// Pools of trained networks: a folder with one .npz file per network, which holds its weights as the array `theta`
/// (P).
namespace hypertape::inline HYPERTAPE_ABI::distill {

using hypertape::detail::concat;

/// The file name of network `number`, as in network-0007.npz.
inline std::string pool_file_name(Index number) {
  std::ostringstream name = hypertape::detail::plain_stream();
  name << "network-" << std::setw(4) << std::setfill('0') << number << ".npz";
  return name.str();
}

/// Writes a network's weights to its file in the pool. @throws DataError if the file cannot be written.
inline void save_pool_network(const std::filesystem::path& folder, Index number, const Tensor<float>& theta) {
  io::Npz npz;
  npz["theta"] = {{theta.size()}, std::vector<float>(theta.values().begin(), theta.values().end())};
  io::write_npz(folder / pool_file_name(number), npz);
}

/// Reads the weights in one file. @throws DataError unless they are finite, and as many as the network has.
inline Tensor<float> load_pool_network(const std::filesystem::path& path, const nn::Network<float>& network) {
  const io::Npz npz = io::read_npz(path);
  const auto& values = io::require_values<float>(npz, path, "theta", {-1});
  const Index weights = network.parameters().size();
  if (static_cast<Index>(values.size()) != weights) {
    throw io::bad_content(path, "array 'theta'", concat(weights, " weights of ", network.name()),
                          concat(values.size()));
  }
  Tensor<float> theta(Shape{weights}, std::span(values));
  if (!theta.all_finite()) throw io::bad_content(path, "array 'theta'", "finite values", "a NaN or an infinity");
  return theta;
}

/// The files of a pool, in order. @throws DataError if the folder has none, or one before the last is missing.
inline std::vector<std::filesystem::path> pool_files(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> files;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("network-") && name.ends_with(".npz")) files.insert(entry.path());
  }
  if (failure) throw DataError(folder.string(), ": cannot read this folder: ", failure.message());
  if (files.empty()) throw DataError(folder.string(), ": no pool of networks (network-0000.npz, ...) here");
  std::vector<std::filesystem::path> ordered;
  for (Index number = 0; number < static_cast<Index>(files.size()); ++number) {
    ordered.push_back(folder / pool_file_name(number));
    if (!files.contains(ordered.back())) {
      throw DataError(folder.string(), ": ", pool_file_name(number), " is missing among the ", files.size(),
                      " networks of this pool");
    }
  }
  return ordered;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
