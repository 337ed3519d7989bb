#include "hypertape/io/png.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/picture_files.hpp"
#include "support/read_png.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;
using Names = std::vector<std::string>;

namespace {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

/// The start of a PNG of 8 bits a level that claims this size.
std::string png_header(std::uint32_t width, std::uint32_t height) {
  const std::string chunk = "IHDR" + big_endian(width) + big_endian(height) + std::string("\x08\x00\x00\x00\x00", 5);
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<uInt>(chunk.size()));
  return "\x89PNG\r\n\x1a\n" + big_endian(13) + chunk + big_endian(static_cast<std::uint32_t>(sum));
}

/// What `read_png` makes of rows of this kind.
Picture picture_of(Index width, const PngKind& kind, const std::vector<Bytes>& rows) {
  const TemporaryFolder folder;
  put_png(folder / "a.png", width, kind, rows);
  Picture picture = io::read_png(folder / "a.png");
  CHECK(picture.width() == width);
  CHECK(picture.height() == static_cast<Index>(rows.size()));
  return picture;
}

}  // namespace

TEST_CASE("write_png: gray and colored pictures are read back by libpng") {
  const TemporaryFolder folder;
  const Bytes bytes{0, 1, 127, 128, 254, 255};
  write_png(folder / "gray.png", 3, 2, 1, bytes);
  write_png(folder / "color.png", 1, 2, 3, bytes);
  const Pixels gray = read_png(folder / "gray.png", 1);
  CHECK(gray.width == 3);
  CHECK(gray.height == 2);
  CHECK(gray.bytes == bytes);
  const Pixels color = read_png(folder / "color.png", 3);
  CHECK(color.width == 1);
  CHECK(color.height == 2);
  CHECK(color.bytes == bytes);
  CHECK(folder.names() == Names{"color.png", "gray.png"});
}

TEST_CASE("write_png: arguments that do not fit are errors, and no file appears") {
  const TemporaryFolder folder;
  const auto write = [&](Index width, Index height, Index channels, std::size_t count) {
    return [=, &folder] { write_png(folder / "bad.png", width, height, channels, Bytes(count)); };
  };
  check_error<ArgumentError>(write(0, 1, 1, 0), {"write_png", "got 0 x 1 x 1 and 0 bytes"});
  check_error<ArgumentError>(write(1, 40000, 1, 40000), {"write_png", "got 1 x 40000 x 1"});
  check_error<ArgumentError>(write(1, 1, 2, 2), {"write_png", "1 or 3 channels", "got 1 x 1 x 2"});
  check_error<ArgumentError>(write(2, 2, 1, 3), {"write_png", "got 2 x 2 x 1 and 3 bytes"});
  const auto lost = folder / "missing" / "a.png";
  check_error<DataError>([&] { write_png(lost, 1, 1, 1, Bytes(1)); }, {lost.string(), "cannot create", "No such file"});
  CHECK(folder.names().empty());
}

TEST_CASE("read_png: what write_png wrote") {
  const TemporaryFolder folder;
  const Bytes bytes{0, 1, 127, 128, 254, 255};
  for (const Index channels : {1, 3}) {
    write_png(folder / "a.png", 2, 3 / channels, channels, bytes);
    const Picture picture = io::read_png(folder / "a.png");
    CHECK(picture.width() == 2);
    CHECK(picture.height() == 3 / channels);
    CHECK(picture.channels() == channels);
    CHECK(picture.bytes() == bytes);
  }
}

TEST_CASE("read_png: palettes, transparency over white, one and sixteen bits, interlaced rows") {
  const PngKind palette{8, PNG_COLOR_TYPE_PALETTE, false, {{10, 20, 30}, {200, 100, 50}}, {255, 128}};
  const Picture colored = picture_of(3, palette, {{0, 1, 0}});
  CHECK(colored.channels() == 3);
  CHECK(colored.bytes() == Bytes{10, 20, 30, 227, 177, 152, 10, 20, 30});  // (128 level + 127 255) / 255

  const Picture gray = picture_of(4, {8, PNG_COLOR_TYPE_GRAY_ALPHA}, {{100, 0, 100, 255, 0, 128, 51, 51}});
  CHECK(gray.channels() == 1);
  CHECK(gray.bytes() == Bytes{255, 100, 127, 214});

  CHECK(picture_of(4, {1, PNG_COLOR_TYPE_GRAY}, {{0b10110000}}).bytes() == Bytes{255, 0, 255, 255});
  CHECK(picture_of(5, {16, PNG_COLOR_TYPE_GRAY}, {{0, 0, 0x80, 0x80, 0xff, 0xff, 0x12, 0x34, 0x12, 0xc0}}).bytes() ==
        Bytes{0, 128, 255, 18, 19});

  std::vector<Bytes> rows;
  Bytes all;
  for (int y = 0; y < 9; ++y) {
    rows.emplace_back();
    for (int i = 0; i < 3 * 11; ++i) rows.back().push_back(static_cast<std::uint8_t>(29 * y + 7 * i));
    all.insert(all.end(), rows.back().begin(), rows.back().end());
  }
  CHECK(picture_of(11, {8, PNG_COLOR_TYPE_RGB, true}, rows).bytes() == all);
}

TEST_CASE("read_png: a file that is damaged, claims too much or is no PNG is named with the reason") {
  const TemporaryFolder folder;
  const auto path = folder / "a.png";
  Bytes noise;
  for (int i = 0; i < 4096; ++i) noise.push_back(static_cast<std::uint8_t>(i * i / 7));
  write_png(path, 64, 64, 1, noise);
  const std::string whole = file_bytes(path);
  const auto fails = [&](const std::string& bytes, std::initializer_list<std::string_view> words) {
    put_file(path, bytes);
    check_error<DataError>([&] { io::read_png(path); }, words);
  };
  fails(whole.substr(0, whole.size() / 2),
        {path.string(), "byte 46: expected a chunk of 891 bytes", "the end of the file after 428"});
  fails(whole.substr(0, 20), {path.string(), "byte 8: expected a chunk of 25 bytes", "found the end of the file"});
  fails("", {path.string(), "the header"});
  fails("no picture", {path.string(), "the header", "the signature of a PNG"});
  std::string corrupt = whole;
  corrupt[whole.size() / 2] = static_cast<char>(~corrupt[whole.size() / 2]);
  fails(corrupt, {path.string(), "the pixels", "valid PNG data"});
  const std::string rest = whole.substr(33);  // after signature and header
  fails(png_header(0, 64) + rest, {path.string(), "the header"});
  fails(png_header(20000, 20000) + rest, {path.string(), "the header", "at most 67108864", "20000 x 20000"});
  fails(png_header(40000, 1) + rest, {path.string(), "the header", "1 .. 32768", "40000 x 1"});
  fails(png_header(8000, 8000) + rest, {path.string(), "the chunks IDAT", "unpacks to 64000000 bytes", "found"});
  fails(whole.substr(0, whole.size() - 12), {path.string(), "more chunks up to IEND", "the end of the file after 0"});
  fails(whole.substr(0, whole.size() - 4), {path.string(), "a chunk of 12 bytes", "the end of the file after 8"});
  fails(whole + "x", {path.string(), hypertape::detail::concat("byte ", whole.size(),
                                                               ": expected the end of the file, found 1 bytes")});
  fails(whole.substr(0, 8) + rest, {path.string(), "byte 8: expected the chunk IHDR of 13 bytes"});
  check_error<DataError>([&] { io::read_png(folder / "none.png"); }, {"none.png", "cannot open", "No such file"});
  put_file(path, png_header(64, 64) + rest);
  CHECK(io::read_png(path).bytes() == noise);
}
