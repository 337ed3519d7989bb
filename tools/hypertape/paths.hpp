#pragma once

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "hypertape/core/error.hpp"

/// Checks the paths that options name before any work is done. A message about an unusable path is one line: the
/// option, the path and the reason.
namespace hypertape::cli {

using hypertape::detail::concat;

namespace detail {

/// "--data DIR: reason".
inline DataError bad_path(const std::string& option, const std::filesystem::path& path, const std::string& reason) {
  return DataError(option, ' ', path.string(), ": ", reason);
}

/// The file type of a path. @throws DataError if the system cannot tell, as inside a folder without access.
inline std::filesystem::file_type type_of(const std::string& option, const std::filesystem::path& path) {
  std::error_code failure;
  const auto type = std::filesystem::status(path, failure).type();
  if (type == std::filesystem::file_type::none) throw bad_path(option, path, failure.message());
  return type;
}

/// @throws DataError "cannot be ACTION" for `path` unless the process has the access (R_OK, W_OK, X_OK or several) to
/// `place`.
inline void require_access(const std::string& option, const std::filesystem::path& path, const char* action,
                           const std::filesystem::path& place, int access) {
  if (::access(place.c_str(), access) == 0) return;
  const int code = errno;
  throw bad_path(option, path, concat("cannot be ", action, ": ", std::strerror(code)));
}

}  // namespace detail

/// The path as one shell word, quoted if necessary.
inline std::string shell_word(const std::filesystem::path& path) {
  const std::string text = path.string();
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 || std::strchr("._/-+,:@", c) != nullptr;
  };
  if (std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// @throws DataError unless this is a readable folder.
inline void require_folder(const std::string& option, const std::filesystem::path& path) {
  const auto type = detail::type_of(option, path);
  if (type == std::filesystem::file_type::not_found) throw detail::bad_path(option, path, "no such folder");
  if (type != std::filesystem::file_type::directory) throw detail::bad_path(option, path, "is not a folder");
  detail::require_access(option, path, "read", path, R_OK | X_OK);
}

/// @throws DataError unless this is a readable file or pipe.
inline void require_readable(const std::string& option, const std::filesystem::path& path) {
  const auto type = detail::type_of(option, path);
  if (type == std::filesystem::file_type::not_found) throw detail::bad_path(option, path, "no such file");
  if (type == std::filesystem::file_type::directory) throw detail::bad_path(option, path, "is a folder, not a file");
  detail::require_access(option, path, "read", path, R_OK);
}

/// The same, but neither a pipe nor a device: what is read must have an end.
inline void require_file(const std::string& option, const std::filesystem::path& path) {
  require_readable(option, path);
  if (detail::type_of(option, path) == std::filesystem::file_type::regular) return;
  throw detail::bad_path(option, path, "is not a regular file");
}

/// @throws DataError unless this is a folder that can be written to, or can be created.
inline void require_writable_folder(const std::string& option, const std::filesystem::path& path) {
  const auto type = detail::type_of(option, path);
  if (type == std::filesystem::file_type::directory) {
    return detail::require_access(option, path, "written to", path, R_OK | W_OK | X_OK);
  }
  if (type != std::filesystem::file_type::not_found) throw detail::bad_path(option, path, "is not a folder");
  std::error_code ignored;
  if (std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored))) {
    throw detail::bad_path(option, path, "is a link to a folder that does not exist");
  }
  std::filesystem::path parent = std::filesystem::absolute(path).lexically_normal();
  do {
    parent = parent.parent_path();
  } while (detail::type_of(option, parent) == std::filesystem::file_type::not_found && parent.has_relative_path());
  if (detail::type_of(option, parent) != std::filesystem::file_type::directory) {
    throw detail::bad_path(option, path, concat("cannot be created: ", parent.string(), " is not a folder"));
  }
  detail::require_access(option, path, "created", parent, W_OK | X_OK);
}

/// @throws DataError unless a file can be written under this name.
inline void require_writable_file(const std::string& option, const std::filesystem::path& path) {
  const auto type = detail::type_of(option, path);
  if (type == std::filesystem::file_type::directory) throw detail::bad_path(option, path, "is a folder, not a file");
  if (type != std::filesystem::file_type::not_found && type != std::filesystem::file_type::regular) {
    throw detail::bad_path(option, path, "is not a regular file");  // a new file would replace the pipe or device
  }
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  if (detail::type_of(option, folder) != std::filesystem::file_type::directory) {
    throw detail::bad_path(option, path, concat("there is no folder ", folder.string()));
  }
  detail::require_access(option, path, "written", folder, W_OK | X_OK);
}

}  // namespace hypertape::cli
