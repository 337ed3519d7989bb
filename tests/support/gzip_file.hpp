#pragma once

#include <doctest/doctest.h>
#include <zlib.h>

#include <filesystem>
#include <string_view>

namespace hypertape::testing {

/// Writes a gzipped file.
inline void put_gzip_file(const std::filesystem::path& path, std::string_view content) {
  const gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  const auto size = static_cast<unsigned>(content.size());
  CHECK(gzwrite(file, content.data(), size) == static_cast<int>(size));
  REQUIRE(gzclose(file) == Z_OK);
}

}  // namespace hypertape::testing
