#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hypertape::testing {

/// A temporary folder for a test, which is deleted with its content when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hypertape-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  /// The sorted names of everything in the folder, which shows what a failed operation left behind.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::filesystem::path path_;
};

/// Removes all permissions from a file or folder while it exists. As these do not bind root, root becomes another user
/// for that time.
class Closed {
 public:
  explicit Closed(std::filesystem::path path) : path_(std::move(path)) {
    set(path_, std::filesystem::perms::none);
    if (::geteuid() != superuser) return;
    set(path_.parent_path(), std::filesystem::perms::all);  // where the test's other files are
    became_another_ = ::seteuid(nobody) == 0;
  }
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;
  ~Closed() {
    if (became_another_ && ::seteuid(superuser) != 0) std::abort();
#ifdef __linux__
    if (became_another_)
      ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // lost when the user changed; the leak sanitizer needs it
#endif
    set(path_, std::filesystem::perms::owner_all);
  }
  /// False if root cannot become another user, or that user cannot access the parent folder.
  explicit operator bool() const {
    const bool beside = ::faccessat(AT_FDCWD, path_.parent_path().c_str(), R_OK | X_OK, AT_EACCESS) == 0;
    return beside && ::faccessat(AT_FDCWD, path_.c_str(), R_OK, AT_EACCESS) != 0;
  }

 private:
  static constexpr uid_t superuser = 0, nobody = 65534;

  static void set(const std::filesystem::path& path, std::filesystem::perms rights) {
    std::error_code ignored;
    std::filesystem::permissions(path, rights, ignored);
  }
  std::filesystem::path path_;
  bool became_another_ = false;
};

/// The bytes of a file.
inline std::string file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace hypertape::testing
