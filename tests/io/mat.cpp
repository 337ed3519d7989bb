#include "hypertape/io/mat.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "support/check_error.hpp"
#include "support/stored_datasets.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Doubles = std::vector<double>;

/// A file with a and, after it, b.
void put_two_variables(const std::filesystem::path& path, matio_compression compression) {
  put_mat_file(path, {{"a", {1, 3}, {7, 8, 9}, {}}, {"b", {2, 2}, {}, {1, 2, 3, 4}}}, compression);
}

/// Appends numbers of 4 bytes, the lowest byte first unless `big`.
void append(std::string& bytes, std::initializer_list<std::uint32_t> numbers, bool big = false) {
  for (const std::uint32_t number : numbers) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>((number >> 8 * (big ? 3 - i : i)) & 0xFF));
  }
}

std::string header(bool big = false) {
  return std::string(124, ' ') + (big ? std::string("\1\0MI", 4) : std::string("\0\1IM", 4));
}

/// The element of an array X of this class, with dimensions that it says, and its values as an element that says to be
/// of this type and size.
std::string matrix(std::uint32_t kind, std::initializer_list<std::uint32_t> dims, std::uint32_t type,
                   std::uint32_t size, std::string_view values, bool big = false) {
  std::string content;
  append(content, {6, 8, kind, 0}, big);
  append(content, {5, static_cast<std::uint32_t>(4 * dims.size())}, big);
  append(content, dims, big);
  if (dims.size() % 2 == 1) append(content, {0}, big);
  append(content, {1 << 16 | 1}, big);
  content += std::string("X\0\0\0", 4);
  append(content, {type, size}, big);
  content += values;
  content.resize((content.size() + 7) / 8 * 8);
  std::string element;
  append(element, {14, static_cast<std::uint32_t>(content.size())}, big);
  return element + content;
}

/// The element that holds `content` compressed.
std::string compressed(const std::string& content) {
  std::string packed(compressBound(content.size()), '\0');
  uLongf size = packed.size();
  REQUIRE(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(content.data()),
                   content.size()) == Z_OK);
  packed.resize(size);
  std::string element;
  append(element, {15, static_cast<std::uint32_t>(packed.size())});
  return element + packed;
}

}  // namespace

TEST_CASE("read_mat: several variables, compressed or not") {
  const TemporaryFolder folder;
  for (const matio_compression compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    put_two_variables(folder / "file", compression);
    const Mat variables = read_mat(folder / "file");
    CHECK(variables.size() == 2);
    CHECK(variables.at("a").type == "uint8");
    CHECK(variables.at("a").shape == std::vector<Index>{1, 3});
    CHECK(std::get<Bytes>(variables.at("a").values) == Bytes{7, 8, 9});
    CHECK(variables.at("b").type == "double");
    CHECK(variables.at("b").shape == std::vector<Index>{2, 2});
    CHECK(std::get<Doubles>(variables.at("b").values) == Doubles{1, 2, 3, 4});
  }
}

TEST_CASE("read_mat: doubles that are stored as smaller numbers, in either byte order") {
  const TemporaryFolder folder;
  constexpr std::uint32_t kind = 6;
  for (const bool big : {false, true}) {
    const auto values_of = [&](std::uint32_t type, std::string_view values) {
      put_file(folder / "file", header(big) + matrix(kind, {1, 1}, type, static_cast<std::uint32_t>(values.size()),
                                                     big ? std::string(values.rbegin(), values.rend()) : values, big));
      return std::get<Doubles>(read_mat(folder / "file").at("X").values);
    };
    using namespace std::string_view_literals;
    CHECK(values_of(1, "\xfe"sv) == Doubles{-2});
    CHECK(values_of(2, "\xfe"sv) == Doubles{254});
    CHECK(values_of(3, "\0\xff"sv) == Doubles{-256});
    CHECK(values_of(4, "\1\2"sv) == Doubles{513});
    CHECK(values_of(5, "\xff\xff\xff\xff"sv) == Doubles{-1});
    CHECK(values_of(6, "\0\0\0\x80"sv) == Doubles{2147483648.0});
    CHECK(values_of(7, "\0\0\xc0\x3f"sv) == Doubles{1.5});
    CHECK(values_of(9, "\0\0\0\0\0\0\xf8\x3f"sv) == Doubles{1.5});
    CHECK(values_of(12, "\xfe\xff\xff\xff\xff\xff\xff\xff"sv) == Doubles{-2});
    CHECK(values_of(13, "\0\0\0\0\1\0\0\0"sv) == Doubles{4294967296.0});
  }
}

TEST_CASE("read_mat: values are as many as the dimensions say, compressed or not") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  const std::string values(16, 'v');
  for (const bool packed : {false, true}) {
    const auto put = [&](const std::string& element) {
      put_file(path, header() + (packed ? compressed(element) : element));
    };
    put(matrix(9, {4, 4}, 2, 16, values));
    CHECK(std::get<Bytes>(read_mat(path).at("X").values) == Bytes(16, 'v'));
    for (const std::uint32_t columns : {2u, 3u, 5u, 8u, 1'000'000'000u}) {
      put(matrix(9, {4, columns}, 2, 16, values));
      check_error<DataError>([&] { read_mat(path); },
                             {path.string() + ": byte ",
                              hypertape::detail::concat("expected ", std::uint64_t{4} * columns,
                                                        " bytes of values for shape (4, ", columns, ")"),
                              "found 16"});
    }
    put(matrix(9, {4, 1'000'000'000}, 2, 4'000'000'000, values));
    check_error<DataError>([&] { read_mat(path); }, {"the values of an array (4000000000 bytes), found the end"});
    put(matrix(9, {0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF}, 2, 16, values));
    check_error<DataError>([&] { read_mat(path); }, {"extents whose product fits in 63 bits, found (2147483647, "});
    put(matrix(9, {4, 0xFFFFFFFF}, 2, 16, values));
    check_error<DataError>([&] { read_mat(path); }, {"extents whose product fits in 63 bits, found (4, *)"});
    put(matrix(9, {4, 4}, 9, 128, std::string(128, 'v')));
    check_error<DataError>([&] { read_mat(path); }, {"uint8 values, type 2, found type 9"});
    put(matrix(6, {4, 4}, 14, 16, values));
    check_error<DataError>([&] { read_mat(path); }, {"a numeric type, found type 14"});
  }
}

TEST_CASE("read_mat: a compressed element holds one array, to its end") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  const std::string good = matrix(9, {1, 8}, 2, 8, "12345678");
  put_file(path, header() + compressed(good + "more"));
  check_error<DataError>([&] { read_mat(path); }, {"of byte 136: expected the array to end at byte", "more bytes"});
  put_file(path, header() + compressed(good.substr(0, good.size() - 4)));
  check_error<DataError>([&] { read_mat(path); },
                         {"the values of an array (8 bytes), found the end of the array after 4"});
  std::string tail = compressed(good) + "tail";
  tail[4] = static_cast<char>(tail[4] + 4);
  put_file(path, header() + tail);
  check_error<DataError>([&] { read_mat(path); }, {"expected the end of the zlib data, found more bytes"});
}

TEST_CASE("read_mat: what unpacks to far more than the file holds") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  constexpr std::uint32_t size = 40'000'000;
  put_file(path, header() + compressed(matrix(9, {1, size}, 2, size, std::string(size, '\0'))));
  check_error<DataError>([&] { read_mat(path); }, {path.string(), "expected at most ", "bytes unpacked from"});
}

TEST_CASE("read_mat: a variable twice") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  const std::string element = matrix(9, {1, 8}, 2, 8, "12345678");
  put_file(path, header() + element + element);
  check_error<DataError>([&] { read_mat(path); }, {path.string(), "each variable once, found 'X' again"});
}

TEST_CASE("require_variable: what does not fit is named") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  put_two_variables(path, MAT_COMPRESSION_NONE);
  const Mat variables = read_mat(path);
  const auto require = [&](const char* name, const std::vector<Index>& shape) {
    return [&, name, shape] { require_variable(variables, path, name, {"uint8"}, shape); };
  };
  CHECK(require_variable(variables, path, "b", {"uint8", "double"}, {-1, 2}).type == "double");
  check_error<DataError>(require("c", {-1}),
                         {path.string() + ": variable 'c': expected uint8 (*,), found no such variable"});
  check_error<DataError>(require("b", {2, 2}), {"variable 'b': expected uint8 (2, 2), found double (2, 2)"});
  check_error<DataError>(require("a", {3, 1}), {"variable 'a': expected uint8 (3, 1), found uint8 (1, 3)"});
  check_error<DataError>(require("a", {1, 3, 1}), {"variable 'a': expected uint8 (1, 3, 1), found uint8 (1, 3)"});
  check_error<DataError>([&] { read_mat(folder / "missing"); }, {(folder / "missing").string(), "cannot open"});
}

TEST_CASE("read_mat: a file that ends anywhere but after an element") {
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
        CHECK_NOTHROW(read_mat(folder / "cut"));
      } else {
        check_error<DataError>([&] { read_mat(folder / "cut"); }, {"cut: byte ", ": expected ", ", found "});
      }
    }
    put_file(folder / "cut", std::string_view(bytes).substr(0, 135));
    check_error<DataError>([&] { read_mat(folder / "cut"); },
                           {"byte 128: expected type and size of an element, found the end of the file after 7"});
    put_file(folder / "cut", std::string_view(bytes).substr(0, 137));
    check_error<DataError>([&] { read_mat(folder / "cut"); },
                           {"byte 128: expected an element of", "bytes, found the end of the file after 9"});
  }
}

TEST_CASE("read_mat: damage in a compressed variable") {
  const TemporaryFolder folder;
  put_mat_file(folder / "file", {{"a", {1, 3}, {7, 8, 9}, {}}}, MAT_COMPRESSION_ZLIB);
  const std::string bytes = file_bytes(folder / "file");
  for (std::size_t at = 136; at < bytes.size(); ++at) {
    CAPTURE(at);
    std::string damaged = bytes;
    damaged[at] =
        static_cast<char>(damaged[at] ^ 1);  // a low bit, for the high ones before the checksum may be padding
    put_file(folder / "damaged", damaged);
    check_error<DataError>([&] { read_mat(folder / "damaged"); }, {"damaged: byte ", ": expected ", ", found "});
  }
}
