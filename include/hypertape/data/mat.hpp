#pragma once

#include <matio.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/file.hpp"
#include "hypertape/data/npy.hpp"

namespace hypertape::data {

namespace detail {

struct MatClose {
  void operator()(mat_t* file) const { Mat_Close(file); }
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};

/// Unpacks zlib data only to see that it is sound to its end, where its checksum stands.
inline void check_zlib(const std::filesystem::path& path, std::uintmax_t at, std::vector<Bytef>& packed) {
  std::vector<Bytef> unpacked(std::size_t{1} << 18);
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw DataError(message(path.string(), ": no memory to unpack it"));
  stream.next_in = packed.data();
  stream.avail_in = static_cast<uInt>(packed.size());
  int code = Z_OK;
  while (code == Z_OK) {
    stream.next_out = unpacked.data();
    stream.avail_out = static_cast<uInt>(unpacked.size());
    code = inflate(&stream, Z_NO_FLUSH);
  }
  const std::string reason = stream.msg == nullptr ? "its end" : stream.msg;
  inflateEnd(&stream);
  if (code != Z_STREAM_END) throw bad_content(path, message("byte ", at), "sound zlib data", reason);
}

/// Checks what libmatio does not, for it takes a file that was cut off or damaged and leaves the missing values
/// undefined. A MAT file of version 5 is a header of 128 bytes and then elements: type and size (4 bytes each), and
/// content. The last must end where the file does, and compressed ones must be sound.
inline void check_mat_elements(const std::filesystem::path& path) {
  constexpr std::size_t header_size = 128, tag_size = 8;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw system_error(path, "open");
  std::array<char, header_size> header{};
  file.read(header.data(), header_size);
  const std::string_view mark(header.data() + header_size - 4, 4);  // version 0x0100, and which byte comes first
  const bool little = mark == std::string_view("\0\1IM", 4), big = mark == std::string_view("\1\0MI", 4);
  if (!file || (!little && !big)) {
    throw bad_content(path, "byte 0", "the header of a MAT file of version 5", "something else");
  }
  const std::uintmax_t size = std::filesystem::file_size(path);
  for (std::uintmax_t at = header_size; at < size;) {
    std::array<std::uint8_t, tag_size> tag{};
    file.read(reinterpret_cast<char*>(tag.data()), tag_size);
    const auto number = [&](std::size_t begin) {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | tag[begin + (big ? i : 3 - i)];
      return value;
    };
    const std::uint32_t bytes = number(4);
    if (!file || bytes > size - at - tag_size) {
      throw bad_content(path, message("byte ", at),
                        file ? message("an element of ", tag_size + bytes, " bytes") : "type and size of an element",
                        message("the end of the file after ", size - at));
    }
    if (number(0) == MAT_T_COMPRESSED) {
      std::vector<Bytef> packed(bytes);
      file.read(reinterpret_cast<char*>(packed.data()), static_cast<std::streamsize>(bytes));
      if (!file) throw system_error(path, "read");
      check_zlib(path, at, packed);
    } else {
      file.seekg(static_cast<std::streamoff>(bytes), std::ios::cur);
    }
    at += tag_size + bytes;
  }
}

/// MATLAB's name of the type of a variable.
inline std::string mat_type_name(const matvar_t& variable) {
  std::string name = message("class ", static_cast<int>(variable.class_type));
  if (variable.class_type == MAT_C_UINT8) name = "uint8";
  if (variable.class_type == MAT_C_DOUBLE) name = "double";
  return (variable.isComplex != 0 ? "complex " : "") + name;
}

inline std::vector<Index> mat_shape(const matvar_t& variable) { return {variable.dims, variable.dims + variable.rank}; }

}  // namespace detail

/// An open MAT file.
using MatFile = std::unique_ptr<mat_t, detail::MatClose>;
/// A variable of one.
using MatVariable = std::unique_ptr<matvar_t, detail::MatClose>;

/// Opens a MAT file of version 5. @throws DataError naming the file and the byte offset if it is no such file, was cut
/// off, or is damaged where it is compressed.
inline MatFile open_mat(const std::filesystem::path& path) {
  detail::check_mat_elements(path);
  MatFile file(Mat_Open(path.c_str(), MAT_ACC_RDONLY));
  if (!file) throw DataError(message(path.string(), ": cannot open it as a MAT file"));
  return file;
}

/// A variable of a file opened from `path` and its values, column-major, which must be real, of one of these types
/// (`type_names` in words), and of this shape, where -1 stands for any extent of at least 1. Type and shape are checked
/// before any value is read. @throws DataError naming the file, the variable, what was expected and what was found.
inline MatVariable read_mat_variable(mat_t* file, const std::filesystem::path& path, const char* name,
                                     const std::vector<matio_classes>& types, const std::string& type_names,
                                     const std::vector<Index>& shape) {
  const std::string where = message("variable '", name, "'");
  const std::string expected = type_names + " " + shape_text(shape);
  MatVariable variable(Mat_VarReadInfo(file, name));
  if (!variable) throw bad_content(path, where, expected, "no such variable");
  const std::vector<Index> found = detail::mat_shape(*variable);
  bool fits = std::find(types.begin(), types.end(), variable->class_type) != types.end() && variable->isComplex == 0 &&
              found.size() == shape.size();
  for (std::size_t axis = 0; fits && axis < shape.size(); ++axis) {
    fits = found[axis] >= 1 && (shape[axis] == -1 || shape[axis] == found[axis]);
  }
  if (!fits) throw bad_content(path, where, expected, detail::mat_type_name(*variable) + " " + shape_text(found));
  if (Mat_VarReadDataAll(file, variable.get()) != MATIO_E_NO_ERROR || variable->data == nullptr) {
    throw bad_content(path, where, "sound data", "an end or an error in the middle of it");
  }
  return variable;
}

}  // namespace hypertape::data
