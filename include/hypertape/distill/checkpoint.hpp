#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "hypertape/io/npz.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The checkpoints in a run's folder: the newest, and the one before it in case the newest is damaged.
class Checkpoints {
 public:
  /// A checkpoint that was read.
  struct Found {
    io::Npz arrays;              ///< as passed to `write`
    std::filesystem::path path;  ///< the file it was read from
    std::string warning;         ///< why the newest was not used; empty if it was
  };

  /// The checkpoints of a run in this folder.
  explicit Checkpoints(const std::filesystem::path& folder)
      : newest_(folder / "checkpoint.npz"), previous_(folder / "checkpoint.previous.npz") {}

  /// Whether a checkpoint was written here and not removed.
  bool exist() const {
    std::error_code ignored;
    return std::filesystem::exists(newest_, ignored) || std::filesystem::exists(previous_, ignored);
  }

  /// Writes a checkpoint. The newest so far becomes the previous one unless it is damaged, so that there is always one
  /// that can be read. @throws DataError if it cannot be written.
  void write(const io::Npz& arrays) {
    std::error_code absent;
    if (newest_is_good_) std::filesystem::rename(newest_, previous_, absent);
    newest_is_good_ = false;
    io::write_npz(newest_, arrays);
    newest_is_good_ = true;
  }

  /// Reads the newest checkpoint that is intact; nothing if there is none. @throws DataError if all are damaged.
  std::optional<Found> read() {
    std::string damage;
    for (const std::filesystem::path& path : {newest_, previous_}) {
      std::error_code ignored;
      if (!std::filesystem::exists(path, ignored)) continue;
      try {
        Found found{io::read_npz(path), path, damage};
        newest_is_good_ = path == newest_;
        return found;
      } catch (const DataError& error) {
        damage += (damage.empty() ? "" : "; ") + std::string(error.what());
      }
    }
    if (!damage.empty()) throw DataError(damage);
    return std::nullopt;
  }

  /// Removes both checkpoints, as when a run is complete.
  void remove() const {
    std::error_code absent;
    std::filesystem::remove(newest_, absent);
    std::filesystem::remove(previous_, absent);
  }

 private:
  std::filesystem::path newest_, previous_;
  bool newest_is_good_ = false;  // it was written or read by this object
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
