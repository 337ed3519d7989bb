#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/npy.hpp"
#include "hypertape/io/npz.hpp"
#include "support/temporary_folder.hpp"

/// What the fuzz targets share. Each target gives a reader the bytes that libFuzzer made up: it must return a value or
/// throw a DataError or ShapeError. Any other exception ends the process, which libFuzzer reports.
namespace hypertape::testing {

/// read(path) for a file of this name with these bytes, in a folder of this process.
template <class Read>
int read_as_file(std::span<const std::uint8_t> bytes, const char* name, const Read& read) {
  static const TemporaryFolder folder;
  const std::filesystem::path path = folder / name;
  std::filesystem::create_directories(path.parent_path());
  put_file(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  try {
    read(path);
  } catch (const DataError&) {
  } catch (const ShapeError&) {
  }
  return 0;
}

/// Arrays from one row of bytes, without the archive around them, whose checksums no mutation would survive: for each
/// name in turn two bytes of length, the least first, and an .npy file of that length; none if the length is 0.
/// @throws DataError if one is no .npy file.
template <std::size_t N>
io::Npz arrays_from(std::span<const std::uint8_t> bytes, const std::array<const char*, N>& names) {
  io::Npz arrays;
  for (const char* name : names) {
    if (bytes.size() < 2) break;
    const std::size_t length = (std::min)(bytes[0] + std::size_t{256} * bytes[1], bytes.size() - 2);
    const auto part = bytes.subspan(2, length);
    bytes = bytes.subspan(2 + length);
    if (length == 0) continue;
    arrays[name] = io::decode_npy(std::string_view(reinterpret_cast<const char*>(part.data()), part.size()), name);
  }
  return arrays;
}

/// The row of bytes that `arrays_from` makes these arrays of.
template <std::size_t N>
std::string bytes_of(const io::Npz& arrays, const std::array<const char*, N>& names) {
  std::string bytes;
  for (const char* name : names) {
    const auto array = arrays.find(name);
    const std::string part = array == arrays.end() ? "" : io::encode_npy(array->second);
    bytes += static_cast<char>(part.size() % 256);
    bytes += static_cast<char>(part.size() / 256);
    bytes += part;
  }
  return bytes;
}

}  // namespace hypertape::testing
