#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "distilled_picture.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/npz.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;

/// The images of the first step at some evaluations of a run, each at about twice the previous iteration.
class Snapshots {
 public:
  void offer(long iteration, const Tensor<float>& images) {
    if (iteration < next_) return;
    snapshots_.push_back({iteration, images});
    next_ = 2 * iteration;
    if (iteration == 0) next_ = 1;
  }

  const std::vector<Snapshot>& all() const { return snapshots_; }

  /// For a checkpoint.
  io::Npz arrays() const {
    std::vector<std::int64_t> iterations;
    std::vector<float> images;
    for (const Snapshot& snapshot : snapshots_) {
      iterations.push_back(snapshot.iteration);
      images.insert(images.end(), snapshot.images.values().begin(), snapshot.images.values().end());
    }
    const auto count = static_cast<Index>(snapshots_.size());
    io::Npz npz;
    npz["iterations"] = {{count}, std::move(iterations)};
    npz["images"] = {{count, static_cast<Index>(images.size()) / count}, std::move(images)};
    return npz;
  }

  /// Restores what `arrays` returned for images of this shape. @throws DataError naming the array of `path` that does
  /// not fit.
  void restore(const io::Npz& npz, const std::filesystem::path& path, const Shape& shape) {
    const auto& iterations = io::require_values<std::int64_t>(npz, path, "iterations", {-1});
    const auto& images =
        io::require_values<float>(npz, path, "images", {static_cast<Index>(iterations.size()), shape.size()});
    const auto size = static_cast<std::size_t>(shape.size());
    snapshots_.clear();
    next_ = 0;
    for (std::size_t i = 0; i < iterations.size(); ++i) {
      constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 2;
      if (iterations[i] < next_ || iterations[i] > most) {
        throw io::bad_content(path, "array 'iterations'", concat("an iteration in ", next_, " .. ", most),
                              concat(iterations[i]));
      }
      offer(iterations[i], Tensor<float>(shape, std::span(images).subspan(i * size, size)));
    }
  }

 private:
  std::vector<Snapshot> snapshots_;
  long next_ = 0;
};

}  // namespace hypertape::cli
