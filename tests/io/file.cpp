#include "hypertape/io/file.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "support/check_error.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;
using Names = std::vector<std::string>;

namespace {

/// While it lives, this process cannot write a file longer than `bytes`: a disk that is full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("write_atomically: makes a file, replaces it, and leaves nothing else") {
  const TemporaryFolder folder;
  write_atomically(folder / "text", "first");
  CHECK(file_bytes(folder / "text") == "first");
  const std::array<std::byte, 3> bytes{std::byte{0}, std::byte{255}, std::byte{'\n'}};
  write_atomically(folder / "text", bytes);
  CHECK(file_bytes(folder / "text") == std::string("\0\xff\n", 3));
  write_atomically(folder / "text", "");
  CHECK(file_bytes(folder / "text").empty());
  CHECK(folder.names() == Names{"text"});
}

TEST_CASE("remove_temporary_files: those of a process that was killed, and no others") {
  const TemporaryFolder folder;
  for (const char* name :
       {".checkpoint.npz.4711.0.tmp", ".text.1.12.tmp", ".text.tmp", ".text.1.tmp", "text.1.12.tmp"}) {
    write_atomically(folder / name, "");
  }
  remove_temporary_files(folder.path());
  CHECK(folder.names() == Names{".text.1.tmp", ".text.tmp", "text.1.12.tmp"});
}

TEST_CASE("write_atomically: a folder that is not there is an error that names it") {
  const TemporaryFolder folder;
  const auto path = folder / "missing" / "text";
  check_error<DataError>([&] { write_atomically(path, "x"); }, {path.string(), "cannot create", "No such file"});
  CHECK(folder.names().empty());
}

TEST_CASE("write_atomically: a failure to rename leaves nothing behind") {
  const TemporaryFolder folder;
  const auto path = folder / "taken";
  std::filesystem::create_directory(path);
  check_error<DataError>([&] { write_atomically(path, "x"); }, {path.string(), "cannot rename", "directory"});
  CHECK(folder.names() == Names{"taken"});
}

TEST_CASE("write_atomically: a full disk leaves the old content, and nothing else") {
  const TemporaryFolder folder;
  const auto path = folder / "text";
  write_atomically(path, "old");
  const std::string large(1 << 16, 'x');
  {
    const FileSizeLimit limit(1000);
    check_error<DataError>([&] { write_atomically(path, large); }, {path.string(), "cannot write", "too large"});
  }
  CHECK(file_bytes(path) == "old");
  CHECK(folder.names() == Names{"text"});
}

TEST_CASE("write_atomically: a leftover with the next temporary name is passed over, and not touched") {
  const TemporaryFolder folder;
  std::string last;  // the temporary name of a failed write: .text.PROCESS.SERIAL.tmp
  try {
    write_atomically(folder / "missing" / "text", "x");
  } catch (const DataError& error) {
    last = error.what();
  }
  const std::size_t begin = last.find(".text."), end = last.find(".tmp");
  REQUIRE(end != std::string::npos);
  const std::size_t serial = last.rfind('.', end - 1) + 1;
  const std::string next = std::to_string(std::stoul(last.substr(serial, end - serial)) + 1);
  const std::string leftover = last.substr(begin, serial - begin) + next + ".tmp";
  put_file(folder / leftover, "leftover");
  write_atomically(folder / "text", "new");
  CHECK(file_bytes(folder / "text") == "new");
  CHECK(file_bytes(folder / leftover) == "leftover");
  CHECK(folder.names() == Names{leftover, "text"});
}

TEST_CASE("write_atomically: threads that write the same file leave one of the contents") {
  const TemporaryFolder folder;
  const std::string a(100'000, 'a'), b(100'000, 'b');
  const auto write = [&](const std::string& text) {
    for (int i = 0; i < 5; ++i) write_atomically(folder / "text", text);
  };
  std::thread other(write, a);
  write(b);
  other.join();
  const std::string found = file_bytes(folder / "text");
  CHECK((found == a || found == b));
  CHECK(folder.names() == Names{"text"});
}

TEST_CASE("bad_content: path, place, expected, found") {
  CHECK(std::string(bad_content("a/b", "byte 4", "7", "8").what()) == "a/b: byte 4: expected 7, found 8");
}
