#pragma once

#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
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

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

/// The arrays of an .npz file by name: a zip archive with one .npy file per array.
using Npz = std::map<std::string, NpyArray>;

namespace detail {

/// A deleter that calls one of libzip's release functions.
template <auto function>
struct ZipRelease {
  template <class T>
  void operator()(T* pointer) const {
    function(pointer);
  }
};
using ZipArchive = std::unique_ptr<zip_t, ZipRelease<zip_discard>>;
using ZipSource = std::unique_ptr<zip_source_t, ZipRelease<zip_source_free>>;
using ZipEntry = std::unique_ptr<zip_file_t, ZipRelease<zip_fclose>>;

inline constexpr std::string_view npy_ending = ".npy";

/// "path: array 'images'", the start of an error message.
inline std::string array_place(const std::filesystem::path& path, std::string_view name) {
  return concat(path.string(), ": array '", name, "'");
}

/// Collects what `read(buffer, capacity)` delivers until it returns 0. Calls `fail` if it returns a negative number.
template <class Read, class Fail>
std::string read_to_end(const Read& read, const Fail& fail) {
  std::string bytes;
  std::vector<char> buffer(std::size_t{1} << 18);
  for (;;) {
    const zip_int64_t got = read(buffer.data(), buffer.size());
    if (got < 0) fail();
    if (got <= 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// The unpacked size that entry `index` announces. @throws DataError if it is packed with a method that NumPy does not
/// use.
inline std::uintmax_t announced_size(zip_t* archive, zip_uint64_t index, const std::filesystem::path& path) {
  zip_stat_t status;
  constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(archive, index, 0, &status) != 0 || (status.valid & needed) != needed) {
    throw DataError(path.string(), ": entry ", index, ": cannot read its description: ", zip_strerror(archive));
  }
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE) {
    throw bad_content(path, concat("entry ", index), "compression method 0 (stored) or 8 (deflate)",
                      concat(status.comp_method));
  }
  return status.size;
}

/// Opens an archive after checking that its entries together announce no more bytes than `most_unpacked` allows.
inline ZipArchive open_zip(const std::filesystem::path& path) {
  const InputFile file = open_input(path);
  int code = ZIP_ER_OK;
  const int descriptor = ::dup(::fileno(file.get()));  // the archive closes it
  ZipArchive archive(descriptor < 0 ? nullptr : zip_fdopen(descriptor, ZIP_CHECKCONS, &code));
  if (!archive) {
    if (descriptor >= 0) ::close(descriptor);
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw DataError(path.string(), ": cannot open it as a zip archive: ", reason);
  }
  const std::uintmax_t most = most_unpacked(size_of(file.get(), path));
  std::uintmax_t announced = 0;
  const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0));
  for (zip_uint64_t index = 0; index < count; ++index) {
    const std::uintmax_t size = announced_size(archive.get(), index, path);
    if (size > most - announced) {
      throw bad_content(path, concat("entry ", index), concat("at most ", most, " bytes unpacked in all"),
                        concat(announced, " and ", size));
    }
    announced += size;
  }
  return archive;
}

/// The name of array `index`, without the ending .npy.
inline std::string array_name(zip_t* archive, zip_uint64_t index, const std::filesystem::path& path) {
  const char* text = zip_get_name(archive, index, ZIP_FL_ENC_GUESS);
  std::string name = text == nullptr ? "" : text;
  if (!name.ends_with(npy_ending)) {
    throw bad_content(path, concat("entry ", index), "a name that ends in .npy", "'" + name + "'");
  }
  name.resize(name.size() - npy_ending.size());
  return name;
}

/// The unpacked content of entry `index`, with its checksum verified. Unpacking stops at the announced size.
inline std::string read_entry(zip_t* archive, zip_uint64_t index, const std::filesystem::path& path,
                              const std::string& place) {
  const std::uintmax_t announced = announced_size(archive, index, path);
  const ZipEntry entry(zip_fopen_index(archive, index, 0));
  if (!entry) throw DataError(place, ": cannot open: ", zip_strerror(archive));
  const auto fail = [&] { throw DataError(place, ": cannot unpack: ", zip_file_strerror(entry.get())); };
  std::uintmax_t left = announced;
  std::string bytes = read_to_end(
      [&](char* out, std::size_t size) {
        const zip_int64_t got = zip_fread(entry.get(), out, std::min<std::uintmax_t>(size, left));
        left -= static_cast<std::uintmax_t>(std::max<zip_int64_t>(got, 0));
        return got;
      },
      fail);
  char more = 0;
  const zip_int64_t got = left == 0 ? zip_fread(entry.get(), &more, 1) : 0;
  if (got < 0) fail();
  if (got == 0 && left == 0) return bytes;
  throw DataError(place, ": byte ", bytes.size(), ": expected ", announced, " bytes, found ",
                  got > 0 ? "more" : concat("the end after ", bytes.size()));
}

/// Adds `bytes` to the archive, which they must outlive, with the fixed date 1980-01-01. They are stored uncompressed,
/// as deflate gains nothing on weights and images.
inline void add_entry(const std::filesystem::path& path, zip_t* archive, const std::string& name,
                      const std::string& bytes) {
  constexpr zip_uint16_t first_day_of_dos = (1 << 5) | 1;
  zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  const zip_int64_t index =
      source == nullptr ? -1
                        : zip_file_add(archive, (name + std::string(npy_ending)).c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    throw DataError(path.string(), ": array '", name, "': cannot add it to the archive: ", zip_strerror(archive));
  }
  const auto entry = static_cast<zip_uint64_t>(index);
  if (zip_set_file_compression(archive, entry, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive, entry, 0, first_day_of_dos, 0) != 0) {
    throw DataError(path.string(), ": array '", name, "': cannot set its attributes: ", zip_strerror(archive));
  }
}

/// Packs these named files into a zip archive in memory. Errors name `path`, the file that it will be written to.
inline std::string pack_zip(const std::filesystem::path& path, const std::map<std::string, std::string>& files) {
  const ZipSource memory(zip_source_buffer_create(nullptr, 0, 0, nullptr));
  if (!memory) throw DataError(path.string() + ": no memory for the archive");
  ZipArchive archive(zip_open_from_source(memory.get(), ZIP_TRUNCATE, nullptr));
  if (!archive) throw DataError(path.string() + ": cannot create an archive in memory");
  zip_source_keep(memory.get());  // closing the archive gives up its reference
  for (const auto& [name, bytes] : files) add_entry(path, archive.get(), name, bytes);
  if (zip_close(archive.get()) != 0) {
    throw DataError(path.string(), ": cannot pack: ", zip_strerror(archive.get()));
  }
  static_cast<void>(archive.release());  // a successful zip_close has freed it
  const auto fail = [&] { throw DataError(path.string() + ": cannot read the packed archive"); };
  if (zip_source_open(memory.get()) != 0) fail();
  std::string bytes =
      read_to_end([&](char* out, std::size_t size) { return zip_source_read(memory.get(), out, size); }, fail);
  zip_source_close(memory.get());
  return bytes;
}

}  // namespace detail

/// Writes an .npz file that np.load can read. The same arrays give the same bytes: names are sorted, dates fixed. The
/// file appears complete or not at all. @throws ArgumentError if there are no arrays or if a shape does not match its
/// values; DataError if the file cannot be written.
inline void write_npz(const std::filesystem::path& path, const Npz& arrays) {
  if (arrays.empty()) throw ArgumentError("write_npz: an .npz file needs at least one array");
  std::map<std::string, std::string> files;
  for (const auto& [name, array] : arrays) files.emplace(name, encode_npy(array));
  write_atomically(path, detail::pack_zip(path, files));
}

/// Reads an .npz file written by np.savez or np.savez_compressed, with the dtypes that `decode_npy` supports. @throws
/// DataError naming the file, the array, the byte offset in it, what was expected and what was found.
inline Npz read_npz(const std::filesystem::path& path) {
  const detail::ZipArchive archive = detail::open_zip(path);
  const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0));
  Npz arrays;
  for (zip_uint64_t index = 0; index < count; ++index) {
    const std::string name = detail::array_name(archive.get(), index, path);
    const std::string place = detail::array_place(path, name);
    NpyArray array = decode_npy(detail::read_entry(archive.get(), index, path, place), place);
    if (!arrays.emplace(name, std::move(array)).second) {
      throw bad_content(path, concat("entry ", index), "each array once", "'" + name + "' again");
    }
  }
  return arrays;
}

/// Finds the array `name` among those read from `path`. @throws DataError naming the arrays that exist if it is
/// missing.
inline const NpyArray& require_array(const Npz& arrays, const std::filesystem::path& path, const std::string& name) {
  const auto found = arrays.find(name);
  if (found != arrays.end()) return found->second;
  std::string names;
  for (const auto& [other, array] : arrays) names += (names.empty() ? "" : ", ") + other;
  throw bad_content(path, "names", "an array '" + name + "'", names.empty() ? "no arrays" : names);
}

/// The values of the array `name`, which must have this type (float, double or std::int64_t) and this shape, where -1
/// stands for any extent of at least 1. @throws DataError naming the file, the array, what was expected and what was
/// found.
template <class V>
const std::vector<V>& require_values(const Npz& arrays, const std::filesystem::path& path, const std::string& name,
                                     const std::vector<Index>& shape) {
  const NpyArray& array = require_array(arrays, path, name);
  bool fits = std::holds_alternative<std::vector<V>>(array.values) && array.shape.size() == shape.size();
  for (std::size_t axis = 0; fits && axis < shape.size(); ++axis) {
    fits = array.shape[axis] >= 1 && (shape[axis] == -1 || shape[axis] == array.shape[axis]);
  }
  if (fits) return std::get<std::vector<V>>(array.values);
  throw DataError(detail::array_place(path, name), ": expected ", dtype_name<V>(), " ", shape_text(shape), ", found ",
                  dtype_name(array), " ", shape_text(array.shape));
}

/// Adds all arrays of `part`, with `prefix` and a dot before their names.
inline void add_prefixed(Npz& npz, const std::string& prefix, const Npz& part) {
  for (const auto& [name, array] : part) npz[concat(prefix, '.', name)] = array;
}
/// Selects the arrays whose names begin with `prefix` and a dot, and removes these from the names.
inline Npz with_prefix(const Npz& npz, const std::string& prefix) {
  Npz part;
  const std::string start = prefix + '.';
  for (const auto& [name, array] : npz) {
    if (name.starts_with(start)) part[name.substr(start.size())] = array;
  }
  return part;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::io
