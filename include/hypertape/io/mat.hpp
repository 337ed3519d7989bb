#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/input_file.hpp"
#include "hypertape/io/npy.hpp"
#include "hypertape/io/unpacking_reader.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

/// A variable of a MAT file. Values are read only from real arrays of uint8 or double; other variables have none.
struct MatVariable {
  std::string type;          ///< in MATLAB's terms: "uint8", "double", "complex double", "class 1"
  std::vector<Index> shape;  ///< extents, the first fastest in memory
  std::variant<std::monostate, std::vector<std::uint8_t>, std::vector<double>> values;  ///< column-major
};

/// The variables of a MAT file by name.
using Mat = std::map<std::string, MatVariable>;

namespace detail {

/// Numbers that denote types in a MAT file of version 5.
namespace mat {
enum Element : std::uint32_t {
  int8 = 1,
  uint8 = 2,
  int16 = 3,
  uint16 = 4,
  int32 = 5,
  uint32 = 6,
  single_precision = 7,
  double_precision = 9,
  int64 = 12,
  uint64 = 13,
  matrix = 14,
  compressed = 15,
};
inline constexpr std::uint32_t class_double = 6, class_uint8 = 9;
}  // namespace mat

/// A number of sizeof(V) bytes, stored in the file's byte order.
template <class V>
V mat_number(const std::uint8_t* bytes, bool big_endian) {
  std::array<std::uint8_t, sizeof(V)> ordered{};
  std::copy_n(bytes, sizeof(V), ordered.begin());
  if (big_endian != (std::endian::native == std::endian::big)) std::reverse(ordered.begin(), ordered.end());
  return std::bit_cast<V>(ordered);
}

/// Reads one array, an element of type `matrix` whose parts are elements too: flags, dimensions, name and values. An
/// element is its type and size (4 bytes each), its content, and padding to 8 bytes. The compact form packs type, size
/// and up to 4 bytes of content into 8 bytes.
class MatMatrixReader {
 public:
  /// The array occupies the next `bytes` bytes of the file.
  MatMatrixReader(UnpackingReader& file, std::uintmax_t bytes, bool big_endian)
      : file_(file), end_(file.offset() + bytes), big_endian_(big_endian) {}

  /// Reads the array to its end, and returns its name and the variable. @throws DataError if its parts do not fit
  /// together or into the array.
  std::pair<std::string, MatVariable> read() {
    const Part flags = read_part(mat::uint32, "the flags of an array");
    if (flags.bytes.size() != 8) fail(flags, "8 bytes of flags", concat(flags.bytes.size()));
    const auto word = number<std::uint32_t>(flags.bytes.data());
    const std::uint32_t kind = word & 0xFFu;
    const bool complex = (word & 0x800u) != 0;
    MatVariable variable;
    variable.type = kind == mat::class_uint8 ? "uint8" : kind == mat::class_double ? "double" : concat("class ", kind);
    if (complex) variable.type = "complex " + variable.type;
    const Part dims = read_part(mat::int32, "the dimensions of an array");
    if (dims.bytes.size() < 8 || dims.bytes.size() % 4 != 0 || dims.bytes.size() > 4 * most_dimensions) {
      fail(dims, concat("2 .. ", most_dimensions, " dimensions of 4 bytes"), concat(dims.bytes.size(), " bytes"));
    }
    for (std::size_t i = 0; i < dims.bytes.size(); i += 4) {
      variable.shape.push_back(number<std::int32_t>(dims.bytes.data() + i));
    }
    const Part name = read_part(mat::int8, "the name of an array");
    if (!complex && kind == mat::class_uint8) variable.values = read_bytes(variable.shape);
    if (!complex && kind == mat::class_double) variable.values = read_doubles(variable.shape);
    file_.skip(end_ - file_.offset());
    return {std::string(name.bytes.begin(), name.bytes.end()), std::move(variable)};
  }

 private:
  static constexpr std::size_t most_dimensions = 32;

  struct Part {
    std::uintmax_t at = 0;  // byte offset of its tag
    std::uint32_t type = 0;
    std::vector<std::uint8_t> bytes;
  };

  template <class V>
  V number(const std::uint8_t* bytes) const {
    return mat_number<V>(bytes, big_endian_);
  }

  [[noreturn]] void fail(const Part& part, const std::string& expected, const std::string& found) const {
    throw bad_content(file_.path(), file_.where(part.at), expected, found);
  }

  /// The next `count` bytes of the array. `expected` describes them in error messages.
  std::vector<std::uint8_t> take(std::uintmax_t count, const std::string& expected) {
    const std::uintmax_t at = file_.offset();
    std::vector<std::uint8_t> bytes;
    if (count <= end_ - at) bytes = file_.read(count);
    if (bytes.size() == count && count <= end_ - at) return bytes;
    throw bad_content(file_.path(), file_.where(at), concat(expected, " (", count, " bytes)"),
                      concat("the end of the array after ", (count <= end_ - at ? file_.offset() : end_) - at));
  }

  Part read_tag(std::uintmax_t& size, bool& compact) {
    Part part;
    part.at = file_.offset();
    const std::vector<std::uint8_t> first = take(4, "the type of an element");
    part.type = number<std::uint32_t>(first.data());
    compact = part.type >> 16 != 0;
    size = compact ? part.type >> 16 : number<std::uint32_t>(take(4, "the size of an element").data());
    part.type &= compact ? 0xFFFFu : 0xFFFFFFFFu;
    if (compact && size > 4) fail(part, "at most 4 bytes in a compact element", concat(size));
    return part;
  }

  void read_content(Part& part, std::uintmax_t size, bool compact, const std::string& meaning) {
    part.bytes = take(size, meaning);
    const std::uintmax_t padding = compact ? 4 - size : (8 - size % 8) % 8;
    file_.skip((std::min)(padding, end_ - file_.offset()));
  }

  Part read_part(std::uint32_t type, const std::string& meaning) {
    std::uintmax_t size = 0;
    bool compact = false;
    Part part = read_tag(size, compact);
    if (part.type != type) fail(part, concat(meaning, ", type ", type), concat("type ", part.type));
    read_content(part, size, compact, meaning);
    return part;
  }

  /// The values as stored. Their size is checked against the shape before any is read.
  Part read_values(const std::vector<Index>& shape) {
    std::uintmax_t size = 0;
    bool compact = false;
    Part part = read_tag(size, compact);
    const std::size_t each = size_of_type(part.type);
    if (each == 0) fail(part, "values of a numeric type", concat("type ", part.type));
    const auto count = element_count(shape);
    if (!count || *count > (std::numeric_limits<std::uintmax_t>::max)() / each) {
      fail(part, "extents whose product fits in 63 bits", shape_text(shape));
    }
    if (size != *count * each) {
      fail(part, concat(*count * each, " bytes of values for shape ", shape_text(shape)), concat(size));
    }
    read_content(part, size, compact, "the values of an array");
    return part;
  }

  std::vector<std::uint8_t> read_bytes(const std::vector<Index>& shape) {
    Part part = read_values(shape);
    if (part.type != mat::uint8) fail(part, concat("uint8 values, type ", +mat::uint8), concat("type ", part.type));
    return std::move(part.bytes);
  }

  /// MATLAB stores doubles in the smallest type that can hold them.
  std::vector<double> read_doubles(const std::vector<Index>& shape) {
    const Part part = read_values(shape);
    switch (part.type) {
      case mat::int8:
        return converted<std::int8_t>(part.bytes);
      case mat::uint8:
        return converted<std::uint8_t>(part.bytes);
      case mat::int16:
        return converted<std::int16_t>(part.bytes);
      case mat::uint16:
        return converted<std::uint16_t>(part.bytes);
      case mat::int32:
        return converted<std::int32_t>(part.bytes);
      case mat::uint32:
        return converted<std::uint32_t>(part.bytes);
      case mat::single_precision:
        return converted<float>(part.bytes);
      case mat::int64:
        return converted<std::int64_t>(part.bytes);
      case mat::uint64:
        return converted<std::uint64_t>(part.bytes);
      default:
        return converted<double>(part.bytes);
    }
  }

  template <class V>
  std::vector<double> converted(const std::vector<std::uint8_t>& bytes) const {
    std::vector<double> values;
    values.reserve(bytes.size() / sizeof(V));
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(V)) {
      values.push_back(static_cast<double>(number<V>(bytes.data() + i)));
    }
    return values;
  }

  /// Bytes per number of this type; 0 if the type is not numeric.
  static std::size_t size_of_type(std::uint32_t type) {
    switch (type) {
      case mat::int8:
      case mat::uint8:
        return 1;
      case mat::int16:
      case mat::uint16:
        return 2;
      case mat::int32:
      case mat::uint32:
      case mat::single_precision:
        return 4;
      case mat::double_precision:
      case mat::int64:
      case mat::uint64:
        return 8;
      default:
        return 0;
    }
  }

  UnpackingReader& file_;
  std::uintmax_t end_;
  bool big_endian_;
};

/// Reads the type and size of the next element. @throws DataError if the file ends before them.
inline std::pair<std::uint32_t, std::uint32_t> read_mat_tag(UnpackingReader& file, bool big_endian) {
  constexpr std::size_t size = 8;
  const std::uintmax_t at = file.offset();
  const std::vector<std::uint8_t> tag = file.read(size);
  if (tag.size() == size) {
    return {mat_number<std::uint32_t>(tag.data(), big_endian), mat_number<std::uint32_t>(tag.data() + 4, big_endian)};
  }
  throw bad_content(file.path(), file.where(at), "type and size of an element",
                    concat("the end of the file after ", tag.size()));
}

/// Reads the variable in a compressed element, which holds one array and nothing else.
inline std::pair<std::string, MatVariable> read_compressed_mat(UnpackingReader& content, bool big_endian) {
  const auto [type, bytes] = read_mat_tag(content, big_endian);
  if (type != mat::matrix) {
    throw bad_content(content.path(), content.where(0), concat("an array, type ", +mat::matrix), concat("type ", type));
  }
  auto variable = MatMatrixReader(content, bytes, big_endian).read();
  const std::uintmax_t end = 8 + std::uintmax_t{bytes};
  if (content.offset() < end || !content.read(1).empty()) {
    throw bad_content(content.path(), content.where((std::min)(end, content.offset())),
                      concat("the array to end at byte ", end), content.offset() < end ? "fewer bytes" : "more bytes");
  }
  return variable;
}

}  // namespace detail

// Why not libmatio: it allocates what a header claims before it checks what the file holds, and gives a program no way
// to limit that for packed data. If a file holds only a part of an array, libmatio 1.5.23 returns all of it without an
// error, the rest uninitialized.
/// Reads a MAT file of version 5, of either byte order: a header of 128 bytes, then an element for each variable, plain
/// or compressed. @throws DataError naming the file, the byte offset, what was expected and what was found if the file
/// is of another format, truncated, damaged where it is compressed, or if its sizes contradict each other.
inline Mat read_mat(const std::filesystem::path& path) {
  constexpr std::uintmax_t header_size = 128, tag_size = 8;
  const std::shared_ptr<std::FILE> file = detail::open_input(path);
  const std::uintmax_t size = detail::size_of(file.get(), path);
  const auto part = [&](std::uintmax_t begin, std::uintmax_t bytes, UnpackingReader::Packing packing) {
    return UnpackingReader(path, file, begin, bytes, packing);
  };
  const std::vector<std::uint8_t> header = part(0, size, UnpackingReader::Packing::none).read(header_size);
  const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  const bool little = text.ends_with(std::string_view("\0\1IM", 4)),
             big = text.ends_with(std::string_view("\1\0MI", 4));
  if (header.size() < header_size || (!little && !big)) {
    throw bad_content(path, "byte 0", "the header of a MAT file of version 5", "something else");
  }
  Mat variables;
  for (std::uintmax_t at = header_size; at < size;) {
    UnpackingReader outside = part(at, size - at, UnpackingReader::Packing::none);
    const auto [type, bytes] = detail::read_mat_tag(outside, big);
    if (bytes > size - at - tag_size) {
      throw bad_content(path, concat("byte ", at), concat("an element of ", tag_size + std::uintmax_t{bytes}, " bytes"),
                        concat("the end of the file after ", size - at));
    }
    if (type == detail::mat::compressed || type == detail::mat::matrix) {
      UnpackingReader content =
          part(at + tag_size, bytes,
               type == detail::mat::compressed ? UnpackingReader::Packing::zlib : UnpackingReader::Packing::none);
      auto [name, variable] = type == detail::mat::compressed ? detail::read_compressed_mat(content, big)
                                                              : detail::MatMatrixReader(content, bytes, big).read();
      if (!variables.emplace(name, std::move(variable)).second) {
        throw bad_content(path, concat("byte ", at), "each variable once", "'" + name + "' again");
      }
    } else {
      outside.skip(bytes);
    }
    at += tag_size + bytes;
  }
  return variables;
}

/// Finds the variable `name` among those read from `path`. It must have one of these types ("uint8", "double") and this
/// shape, where -1 stands for any extent of at least 1. @throws DataError naming the file, the variable, what was
/// expected and what was found.
inline const MatVariable& require_variable(const Mat& variables, const std::filesystem::path& path,
                                           const std::string& name, std::initializer_list<std::string_view> types,
                                           const std::vector<Index>& shape) {
  std::string expected;
  for (const std::string_view type : types) expected += concat(expected.empty() ? "" : " or ", type);
  expected += " " + shape_text(shape);
  const auto found = variables.find(name);
  if (found == variables.end()) throw bad_content(path, "variable '" + name + "'", expected, "no such variable");
  const MatVariable& variable = found->second;
  bool fits =
      std::find(types.begin(), types.end(), variable.type) != types.end() && variable.shape.size() == shape.size();
  for (std::size_t axis = 0; fits && axis < shape.size(); ++axis) {
    fits = variable.shape[axis] >= 1 && (shape[axis] == -1 || shape[axis] == variable.shape[axis]);
  }
  if (fits) return variable;
  throw bad_content(path, "variable '" + name + "'", expected, variable.type + " " + shape_text(variable.shape));
}

}  // namespace hypertape::inline HYPERTAPE_ABI::io
