#include "hypertape/io/unpacking_reader.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "hypertape/core/random.hpp"
#include "support/check_error.hpp"
#include "support/gzip_file.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;

namespace {

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

/// Bytes that deflate cannot shorten, so that a cut falls where it is meant to.
std::string noise(std::size_t count) {
  Random random(1);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.bits() & 0xFF);
  return bytes;
}

}  // namespace

TEST_CASE("UnpackingReader: a plain and a gzipped file read the same, whatever their names") {
  const TemporaryFolder folder;
  const std::string content = noise(3'000'000);  // longer than the pieces that are read
  put_file(folder / "plain.gz", content);
  put_gzip_file(folder / "packed", content);
  for (const auto* name : {"plain.gz", "packed"}) {
    UnpackingReader file(folder / name);
    CHECK(text_of(file.read(5)) == content.substr(0, 5));
    CHECK(file.offset() == 5);
    CHECK(text_of(file.read(content.size())) == content.substr(5));
    CHECK(file.read(1).empty());
    CHECK(file.offset() == content.size());
  }
}

TEST_CASE("UnpackingReader: says whether an offset counts unpacked bytes") {
  const TemporaryFolder folder;
  put_file(folder / "plain", "text");
  put_gzip_file(folder / "packed", "text");
  CHECK(UnpackingReader(folder / "plain").where(16) == "byte 16");
  CHECK(UnpackingReader(folder / "packed").where(16) == "byte 16 of the unpacked content");
}

TEST_CASE("UnpackingReader: a missing file, and a folder") {
  const TemporaryFolder folder;
  const auto missing = folder / "missing";
  check_error<DataError>([&] { UnpackingReader file(missing); }, {missing.string(), "cannot open", "No such file"});
  check_error<DataError>([&] { UnpackingReader(folder.path()).read(1); }, {folder.path().string(), "directory"});
}

TEST_CASE("UnpackingReader: a gzipped file cut anywhere is an error") {
  const TemporaryFolder folder;
  put_gzip_file(folder / "whole", noise(200));
  const std::string whole = file_bytes(folder / "whole");
  const auto path = folder / "cut";
  for (std::size_t size = 2; size < whole.size(); ++size) {  // with fewer bytes nothing says that it is gzip
    CAPTURE(size);
    put_file(path, whole.substr(0, size));
    check_error<DataError>([&] { UnpackingReader(path).read(1000); },
                           {path.string(), "byte ", "more gzip data", "the end"});
  }
}

TEST_CASE("UnpackingReader: a pipe is refused, not waited for") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  check_error<DataError>([&] { UnpackingReader(folder / "pipe").read(1); },
                         {"pipe: cannot open: expected a regular file, found a pipe"});
}

TEST_CASE("UnpackingReader: gzipped files that were joined, and what follows them") {
  const TemporaryFolder folder;
  put_gzip_file(folder / "a", "one ");
  const std::string packed = file_bytes(folder / "a");
  put_file(folder / "b", packed + packed);
  CHECK(text_of(UnpackingReader(folder / "b").read(100)) == "one one ");
  put_file(folder / "b", packed + "garbage");
  check_error<DataError>([&] { UnpackingReader(folder / "b").read(100); },
                         {"byte 4 of the unpacked", "valid gzip data"});
}

TEST_CASE("UnpackingReader: unpacking stops where it gains more than any data set does") {
  const TemporaryFolder folder;
  put_gzip_file(folder / "packed", std::string(50'000'000, ' '));
  const auto size = std::filesystem::file_size(folder / "packed");
  check_error<DataError>(
      [&] { UnpackingReader(folder / "packed").read(~std::uintmax_t{}); },
      {hypertape::detail::concat("expected at most ", most_unpacked(size), " bytes unpacked from ", size)});
}

TEST_CASE("UnpackingReader: a broken gzip stream, and a wrong checksum") {
  const TemporaryFolder folder;
  const auto path = folder / "broken";
  put_gzip_file(path, noise(200));
  std::string bytes = file_bytes(path);
  SUBCASE("block type") { bytes[10] = '\x07'; }
  SUBCASE("checksum") { bytes[bytes.size() - 8] ^= 1; }
  SUBCASE("length") { bytes[bytes.size() - 1] ^= 1; }
  put_file(path, bytes);
  check_error<DataError>([&] { UnpackingReader(path).read(1000); },
                         {path.string(), "byte ", "valid gzip data", "found "});
}
