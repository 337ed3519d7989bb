#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "hypertape/data/npz.hpp"

namespace hypertape::distill {

/// A run's checkpoints in its folder: the newest, and the one before it in case that the newest is damaged.
class Checkpoints {
 public:
  /// What was read, and of which file.
  struct Found {
    data::Npz arrays;            ///< what `write` was given
    std::filesystem::path path;  ///< of the file
    std::string warning;         ///< why the newest was passed over; empty if it was not
  };

  /// Those of a run in this folder.
  explicit Checkpoints(std::filesystem::path folder)
      : newest_(folder / "checkpoint.npz"), previous_(folder / "checkpoint.previous.npz") {}

  /// Keeps the newest as the previous. At no moment is there none. @throws DataError if it cannot be written.
  void write(const data::Npz& arrays) const {
    std::error_code absent;  // the first has none before it
    std::filesystem::rename(newest_, previous_, absent);
    data::write_npz(newest_, arrays);
  }

  /// The newest that can be read; nothing if none was ever written. @throws DataError if all are damaged.
  std::optional<Found> read() const {
    std::string damage;
    for (const std::filesystem::path& path : {newest_, previous_}) {
      std::error_code ignored;
      if (!std::filesystem::exists(path, ignored)) continue;
      try {
        return Found{data::read_npz(path), path, damage};
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
};

/// All arrays of `part`, their names led by "prefix.", added to `npz`; and what has that prefix, without it.
inline void add_prefixed(data::Npz& npz, const std::string& prefix, const data::Npz& part) {
  for (const auto& [name, array] : part) npz[prefix + '.' + name] = array;
}
/// The arrays whose names begin with `prefix` and a dot, without these.
inline data::Npz with_prefix(const data::Npz& npz, const std::string& prefix) {
  data::Npz part;
  const std::string start = prefix + '.';
  for (const auto& [name, array] : npz) {
    if (name.starts_with(start)) part[name.substr(start.size())] = array;
  }
  return part;
}

}  // namespace hypertape::distill
