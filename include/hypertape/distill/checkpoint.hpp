#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "hypertape/io/npz.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// A run's checkpoints in its folder: the newest, and the one before it in case that the newest is damaged.
class Checkpoints {
 public:
  /// What was read, and of which file.
  struct Found {
    io::Npz arrays;              ///< what `write` was given
    std::filesystem::path path;  ///< of the file
    std::string warning;         ///< why the newest was passed over; empty if it was not
  };

  /// Those of a run in this folder.
  explicit Checkpoints(const std::filesystem::path& folder)
      : newest_(folder / "checkpoint.npz"), previous_(folder / "checkpoint.previous.npz") {}

  /// If any was ever written here, and not removed.
  bool exist() const {
    std::error_code ignored;
    return std::filesystem::exists(newest_, ignored) || std::filesystem::exists(previous_, ignored);
  }

  /// Keeps the newest as the previous, unless it is damaged: at no moment is there none that can be read.
  /// @throws DataError if it cannot be written.
  void write(const io::Npz& arrays) {
    std::error_code absent;
    if (newest_is_good_) std::filesystem::rename(newest_, previous_, absent);
    newest_is_good_ = false;
    io::write_npz(newest_, arrays);
    newest_is_good_ = true;
  }

  /// The newest that can be read; nothing if none was ever written. @throws DataError if all are damaged.
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

  /// Removes both: the run is done.
  void remove() const {
    std::error_code absent;
    std::filesystem::remove(newest_, absent);
    std::filesystem::remove(previous_, absent);
  }

 private:
  std::filesystem::path newest_, previous_;
  bool newest_is_good_ = false;  // written or read by this object
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
