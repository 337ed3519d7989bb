#pragma once

#include <csetjmp>
#include <cstdint>
#include <filesystem>
// clang-format off
#include <cstdio>  // jpeglib.h needs it, but does not include it
#include <jpeglib.h>
// clang-format on

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/input_file.hpp"
#include "hypertape/io/picture.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

namespace detail {

/// Reads one file. libjpeg's error handler must not return, and no exception may pass through C code. So the handler
/// jumps back to `guarded`, which throws. The frames that it jumps over, libjpeg's and that of the callable, have no
/// destructors to run.
class JpegReader {
 public:
  explicit JpegReader(const std::filesystem::path& path) : path_(path), file_(open_input(path)) {}
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info_); }

  Picture read() {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = escape;
    errors_.emit_message = escape_if_corrupt;
    guarded("the header", [this] {
      jpeg_create_decompress(&info_);
      jpeg_stdio_src(&info_, file_.get());
      jpeg_read_header(&info_, TRUE);
    });
    check_picture_size(path_, info_.image_width, info_.image_height);
    check_blocks();
    progress_.progress_monitor = limit_scans;
    info_.progress = &progress_;
    const bool gray = info_.jpeg_color_space == JCS_GRAYSCALE;
    info_.out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
    Picture picture(info_.image_width, info_.image_height, gray ? 1 : 3);
    guarded("the pixels", [this, &picture] {
      jpeg_start_decompress(&info_);
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW row = picture.row(info_.output_scanline);
        jpeg_read_scanlines(&info_, &row, 1);
      }
      jpeg_finish_decompress(&info_);
    });
    return picture;
  }

 private:
  template <class Work>
  void guarded(const char* where, const Work& work) {
    if (setjmp(before_) != 0) throw bad_content(path_, where, "valid JPEG data", reason_);
    work();
  }

  /// Checks that the file can hold a picture of the size its header claims: each block of 8 x 8 takes at least one bit
  /// of Huffman code.
  void check_blocks() const {
    if (info_.arith_code) return;  // where many blocks may share a bit
    std::uintmax_t blocks = 0;
    for (int i = 0; i < info_.num_components; ++i) {
      blocks += std::uintmax_t{info_.comp_info[i].width_in_blocks} * info_.comp_info[i].height_in_blocks;
    }
    const std::uintmax_t size = size_of(file_.get(), path_);
    if (blocks <= 8 * size) return;
    throw bad_content(path_, "the header", concat("a picture that ", size, " bytes can hold"),
                      concat(info_.image_width, " x ", info_.image_height));
  }

  /// Limits the number of scans of a progressive JPEG: each one goes over the whole picture, yet may take only a few
  /// bytes of the file.
  static void limit_scans(j_common_ptr info) {
    auto* reader = static_cast<JpegReader*>(info->client_data);
    constexpr int most = 100;  // ten are common
    if (!info->is_decompressor || reader->info_.input_scan_number <= most) return;
    std::snprintf(reader->reason_, sizeof(reader->reason_), "more than %d scans", most);
    std::longjmp(reader->before_, 1);
  }

  [[noreturn]] static void escape(j_common_ptr info) {
    auto* reader = static_cast<JpegReader*>(info->client_data);
    reader->errors_.format_message(info, reader->reason_);
    std::longjmp(reader->before_, 1);
  }

  /// A negative level is a warning that the data is corrupt, and libjpeg would make up the rest.
  static void escape_if_corrupt(j_common_ptr info, int level) {
    if (level < 0) escape(info);
  }

  std::filesystem::path path_;
  InputFile file_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf before_{};
  char reason_[JMSG_LENGTH_MAX] = {};
};

}  // namespace detail

/// Reads a JPEG as a picture of 1 channel if it is gray, 3 otherwise. An orientation in its EXIF data is not applied.
/// Data after the picture is ignored, as cameras append further pictures. CMYK is not supported. @throws DataError
/// naming the file and libjpeg's reason, which may be a warning that data is corrupt or missing; or the picture's size
/// if it is too large, or larger than the file can hold.
inline Picture read_jpeg(const std::filesystem::path& path) { return detail::JpegReader(path).read(); }

}  // namespace hypertape::inline HYPERTAPE_ABI::io
