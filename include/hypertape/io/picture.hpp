#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/io/file.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

/// The largest width or height of a picture, in pixels. Anything larger is a mistake, and image viewers fail to show
/// it.
inline constexpr Index largest_picture_side = 1 << 15;

/// A picture in memory, initially white, with 1 (gray) or 3 (red, green, blue) bytes per pixel, row by row.
class Picture {
 public:
  /// @throws ArgumentError unless both sizes are in 1 .. 32,768 and there are 1 or 3 channels.
  Picture(Index width, Index height, Index channels) : width_(width), height_(height), channels_(channels) {
    constexpr Index largest = largest_picture_side;
    if (width < 1 || width > largest || height < 1 || height > largest || (channels != 1 && channels != 3)) {
      throw ArgumentError("picture: needs width and height in 1 .. ", largest, " and 1 or 3 channels, got ", width,
                          " x ", height, " x ", channels);
    }
    bytes_.assign(static_cast<std::size_t>(width * height * channels), 255);
  }

  /// In pixels.
  Index width() const { return width_; }
  /// In pixels.
  Index height() const { return height_; }
  /// 1 for gray, 3 for red, green and blue.
  Index channels() const { return channels_; }
  /// Row-major (height, width, channels).
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  /// Writable bytes of row y.
  std::uint8_t* row(Index y) { return bytes_.data() + y * width_ * channels_; }

 private:
  Index width_, height_, channels_;
  std::vector<std::uint8_t> bytes_;
};

/// The limit on the pixels of a picture that is read: a small file may claim any size, and would fill the memory.
inline constexpr Index most_picture_pixels = Index{1} << 26;

namespace detail {

/// @throws DataError unless the size that the file claims is one that can be read.
inline void check_picture_size(const std::filesystem::path& path, Index width, Index height) {
  constexpr Index side = largest_picture_side;
  if (width >= 1 && width <= side && height >= 1 && height <= side && width * height <= most_picture_pixels) return;
  throw bad_content(path, "the header",
                    concat("a picture of 1 .. ", side, " pixels a side and at most ", most_picture_pixels, " in all"),
                    concat(width, " x ", height));
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI::io
