#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

static_assert(std::endian::native == std::endian::little, "the .npy code copies little-endian numbers as they are");

/// A NumPy array: its values in C order (last axis fastest). An empty shape means a scalar.
struct NpyArray {
  /// The values, in one of the supported types.
  using Values = std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>>;
  std::vector<Index> shape;  ///< extents, slowest first
  Values values;             ///< row-major
};

/// A shape as Python writes it, "(4, 10, 1)" or "(4,)"; an extent of -1 is shown as "*".
inline std::string shape_text(const std::vector<Index>& shape) {
  std::string text = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    text += (axis > 0 ? ", " : "") + (shape[axis] == -1 ? "*" : std::to_string(shape[axis]));
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

/// NumPy's name for the type V.
template <class V>
constexpr const char* dtype_name() {
  static_assert(std::is_floating_point_v<V> || std::is_same_v<V, std::int64_t>);
  if constexpr (std::is_same_v<V, float>) return "float32";
  if constexpr (std::is_same_v<V, double>) return "float64";
  return "int64";
}

/// NumPy's name for the type of the array's values.
inline std::string dtype_name(const NpyArray& array) {
  return std::visit([](const auto& values) { return dtype_name<std::decay_t<decltype(values[0])>>(); }, array.values);
}

namespace detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// The number of elements, or nothing if an extent is negative or the product overflows.
inline std::optional<std::size_t> element_count(const std::vector<Index>& shape) {
  Index count = 1;
  for (const Index extent : shape) {
    if (extent < 0 || (extent > 0 && count > (std::numeric_limits<Index>::max)() / extent)) return std::nullopt;
    count *= extent;
  }
  return static_cast<std::size_t>(count);
}

/// The dictionary at the start of an .npy file.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<Index> shape;
};

/// Reads the bytes of one .npy file. Errors name `where` the bytes come from, and the offset within them.
class NpyReader {
 public:
  NpyReader(std::string_view bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {}

  NpyArray read() {
    const NpyHeader header = read_header();
    if (header.fortran_order) fail("C order (fortran_order False)", "fortran_order True");
    if (header.descr == "<f4") return read_values<float, float>(header.shape);
    if (header.descr == "<f8") return read_values<double, double>(header.shape);
    if (header.descr == "<i8") return read_values<std::int64_t, std::int64_t>(header.shape);
    if (header.descr == "<i4") return read_values<std::int32_t, std::int64_t>(header.shape);
    if (header.descr == "|u1") return read_values<std::uint8_t, std::int64_t>(header.shape);
    fail("a dtype of '<f4', '<f8', '<i8', '<i4' or '|u1'", "'" + header.descr + "'");
  }

 private:
  [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
    throw DataError(where_, ": byte ", at_, ": expected ", expected, ", found ", found);
  }

  /// The text at the cursor, for error messages.
  std::string here() const {
    if (at_ >= end_) return "the end of the header";
    std::string text(bytes_.substr(at_, std::min<std::size_t>(12, end_ - at_)));
    for (char& character : text) {
      if (character < ' ' || character > '~') character = '?';
    }
    return "\"" + text + "\"";
  }

  std::size_t read_little_endian(std::size_t count, std::string_view meaning) {
    if (bytes_.size() - at_ < count) fail(concat(meaning, " (", count, " bytes)"), "the end of the file");
    std::size_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
      value |= std::size_t{static_cast<unsigned char>(bytes_[at_ + i])} << (8 * i);
    at_ += count;
    return value;
  }

  NpyHeader read_header() {
    if (!bytes_.starts_with(npy_magic)) fail("the magic string \\x93NUMPY", "other bytes");
    at_ = npy_magic.size();
    const std::size_t version = read_little_endian(1, "the major version");
    const std::size_t revision = read_little_endian(1, "the minor version");
    if ((version != 1 && version != 2) || revision != 0)
      fail("format version 1.0 or 2.0", concat(version, '.', revision));
    const std::size_t length = read_little_endian(version == 1 ? 2 : 4, "the length of the header");
    if (bytes_.size() - at_ < length) fail(concat("a header of ", length, " bytes"), concat(bytes_.size() - at_));
    end_ = at_ + length;
    return parse_dictionary();
  }

  /// Parses {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, the keys in any order, padded with spaces.
  NpyHeader parse_dictionary() {
    NpyHeader header;
    std::vector<std::string> keys;
    expect("{");
    while (!accept("}")) {
      keys.push_back(parse_string());
      expect(":");
      parse_value(keys.back(), header);
      if (!accept(",")) {
        expect("}");
        break;
      }
    }
    skip_space();
    if (at_ != end_) fail("the end of the header", here());
    std::sort(keys.begin(), keys.end());
    if (keys != std::vector<std::string>{"descr", "fortran_order", "shape"}) {
      fail("each of the keys descr, fortran_order and shape once", concat(keys.size(), " keys"));
    }
    return header;
  }

  void parse_value(const std::string& key, NpyHeader& header) {
    if (key == "descr") {
      header.descr = parse_string();
    } else if (key == "fortran_order") {
      header.fortran_order = accept("True");
      if (!header.fortran_order) expect("False");
    } else if (key == "shape") {
      header.shape = parse_shape();
    } else {
      fail("the key descr, fortran_order or shape", "'" + key + "'");
    }
  }

  std::vector<Index> parse_shape() {
    std::vector<Index> shape;
    expect("(");
    while (!accept(")")) {
      shape.push_back(parse_extent());
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
    return shape;
  }

  Index parse_extent() {
    skip_space();
    const std::size_t begin = at_;
    Index value = 0;
    for (; at_ < end_ && bytes_[at_] >= '0' && bytes_[at_] <= '9'; ++at_) {
      const Index digit = bytes_[at_] - '0';
      if (value > ((std::numeric_limits<Index>::max)() - digit) / 10) fail("an extent below 2^63", here());
      value = 10 * value + digit;
    }
    if (at_ == begin) fail("an extent", here());
    return value;
  }

  std::string parse_string() {
    skip_space();
    const char quote = at_ < end_ ? bytes_[at_] : '\0';
    if (quote != '\'' && quote != '"') fail("a quoted string", here());
    const std::size_t close = bytes_.substr(0, end_).find(quote, at_ + 1);
    if (close == std::string_view::npos) fail("a string that ends", here());
    std::string text(bytes_.substr(at_ + 1, close - at_ - 1));
    at_ = close + 1;
    return text;
  }

  void skip_space() {
    while (at_ < end_ && (bytes_[at_] == ' ' || bytes_[at_] == '\n')) ++at_;
  }

  bool accept(std::string_view token) {
    skip_space();
    if (!bytes_.substr(at_, end_ - at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!accept(token)) fail(concat('\'', token, '\''), here());
  }

  template <class Stored, class Value>
  NpyArray read_values(const std::vector<Index>& shape) {
    const std::optional<std::size_t> count = element_count(shape);
    if (!count) fail("a shape whose product fits in 63 bits", shape_text(shape));
    const std::size_t payload = bytes_.size() - at_;
    if (payload / sizeof(Stored) != *count || payload % sizeof(Stored) != 0) {
      fail(concat(*count, " values of ", sizeof(Stored), " bytes for shape ", shape_text(shape)),
           concat(payload, " bytes"));
    }
    std::vector<Value> values(*count);
    if constexpr (std::is_same_v<Stored, Value>) {
      if (*count > 0) std::memcpy(values.data(), bytes_.data() + at_, payload);
    } else {
      Stored stored{};
      for (std::size_t i = 0; i < *count; ++i) {
        std::memcpy(&stored, bytes_.data() + at_ + i * sizeof(Stored), sizeof(Stored));
        values[i] = Value{stored};
      }
    }
    return {shape, std::move(values)};
  }

  std::string_view bytes_;
  std::string where_;
  std::size_t at_ = 0;   // the cursor
  std::size_t end_ = 0;  // of the header
};

}  // namespace detail

/// Decodes the bytes of an .npy file: format 1.0 or 2.0, C order, dtype '<f4', '<f8' or '<i8', or '<i4' or '|u1', which
/// become int64. @throws DataError that starts with `where` and gives the byte offset, what was expected and what was
/// found.
inline NpyArray decode_npy(std::string_view bytes, const std::string& where) {
  return detail::NpyReader(bytes, where).read();
}

/// Encodes an array as the bytes of an .npy file of format 1.0. @throws ArgumentError if the shape does not match the
/// number of values, or has more than the 32 axes that NumPy allows.
inline std::string encode_npy(const NpyArray& array) {
  constexpr std::size_t start_of_values = 64;  // the header is padded to a multiple of it, as NumPy does
  if (array.shape.size() > 32) throw ArgumentError("npy: at most 32 axes, got ", array.shape.size());
  const auto encode = [&]<class V>(const std::vector<V>& values) {
    if (detail::element_count(array.shape) != values.size()) {
      throw ArgumentError("npy: shape ", shape_text(array.shape), " does not hold ", values.size(), " values");
    }
    const std::string descr = concat(std::is_integral_v<V> ? "<i" : "<f", sizeof(V));
    std::string header =
        "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape_text(array.shape) + ", }";
    const std::size_t fixed = detail::npy_magic.size() + 4;  // magic, version, length
    header.append(start_of_values - 1 - (fixed + header.size()) % start_of_values, ' ');
    header += '\n';
    std::string bytes(detail::npy_magic);
    for (const std::size_t byte : {std::size_t{1}, std::size_t{0}, header.size() & 0xFF, header.size() >> 8}) {
      bytes.push_back(static_cast<char>(byte));
    }
    bytes += header;
    return bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(V));
  };
  return std::visit(encode, array.values);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::io
