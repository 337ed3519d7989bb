#include "hypertape/io/npz.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "support/check_error.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;
using Names = std::vector<std::string>;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Integers = std::vector<std::int64_t>;

namespace {

/// numpy.savez(images=numpy.array([[1.5, -2], [0.25, 4]], "<f4"), step=numpy.array(0.1)), NumPy 1.24.
constexpr std::string_view numpy_savez =
    "504b030414000000000000002100ea4cc60590000000900000000a001400696d616765732e6e70790100100090000000000000009000"
    "000000000000934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c73"
    "652c20277368617065273a2028322c2032292c207d202020202020202020202020202020202020202020202020202020202020202020"
    "202020202020202020202020202020202020202020202020200a0000c03f000000c00000803e00008040504b03041400000000000000"
    "210000bc0e12880000008800000008001400737465702e6e70790100100088000000000000008800000000000000934e554d50590100"
    "76007b276465736372273a20273c6638272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a202829"
    "2c207d202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020"
    "20202020202020202020200a9a9999999999b93f504b0102140314000000000000002100ea4cc60590000000900000000a0000000000"
    "000000000000800100000000696d616765732e6e7079504b010214031400000000000000210000bc0e12880000008800000008000000"
    "00000000000000008001cc000000737465702e6e7079504b050600000000020002006e0000008e0100000000";

/// numpy.savez_compressed(bytes=numpy.array([255, 7], "uint8"), ints=numpy.array([[-5, 2**31 - 1]], "int32"),
/// long=numpy.array([], "int64")), NumPy 1.24.
constexpr std::string_view numpy_savez_compressed =
    "504b030414000000080000002100de3a30a546000000820000000900140062797465732e6e7079010010008200000000000000460000"
    "00000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e536aa8aea3a09e965f54529498179f5f94920a12774bcc294e058a"
    "17672416a402f91a463a9a3a0ab50a1400aeffec00504b0304140000000800000021009a30736b4b0000008800000008001400696e74"
    "732e6e70790100100088000000000000004b000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a2aea3a09e"
    "965f54529498179f5f94920a12774bcc294e058a17672416a402f91a863a0a469a3a0ab50a6403aedfffc1a01e00504b030414000000"
    "080000002100c09567c84400000080000000080014006c6f6e672e6e707901001000800000000000000044000000000000009bec17ea"
    "1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a1aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a06"
    "3a9a3a0ab50a14002e00504b0102140314000000080000002100de3a30a5460000008200000009000000000000000000000080010000"
    "000062797465732e6e7079504b01021403140000000800000021009a30736b4b00000088000000080000000000000000000000800181"
    "000000696e74732e6e7079504b0102140314000000080000002100c09567c84400000080000000080000000000000000000000800106"
    "0100006c6f6e672e6e7079504b05060000000003000300a3000000840100000000";

std::string from_hexadecimal(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

Npz example() {
  return {{"images", {{2, 1, 3}, Floats{1, 2, 3, 4, 5, 6}}},
          {"labels", {{2}, Integers{7, -1}}},
          {"learning_rate", {{}, Doubles{0.02}}}};
}

/// Puts an archive of these files, well-formed or not, in a folder.
void put_zip(const std::filesystem::path& path, const std::map<std::string, std::string>& files) {
  put_file(path, io::detail::pack_zip(path, files));
}

template <class V>
const std::vector<V>& values(const Npz& arrays, const std::string& name) {
  return std::get<std::vector<V>>(arrays.at(name).values);
}

}  // namespace

TEST_CASE("npz: what is written is read back") {
  const TemporaryFolder folder;
  const auto path = folder / "example.npz";
  write_npz(path, example());
  const Npz arrays = read_npz(path);
  CHECK(arrays.size() == 3);
  CHECK(arrays.at("images").shape == std::vector<Index>{2, 1, 3});
  CHECK(values<float>(arrays, "images") == Floats{1, 2, 3, 4, 5, 6});
  CHECK(values<std::int64_t>(arrays, "labels") == Integers{7, -1});
  CHECK(arrays.at("learning_rate").shape.empty());
  CHECK(values<double>(arrays, "learning_rate") == Doubles{0.02});
  CHECK(folder.names() == Names{"example.npz"});
}

TEST_CASE("npz: special values, empty arrays and long ones survive") {
  const TemporaryFolder folder;
  const auto path = folder / "example.npz";
  Floats many(300'000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i);
  const float infinity = std::numeric_limits<float>::infinity();
  write_npz(path, {{"many", {{300, 1000}, many}},
                   {"none", {{0, 4}, Doubles{}}},
                   {"special", {{3}, Floats{infinity, -0.0f, std::nanf("")}}}});
  const Npz arrays = read_npz(path);
  CHECK(values<float>(arrays, "many") == many);
  CHECK(arrays.at("none").shape == std::vector<Index>{0, 4});
  CHECK(values<double>(arrays, "none").empty());
  CHECK(values<float>(arrays, "special")[0] == infinity);
  CHECK(std::signbit(values<float>(arrays, "special")[1]));
  CHECK(std::isnan(values<float>(arrays, "special")[2]));
}

TEST_CASE("npz: the same arrays give the same bytes") {
  const TemporaryFolder folder;
  write_npz(folder / "a.npz", example());
  write_npz(folder / "b.npz", example());
  CHECK(file_bytes(folder / "a.npz") == file_bytes(folder / "b.npz"));
  std::string date("\0\0\x21\0", 4);  // midnight of 1980-01-01, at byte 10 of the first local header
  CHECK(file_bytes(folder / "a.npz").substr(10, 4) == date);
}

TEST_CASE("npz: reads what numpy.savez writes") {
  const TemporaryFolder folder;
  put_file(folder / "numpy.npz", from_hexadecimal(numpy_savez));
  const Npz arrays = read_npz(folder / "numpy.npz");
  CHECK(arrays.size() == 2);
  CHECK(arrays.at("images").shape == std::vector<Index>{2, 2});
  CHECK(values<float>(arrays, "images") == Floats{1.5f, -2, 0.25f, 4});
  CHECK(arrays.at("step").shape.empty());
  CHECK(values<double>(arrays, "step") == Doubles{0.1});
}

TEST_CASE("npz: reads what numpy.savez_compressed writes, small integers as int64") {
  const TemporaryFolder folder;
  put_file(folder / "numpy.npz", from_hexadecimal(numpy_savez_compressed));
  const Npz arrays = read_npz(folder / "numpy.npz");
  CHECK(arrays.size() == 3);
  CHECK(values<std::int64_t>(arrays, "bytes") == Integers{255, 7});
  CHECK(values<std::int64_t>(arrays, "ints") == Integers{-5, 2147483647});
  CHECK(arrays.at("ints").shape == std::vector<Index>{1, 2});
  CHECK(arrays.at("long").shape == std::vector<Index>{0});
}

TEST_CASE("npz: what cannot be written is an error, and no file appears") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  check_error<ArgumentError>([&] { write_npz(path, {}); }, {"at least one array"});
  check_error<ArgumentError>([&] { write_npz(path, {{"a", {{2, 2}, Floats{1}}}}); }, {"(2, 2)", "1 values"});
  const auto lost = folder / "missing" / "a.npz";
  check_error<DataError>([&] { write_npz(lost, example()); }, {lost.string(), "cannot create", "No such file"});
  CHECK(folder.names().empty());
}

TEST_CASE("npz: files that are no archives") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  check_error<DataError>([&] { read_npz(path); }, {path.string(), "cannot open", "No such file"});
  check_error<DataError>([&] { read_npz(folder.path()); }, {folder.path().string(), "cannot open"});
  put_file(path, "");
  check_error<DataError>([&] { read_npz(path); }, {path.string(), "cannot open", "zip"});
  put_file(path, "something else");
  check_error<DataError>([&] { read_npz(path); }, {path.string(), "cannot open", "Not a zip archive"});
}

TEST_CASE("npz: a method that NumPy does not pack with, and entries that announce too much") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  const std::string good = io::detail::pack_zip("x.npz", {{"a", encode_npy({{1}, Floats{1}})}});
  const std::size_t local = good.find("PK\3\4"), central = good.find("PK\1\2");
  std::string bytes = good;
  bytes[local + 8] = bytes[central + 10] = 12;  // bzip2
  put_file(path, bytes);
  check_error<DataError>([&] { read_npz(path); }, {path.string(), "entry 0", "0 (stored) or 8 (deflate), found 12"});
  bytes = good;
  bytes[local + 8] = bytes[central + 10] = 8;
  for (const std::size_t at : {local + 22, central + 24}) bytes.replace(at, 4, std::string("\0\0\0\x7f", 4));
  put_file(path, bytes);
  check_error<DataError>([&] { read_npz(path); },
                         {path.string(), "entry 0", "bytes unpacked in all, found 0 and 2130706432"});
}

TEST_CASE("npz: an array that is broken is named, with its file") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  put_zip(path, {{"good", encode_npy({{1}, Floats{1}})}, {"images", "not an array"}});
  check_error<DataError>([&] { read_npz(path); }, {path.string(), "array 'images'", "byte 0", "expected", "found"});
}

TEST_CASE("npz: an entry that is not an array is named") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  std::string bytes = io::detail::pack_zip("x.npz", {{"note", "text"}});
  for (std::size_t at; (at = bytes.find("note.npy")) != std::string::npos;) bytes.replace(at, 8, "note.txt");
  put_file(path, bytes);
  check_error<DataError>([&] { read_npz(path); }, {path.string(), "entry 0", "ends in .npy", "'note.txt'"});
}

TEST_CASE("npz: two arrays of one name are an error") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  std::string bytes =
      io::detail::pack_zip("x.npz", {{"a", encode_npy({{1}, Floats{1}})}, {"b", encode_npy({{1}, Floats{1}})}});
  for (std::size_t at; (at = bytes.find("b.npy")) != std::string::npos;) bytes.replace(at, 5, "a.npy");
  put_file(path, bytes);
  check_error<DataError>([&] { read_npz(path); }, {path.string()});
}

TEST_CASE("npz: a flipped bit in the values shows in the checksum") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  std::string bytes = io::detail::pack_zip("x.npz", {{"a", encode_npy({{3}, Floats{1, 2, 3}})}});
  bytes[bytes.find("\x93NUMPY") + 130] ^= 1;
  put_file(path, bytes);
  check_error<DataError>([&] { read_npz(path); }, {path.string(), "array 'a'", "cannot unpack", "CRC"});
}

TEST_CASE("npz: a file cut anywhere is an error, a flipped bit an error or harmless") {
  const TemporaryFolder folder;
  const auto path = folder / "bad.npz";
  const std::string whole = from_hexadecimal(numpy_savez_compressed);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    put_file(path, whole.substr(0, size));
    check_error<DataError>([&] { read_npz(path); }, {path.string()});
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    put_file(path, bytes);
    try {
      read_npz(path);  // a date may well have changed
    } catch (const DataError&) {
    }
  }
  CHECK(folder.names() == Names{"bad.npz"});
}

TEST_CASE("require: gives the values, where -1 stands for any extent") {
  const Npz arrays = example();
  CHECK(require_values<float>(arrays, "x.npz", "images", {2, 1, 3}) == Floats{1, 2, 3, 4, 5, 6});
  CHECK(require_values<float>(arrays, "x.npz", "images", {-1, 1, -1}).size() == 6);
  CHECK(require_values<double>(arrays, "x.npz", "learning_rate", {}) == Doubles{0.02});
  CHECK(require_array(arrays, "x.npz", "labels").shape == std::vector<Index>{2});
}

TEST_CASE("require: a missing, mistyped or misshapen array is named with what was expected and found") {
  const Npz arrays = example();
  check_error<DataError>([&] { require_values<float>(arrays, "x.npz", "theta0", {-1}); },
                         {"x.npz", "expected", "'theta0'", "found", "images, labels, learning_rate"});
  check_error<DataError>([&] { require_array({}, "x.npz", "theta0"); }, {"x.npz", "'theta0'", "found no arrays"});
  check_error<DataError>([&] { require_values<float>(arrays, "x.npz", "labels", {-1}); },
                         {"x.npz", "array 'labels'", "expected float32 (*,)", "found int64 (2,)"});
  check_error<DataError>(
      [&] {
        require_values<float>(arrays, "x.npz", "images", {2, -1, 4});
      },
      {"x.npz", "array 'images'", "expected float32 (2, *, 4)", "found float32 (2, 1, 3)"});
  check_error<DataError>([&] { require_values<float>(arrays, "x.npz", "images", {6}); },
                         {"expected float32 (6,)", "found float32 (2, 1, 3)"});
}

TEST_CASE("npz: parts with a prefix") {
  Npz npz = {{"best", {{1}, Doubles{0}}}, {"number", {{1}, Doubles{1}}}};
  add_prefixed(npz, "best", {{"number", {{1}, Doubles{2}}}});
  CHECK(npz.size() == 3);
  const Npz part = with_prefix(npz, "best");
  REQUIRE(part.size() == 1);
  CHECK(std::get<Doubles>(part.at("number").values) == Doubles{2});
}
