#pragma once

#include <doctest/doctest.h>
#include <png.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>
// clang-format off
#include <cstdio>  // which the next one needs, and does not include
#include <jpeglib.h>
// clang-format on

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/glyphs.hpp"
#include "hypertape/io/input_file.hpp"
#include "hypertape/io/png.hpp"

namespace hypertape::testing {

/// Writes a JPEG of the best quality from rows of pixels of 1 (gray), 3 (red, green, blue) or 4 (CMYK) bytes. A
/// progressive one has the usual scans, or the given ones.
inline void put_jpeg(const std::filesystem::path& path, Index width, Index height, int channels,
                     std::vector<std::uint8_t> bytes, bool progressive = false,
                     const std::vector<jpeg_scan_info>& scans = {}) {
  REQUIRE(static_cast<Index>(bytes.size()) == width * height * channels);
  const io::detail::InputFile file(std::fopen(path.c_str(), "wb"));
  REQUIRE(file);
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  jpeg_stdio_dest(&info, file.get());
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  if (!scans.empty()) {
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  for (Index y = 0; y < height; ++y) {
    JSAMPROW row = bytes.data() + y * width * channels;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
}

/// The properties of a PNG, in the terms of its specification.
struct PngKind {
  int bit_depth = 8;
  int color_type = PNG_COLOR_TYPE_GRAY;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<std::uint8_t> palette_alpha = {};
};

/// Writes rows of bytes, packed as `kind` says.
inline void put_png(const std::filesystem::path& path, Index width, const PngKind& kind,
                    std::vector<std::vector<std::uint8_t>> rows) {
  const io::detail::InputFile file(std::fopen(path.c_str(), "wb"));
  REQUIRE(file);
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file.get());
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(rows.size()), kind.bit_depth,
               kind.color_type, kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!kind.palette.empty()) png_set_PLTE(png, info, kind.palette.data(), static_cast<int>(kind.palette.size()));
  if (!kind.palette_alpha.empty()) {
    png_set_tRNS(png, info, kind.palette_alpha.data(), static_cast<int>(kind.palette_alpha.size()), nullptr);
  }
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
}

/// Writes a folder of pictures for `--dataset folder`: generated glyphs of 28 x 28, where class k shows the digit k.
inline void put_glyph_folder(const std::filesystem::path& folder, const std::vector<std::string>& classes,
                             Index train_count, Index test_count) {
  const data::Dataset glyphs = data::generate_glyphs(10 * train_count, 10 * test_count, 1);
  for (const bool test : {false, true}) {
    const data::LabeledImages& images = test ? glyphs.test : glyphs.train;
    for (Index n = 0; n < images.count; ++n) {
      const auto digit = static_cast<std::size_t>(images.labels[static_cast<std::size_t>(n)]);
      if (digit >= classes.size()) continue;
      const auto of_class = folder / (test ? "test" : "train") / classes[digit];
      std::filesystem::create_directories(of_class);
      const std::span pixels = std::span(images.pixels)
                                   .subspan(static_cast<std::size_t>(n * images.bytes_per_image()),
                                            static_cast<std::size_t>(images.bytes_per_image()));
      io::write_png(of_class / hypertape::detail::concat(n, ".png"), 28, 28, 1, pixels);
    }
  }
}

}  // namespace hypertape::testing
