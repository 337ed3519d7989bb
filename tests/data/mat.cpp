#include "hypertape/data/mat.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/check_error.hpp"
#include "support/stored_datasets.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

namespace {

/// The values of `a`, a row of three bytes.
std::vector<int> read_a(const std::filesystem::path& path) {
  const MatFile file = open_mat(path);
  const MatVariable a = read_mat_variable(file.get(), path, "a", {MAT_C_UINT8}, "uint8", {1, 3});
  const auto* bytes = static_cast<const std::uint8_t*>(a->data);
  return {bytes, bytes + 3};
}

/// A file with a and, after it, b.
void put_two_variables(const std::filesystem::path& path, matio_compression compression) {
  put_mat_file(path, {{"a", {1, 3}, {7, 8, 9}, {}}, {"b", {2, 2}, {}, {1, 2, 3, 4}}}, compression);
}

}  // namespace

TEST_CASE("read_mat_variable: one of several variables, compressed or not") {
  const TemporaryFolder folder;
  for (const matio_compression compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    put_two_variables(folder / "file", compression);
    CHECK(read_a(folder / "file") == std::vector{7, 8, 9});
    const MatFile file = open_mat(folder / "file");
    const MatVariable b = read_mat_variable(file.get(), folder / "file", "b", {MAT_C_DOUBLE}, "double", {-1, 2});
    CHECK(static_cast<const double*>(b->data)[3] == 4);
  }
}

TEST_CASE("read_mat_variable: what does not fit is named") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  put_two_variables(path, MAT_COMPRESSION_NONE);
  const MatFile file = open_mat(path);
  const auto read = [&](const char* name, const std::vector<Index>& shape) {
    return [&, name, shape] { read_mat_variable(file.get(), path, name, {MAT_C_UINT8}, "uint8", shape); };
  };
  check_error<DataError>(read("c", {-1}),
                         {path.string() + ": variable 'c': expected uint8 (*,), found no such variable"});
  check_error<DataError>(read("b", {2, 2}), {"variable 'b': expected uint8 (2, 2), found double (2, 2)"});
  check_error<DataError>(read("a", {3, 1}), {"variable 'a': expected uint8 (3, 1), found uint8 (1, 3)"});
  check_error<DataError>(read("a", {1, 3, 1}), {"variable 'a': expected uint8 (1, 3, 1), found uint8 (1, 3)"});
  check_error<DataError>([&] { open_mat(folder / "missing"); }, {(folder / "missing").string(), "cannot open"});
}

TEST_CASE("open_mat: a file that ends anywhere but after an element") {
  const TemporaryFolder folder;
  for (const matio_compression compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    put_mat_file(folder / "a", {{"a", {1, 3}, {7, 8, 9}, {}}}, compression);
    put_two_variables(folder / "file", compression);
    const std::string bytes = file_bytes(folder / "file");
    const std::size_t first_end = file_bytes(folder / "a").size();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(size);
      put_file(folder / "cut", std::string_view(bytes).substr(0, size));
      if (size == 128 || size == first_end) {
        CHECK_NOTHROW(open_mat(folder / "cut"));
      } else {
        check_error<DataError>([&] { open_mat(folder / "cut"); }, {"cut: byte ", ": expected ", ", found "});
      }
    }
    put_file(folder / "cut", std::string_view(bytes).substr(0, 135));
    check_error<DataError>([&] { open_mat(folder / "cut"); },
                           {"byte 128: expected type and size of an element, found the end of the file after 7"});
    put_file(folder / "cut", std::string_view(bytes).substr(0, 137));
    check_error<DataError>([&] { open_mat(folder / "cut"); },
                           {"byte 128: expected an element of", "bytes, found the end of the file after 9"});
  }
}

TEST_CASE("open_mat: damage in a compressed variable") {
  const TemporaryFolder folder;
  put_mat_file(folder / "file", {{"a", {1, 3}, {7, 8, 9}, {}}}, MAT_COMPRESSION_ZLIB);
  const std::string bytes = file_bytes(folder / "file");
  for (std::size_t at = 136; at < bytes.size(); ++at) {
    CAPTURE(at);
    std::string damaged = bytes;
    damaged[at] =
        static_cast<char>(damaged[at] ^ 1);  // a low bit, for the high ones before the checksum may be padding
    put_file(folder / "damaged", damaged);
    check_error<DataError>([&] { open_mat(folder / "damaged"); },
                           {"damaged: byte 128: expected sound zlib data, found "});
  }
}
