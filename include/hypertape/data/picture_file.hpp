#pragma once

#include <filesystem>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/file.hpp"
#include "hypertape/data/picture.hpp"

namespace hypertape::data {

/// The most pixels of a picture that is read: a small file may claim any size, and would fill the memory.
inline constexpr Index most_picture_pixels = Index{1} << 26;

namespace detail {

/// @throws DataError unless a picture of the size that its file claims can be read.
inline void check_picture_size(const std::filesystem::path& path, Index width, Index height) {
  constexpr Index side = largest_picture_side;
  if (width >= 1 && width <= side && height >= 1 && height <= side && width * height <= most_picture_pixels) return;
  throw bad_content(path, "the header",
                    message("a picture of 1 .. ", side, " pixels a side and at most ", most_picture_pixels, " in all"),
                    message(width, " x ", height));
}

}  // namespace detail

}  // namespace hypertape::data
