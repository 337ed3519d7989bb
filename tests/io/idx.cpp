#include "hypertape/io/idx.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/check_error.hpp"
#include "support/gzip_file.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;
using namespace std::string_literals;
using Bytes = std::vector<std::uint8_t>;
using Names = std::vector<std::string>;

namespace {

/// Two images of 1 x 3.
const std::string images_file = "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03"s + "abcdef";
/// Four labels.
const std::string labels_file = "\0\0\x08\x01\0\0\0\x04"s + "\x03\x01\x04\x01";

/// Reads `content` from a file, and checks that it fails with these words.
template <class Read>
void check_refused(const Read& read, std::string_view content, std::initializer_list<std::string_view> words) {
  const TemporaryFolder folder;
  const auto path = folder / "bad";
  put_file(path, content);
  check_error<DataError>([&] { read(path); }, {path.string(), ": "});
  check_error<DataError>([&] { read(path); }, words);
  CHECK(folder.names() == Names{"bad"});
}

}  // namespace

TEST_CASE("read_idx: images and labels, plain and gzipped") {
  const TemporaryFolder folder;
  put_file(folder / "images", images_file);
  put_gzip_file(folder / "images.gz", images_file);
  put_file(folder / "labels", labels_file);
  put_gzip_file(folder / "labels.gz", labels_file);
  for (const std::string ending : {"", ".gz"}) {
    const IdxArray images = read_idx_images(folder / ("images" + ending));
    CHECK(images.dims == std::vector<Index>{2, 1, 3});
    CHECK(images.bytes == Bytes{'a', 'b', 'c', 'd', 'e', 'f'});
    CHECK(read_idx(folder / ("images" + ending)).bytes == images.bytes);
    const IdxArray labels = read_idx_labels(folder / ("labels" + ending));
    CHECK(labels.dims == std::vector<Index>{4});
    CHECK(labels.bytes == Bytes{3, 1, 4, 1});
    CHECK(read_idx(folder / ("labels" + ending)).dims == labels.dims);
  }
}

TEST_CASE("read_idx: a missing file") {
  const TemporaryFolder folder;
  const auto path = folder / "missing";
  check_error<DataError>([&] { read_idx_images(path); }, {path.string(), "cannot open", "No such file"});
}

TEST_CASE("read_idx: an empty file, and a truncated header") {
  check_refused(read_idx, "", {"byte 0", "expected", "magic number", "found 0 bytes"});
  check_refused(read_idx_images, "", {"byte 0", "expected", "0x00000803 (images)", "found 0 bytes"});
  check_refused(read_idx_images, images_file.substr(0, 3), {"byte 0", "expected", "magic", "found 3 bytes"});
  check_refused(read_idx_images, images_file.substr(0, 4), {"byte 4", "size of dimension 0", "found 0 bytes"});
  check_refused(read_idx_images, images_file.substr(0, 14), {"byte 12", "size of dimension 2", "found 2 bytes"});
}

TEST_CASE("read_idx: the wrong kind of file") {
  check_refused(read_idx_images, labels_file,
                {"byte 0", "expected", "0x00000803 (images)", "found 0x00000801 (labels)"});
  check_refused(read_idx_labels, images_file,
                {"byte 0", "expected", "0x00000801 (labels)", "found 0x00000803 (images)"});
  check_refused(read_idx_labels, "PK\x03\x04 ...", {"byte 0", "0x00000801 (labels)", "found 0x504b0304"});
  check_refused(read_idx, "PK\x03\x04 ...", {"byte 0", "0x000008rr", "found 0x504b0304"});
  check_refused(read_idx, "\0\0\x0d\x01\0\0\0\x01...."s, {"byte 0", "of bytes", "found 0x00000d01"});
  check_refused(read_idx, "\0\0\x08\0"s, {"byte 0", "found 0x00000800"});
}

TEST_CASE("read_idx: sizes that cannot be") {
  check_refused(read_idx_labels, "\0\0\x08\x01\0\0\0\0"s, {"byte 4", "dimension 0 of at least 1", "found 0"});
  check_refused(read_idx_images, "\0\0\x08\x03\0\0\0\x02\0\0\0\0\0\0\0\x01"s, {"byte 8", "dimension 1", "found 0"});
  const std::string most = "\xff\xff\xff\xff";
  check_refused(read_idx_images, "\0\0\x08\x03"s + most + most + most,
                {"byte 8", "product fits", "found dimension 1 of 4294967295"});
}

TEST_CASE("read_idx: sizes beyond what the file holds cost no memory") {
  // 2^61 bytes are claimed: an attempt to reserve them would be a std::bad_alloc, not a DataError.
  check_refused(read_idx_images,
                "\0\0\x08\x03\x7f\xff\xff\xff\x40\0\0\0\0\0\0\x01"
                "abc"s,
                {"byte 19", "expected", "bytes of payload from byte 16", "found the end of the file after 3"});
}

TEST_CASE("read_idx: a payload that is too short or too long") {
  check_refused(read_idx_images, images_file.substr(0, 20),
                {"byte 20", "expected 6 bytes", "found the end", "after 4"});
  check_refused(read_idx_labels, labels_file + "!", {"byte 12", "expected the end of the file", "found more bytes"});
}

TEST_CASE("read_idx: a gzipped file with a short payload, and one cut in the middle") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.gz";
  put_gzip_file(path, images_file.substr(0, 20));
  check_error<DataError>([&] { read_idx_images(path); },
                         {path.string(), "byte 20 of the unpacked content", "expected 6 bytes", "found the end"});
  put_gzip_file(path, images_file);
  const std::string whole = file_bytes(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    put_file(path, whole.substr(0, size));
    check_error<DataError>([&] { read_idx_images(path); }, {path.string(), "byte ", "expected", "found"});
  }
  CHECK(folder.names() == Names{"bad.gz"});
}

TEST_CASE("write_idx: is read back, and replaces atomically") {
  const TemporaryFolder folder;
  const auto path = folder / "array";
  write_idx(path, std::vector<Index>{2, 1, 3}, Bytes{'a', 'b', 'c', 'd', 'e', 'f'});
  CHECK(file_bytes(path) == images_file);
  write_idx(path, std::vector<Index>{4}, Bytes{3, 1, 4, 1});
  CHECK(file_bytes(path) == labels_file);
  CHECK(folder.names() == Names{"array"});
}

TEST_CASE("write_idx: sizes that are not those of the bytes are an error, and no file appears") {
  const TemporaryFolder folder;
  const auto write = [&](const std::vector<Index>& dims, std::size_t count) {
    return [&folder, dims, count] { write_idx(folder / "array", dims, Bytes(count)); };
  };
  check_error<ArgumentError>(write({}, 1), {"1 to 255 dimensions", "got 0"});
  check_error<ArgumentError>(write(std::vector<Index>(256, 1), 1), {"1 to 255 dimensions", "got 256"});
  check_error<ArgumentError>(write({2, 0}, 0), {"size", "got 0"});
  check_error<ArgumentError>(write({Index{1} << 32}, 0), {"size", "got 4294967296"});
  check_error<ArgumentError>(write({2, 3}, 7), {"product", "7"});
  check_error<ArgumentError>(write({2, 3}, 12), {"product", "12"});
  check_error<ArgumentError>(write({1}, 0), {"product", "0"});
  check_error<DataError>([&] { write_idx(folder / "no" / "array", std::vector<Index>{1}, Bytes(1)); },
                         {"cannot create"});
  CHECK(folder.names().empty());
}
