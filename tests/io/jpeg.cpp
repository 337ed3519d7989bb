#include "hypertape/io/jpeg.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/picture_files.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::io;
using namespace hypertape::testing;
using Bytes = std::vector<std::uint8_t>;

namespace {

int largest_difference(const Bytes& a, const Bytes& b) {
  REQUIRE(a.size() == b.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// Slopes: level 8 x + 4 y + 16 c.
Bytes slopes(Index width, Index height, Index channels) {
  Bytes bytes;
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      for (Index c = 0; c < channels; ++c) bytes.push_back(static_cast<std::uint8_t>(8 * x + 4 * y + 16 * c));
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("read_jpeg: the pixels that were written, but for rounding") {
  const TemporaryFolder folder;
  for (const int channels : {1, 3}) {
    for (const bool progressive : {false, true}) {
      CAPTURE(channels);
      CAPTURE(progressive);
      put_jpeg(folder / "a.jpg", 19, 13, channels, slopes(19, 13, channels), progressive);
      const Picture picture = read_jpeg(folder / "a.jpg");
      CHECK(picture.width() == 19);
      CHECK(picture.height() == 13);
      CHECK(picture.channels() == channels);
      CHECK(largest_difference(picture.bytes(), slopes(19, 13, channels)) <= 3);
    }
  }
  Bytes color;
  for (int i = 0; i < 16 * 16; ++i) color.insert(color.end(), {200, 50, 25});
  put_jpeg(folder / "color.jpg", 16, 16, 3, color);
  CHECK(largest_difference(read_jpeg(folder / "color.jpg").bytes(), color) <= 2);
}

TEST_CASE("read_jpeg: a file that is damaged, claims too much or is no JPEG is named with the reason") {
  const TemporaryFolder folder;
  const auto path = folder / "a.jpg";
  put_jpeg(path, 64, 48, 3, slopes(64, 48, 3));
  const std::string whole = file_bytes(path);
  const auto fails = [&](const std::string& bytes, std::initializer_list<std::string_view> words) {
    put_file(path, bytes);
    check_error<DataError>([&] { read_jpeg(path); }, words);
  };
  fails(whole.substr(0, whole.size() / 2), {path.string(), "the pixels", "valid JPEG data", "Premature end"});
  fails(whole.substr(0, whole.size() - 2), {path.string(), "the pixels", "Premature end"});
  fails(whole.substr(0, 100), {path.string(), "the header", "valid JPEG data"});
  fails("", {path.string(), "the header", "Empty input file"});
  fails("no picture", {path.string(), "the header", "Not a JPEG file"});

  std::string large = whole;
  const std::size_t frame = large.find("\xff\xc0");  // marker, length (2), bits, height (2), width (2)
  REQUIRE(frame != std::string::npos);
  for (const std::size_t at : {frame + 5, frame + 7}) large[at] = static_cast<char>(0x7f);
  fails(large, {path.string(), "the header", "at most 67108864", "32576 x 32560"});
  std::string corrupt = whole;
  for (std::size_t i = whole.size() / 2; i < whole.size() - 2; ++i) corrupt[i] = static_cast<char>(0xff);
  fails(corrupt, {path.string(), "the pixels", "valid JPEG data"});

  put_jpeg(path, 8, 8, 4, Bytes(256, 100));
  check_error<DataError>([&] { read_jpeg(path); }, {path.string(), "the pixels", "color conversion"});
  check_error<DataError>([&] { read_jpeg(folder / "none.jpg"); }, {"none.jpg", "cannot open", "No such file"});
  put_file(path, whole);
  CHECK(read_jpeg(path).width() == 64);
}

TEST_CASE("read_jpeg: a picture whose blocks cannot be in so small a file is refused, a flat one is not") {
  const TemporaryFolder folder;
  const auto path = folder / "a.jpg";
  for (const bool progressive : {false, true}) {
    put_jpeg(path, 1024, 512, 3, Bytes(3 * 1024 * 512, 90), progressive);
    CHECK(read_jpeg(path).bytes().front() == 90);
  }
  put_jpeg(path, 64, 48, 1, slopes(64, 48, 1));
  std::string bytes = file_bytes(path);
  const std::size_t frame = bytes.find("\xff\xc0");  // marker, length (2), bits, height (2), width (2)
  REQUIRE(frame != std::string::npos);
  const auto claim = [&](std::size_t height, std::size_t width) {
    for (std::size_t i = 0; i < 2; ++i) {
      bytes[frame + 5 + i] = static_cast<char>(height >> (8 - 8 * i) & 0xff);
      bytes[frame + 7 + i] = static_cast<char>(width >> (8 - 8 * i) & 0xff);
    }
    put_file(path, bytes);
  };
  claim(8 * 8, 8 * bytes.size());  // a block for each bit: the next check is that of the pixels
  check_error<DataError>([&] { read_jpeg(path); }, {path.string(), "the pixels", "premature end"});
  claim(8 * 8 + 1, 8 * bytes.size());
  check_error<DataError>([&] { read_jpeg(path); },
                         {path.string(), "the header", concat("a picture that ", bytes.size(), " bytes can hold"),
                          concat(8 * bytes.size(), " x 65")});
}

TEST_CASE("read_jpeg: at most 100 scans") {
  const TemporaryFolder folder;
  const auto path = folder / "a.jpg";
  // The mean of each block, then each of its 63 frequencies to all bits but the last, then these last bits.
  std::vector<jpeg_scan_info> scans{{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, 0, 1});
  for (int k = 1; k < 38; ++k) scans.push_back({1, {0}, k, k, 1, 0});
  REQUIRE(scans.size() == 101);
  put_jpeg(path, 8, 8, 1, slopes(8, 8, 1), true, scans);
  check_error<DataError>([&] { read_jpeg(path); }, {path.string(), "the pixels", "more than 100 scans"});
  scans.pop_back();
  put_jpeg(path, 8, 8, 1, slopes(8, 8, 1), true, scans);
  CHECK(largest_difference(read_jpeg(path).bytes(), slopes(8, 8, 1)) <= 3);
}
