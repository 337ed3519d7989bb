#include "hypertape/io/npy.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;
using namespace std::string_literals;

namespace {

/// The bytes of an .npy file with this dictionary.
std::string npy(const std::string& dictionary, const std::string& payload, char major = 1) {
  std::string bytes = "\x93NUMPY" + std::string(1, major) + "\0"s;
  const std::size_t length = dictionary.size() + 1;
  const int length_bytes = major == 1 ? 2 : 4;
  for (int i = 0; i < length_bytes; ++i) bytes.push_back(static_cast<char>((length >> (8 * i)) & 0xFF));
  return bytes + dictionary + "\n" + payload;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

void check_refused(const std::string& bytes, std::initializer_list<std::string_view> words) {
  check_error<DataError>([&] { decode_npy(bytes, "x.npz: array 'a'"); }, {"x.npz: array 'a': byte "});
  check_error<DataError>([&] { decode_npy(bytes, "x.npz: array 'a'"); }, words);
}

template <class V>
std::vector<V> values(const NpyArray& array) {
  return std::get<std::vector<V>>(array.values);
}

const std::string one_float = "\0\0\x80\x3f"s;

}  // namespace

TEST_CASE("npy: the header is NumPy's, byte for byte, and the values start at a multiple of 64") {
  const std::string bytes = encode_npy({{2, 3}, std::vector<float>(6, 1)});
  const std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  CHECK(bytes.substr(0, 10) == "\x93NUMPY\x01\0\x76\0"s);
  CHECK(bytes.substr(10, 118) == text + std::string(117 - text.size(), ' ') + "\n");
  CHECK(bytes.substr(128, 4) == one_float);
  CHECK(bytes.size() == 128 + 24);
  for (Index rank = 0; rank <= 32; ++rank) {
    const NpyArray array{std::vector<Index>(static_cast<std::size_t>(rank), 1), std::vector<double>{2}};
    CHECK((encode_npy(array).size() - sizeof(double)) % 64 == 0);
    CHECK(decode_npy(encode_npy(array), "").shape == array.shape);
  }
}

TEST_CASE("npy: every type, and small integers as int64") {
  CHECK(values<float>(decode_npy(npy(dictionary("'<f4'", "(1,)"), one_float), "")) == std::vector<float>{1});
  CHECK(values<double>(decode_npy(npy(dictionary("'<f8'", "()"), "\0\0\0\0\0\0\0\xc0"s), "")) == std::vector{-2.});
  CHECK(values<std::int64_t>(decode_npy(npy(dictionary("'<i8'", "(1,)"), std::string(8, '\xff')), ""))[0] == -1);
  CHECK(values<std::int64_t>(decode_npy(npy(dictionary("'<i4'", "(1,)"), "\xfe\xff\xff\xff"), ""))[0] == -2);
  CHECK(values<std::int64_t>(decode_npy(npy(dictionary("'|u1'", "(2,)"), "\xff\x01"), ""))[0] == 255);
}

TEST_CASE("npy: format 2.0, keys in another order, no last commas, other quotes") {
  CHECK(decode_npy(npy(dictionary("'<f4'", "(1, 1)"), one_float, 2), "").shape == std::vector<Index>{1, 1});
  const std::string other = R"({"shape":(1,1) ,"fortran_order":False,"descr":"<f4"}  )";
  CHECK(decode_npy(npy(other, one_float), "").shape == std::vector<Index>{1, 1});
}

TEST_CASE("npy: what is not supported is refused by name") {
  check_refused(npy(dictionary("'<f4'", "(1,)", "True"), one_float), {"expected C order", "found fortran_order True"});
  for (const std::string dtype : {">f4", "<f2", "<u4", "|b1", "<c8", "|O", "<U3", "|i1"}) {
    check_refused(npy(dictionary("'" + dtype + "'", "(1,)"), one_float), {"expected a dtype", "found '" + dtype + "'"});
  }
  check_refused(npy(dictionary("[('x', '<f4')]", "(1,)"), one_float), {"a quoted string", "[('x', '<f4"});
  check_refused(npy(dictionary("'<f4'", "(1,)"), one_float, 3), {"byte 8", "1.0 or 2.0", "found 3.0"});
}

TEST_CASE("npy: headers that are broken") {
  check_refused("", {"byte 0", "magic"});
  check_refused("\x93NUMPX\x01\0"s, {"byte 0", "magic"});
  check_refused("\x93NUMPY", {"byte 6", "the major version (1 bytes)", "the end of the file"});
  check_refused("\x93NUMPY\x01\0\x05"s, {"byte 8", "length of the header (2 bytes)", "the end of the file"});
  check_refused("\x93NUMPY\x02\0\xff\xff\xff\xff{}"s, {"byte 12", "a header of 4294967295 bytes", "found 2"});
  check_refused(npy("", ""), {"'{'", "found the end of the header"});
  check_refused(npy("{}", ""), {"each of the keys", "found 0 keys"});
  check_refused(npy("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", one_float), {"each of the keys"});
  check_refused(npy("{'descr': '<f4', 'color': 1}", ""), {"the key descr", "found 'color'"});
  check_refused(npy("{'descr' '<f4'}", ""), {"':'", "'<f4'"});
  check_refused(npy("{'descr': '<f4}", ""), {"a string that ends"});
  check_refused(npy("{'fortran_order': 0}", ""), {"'False'", "\"0}"});
  check_refused(npy(dictionary("'<f4'", "1"), one_float), {"'('", "\"1, }"});
  check_refused(npy(dictionary("'<f4'", "(-1,)"), one_float), {"an extent", "\"-1,"});
  check_refused(npy(dictionary("'<f4'", "(1 1)"), one_float), {"')'", "\"1)"});
  check_refused(npy(dictionary("'<f4'", "(1,)") + "x", one_float), {"the end of the header", "x"});
}

TEST_CASE("npy: shapes that do not fit the payload cost no memory") {
  const auto with_shape = [](const std::string& shape) { return npy(dictionary("'<f4'", shape), one_float); };
  check_refused(with_shape("(99999999999999999999,)"), {"an extent below 2^63"});
  check_refused(with_shape("(4294967296, 4294967296)"), {"fits in 63 bits", "found (4294967296, 4294967296)"});
  check_refused(with_shape("(4611686018427387904,)"), {"4611686018427387904 values of 4 bytes", "found 4 bytes"});
  check_refused(with_shape("(2,)"), {"expected 2 values of 4 bytes for shape (2,)", "found 4 bytes"});
  check_refused(with_shape("(0,)"), {"expected 0 values", "found 4 bytes"});
  check_refused(npy(dictionary("'<f4'", "(1,)"), one_float + "x"), {"expected 1 values", "found 5 bytes"});
}

TEST_CASE("npy: a file cut anywhere is an error") {
  const std::string whole = encode_npy({{2, 3}, std::vector<float>(6, 1)});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    check_refused(whole.substr(0, size), {"expected", "found"});
  }
}

TEST_CASE("npy: an array whose shape does not give the number of values cannot be encoded") {
  const std::vector<float> six(6);
  check_error<ArgumentError>([&] { encode_npy({{2, 4}, six}); }, {"shape (2, 4)", "6 values"});
  check_error<ArgumentError>([&] { encode_npy({{-2, -3}, six}); }, {"6 values"});
  check_error<ArgumentError>([&] { encode_npy({{}, six}); }, {"shape ()", "6 values"});
  check_error<ArgumentError>(
      [&] {
        encode_npy({std::vector<Index>(33, 1), std::vector<float>(1)});
      },
      {"32 axes", "33"});
}

TEST_CASE("npy: names of shapes and types") {
  CHECK(shape_text({}) == "()");
  CHECK(shape_text({3}) == "(3,)");
  CHECK(shape_text({3, -1}) == "(3, *)");
  CHECK(dtype_name({{0}, std::vector<std::int64_t>{}}) == "int64"s);
  CHECK(dtype_name<float>() == "float32"s);
}
