#include "drawing.hpp"

#include <doctest/doctest.h>

#include "support/check_error.hpp"
#include "support/read_png.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

using namespace cli;

const Color blue{0, 0, 1};

struct Rgb {
  int red, green, blue;
  bool operator==(const Rgb&) const = default;
};

/// The drawing as a PNG.
class Painted {
 public:
  explicit Painted(const Drawing& drawing, double scale = 1) {
    const TemporaryFolder folder;
    write_drawing(folder / "a.png", drawing, scale);
    pixels_ = read_png(folder / "a.png", 3);
  }
  Index width() const { return pixels_.width; }
  Index height() const { return pixels_.height; }
  Rgb at(Index x, Index y) const {
    const auto i = static_cast<std::size_t>(3 * (y * pixels_.width + x));
    return {pixels_.bytes[i], pixels_.bytes[i + 1], pixels_.bytes[i + 2]};
  }
  /// Whether anything is drawn in there.
  bool has_ink(Index left, Index top, Index right, Index bottom) const {
    for (Index y = top; y < bottom; ++y) {
      for (Index x = left; x < right; ++x) {
        if (at(x, y) != Rgb{255, 255, 255}) return true;
      }
    }
    return false;
  }

 private:
  Pixels pixels_;
};

TEST_CASE("drawing: lines, areas and dots on a white page, moved by its corner and magnified") {
  const Drawing drawing{{-10, -20, 30, 20},
                        {Path{{{0, -15}, {20, -15}}, {1, 0, 0}, 2}, Path{{{0, 0}, {10, 0}, {10, 10}, {0, 10}}, blue, 0},
                         Path{{{0, 0}, {5, 0}, {5, 5}, {0, 5}}, {0, 0, 0, 0.5}, 0}, Dot{{20, 5}, blue, 4},
                         Path{{{0, 15}, {20, 15}}, {1, 0, 0}, 2, {5, 5}}},
                        {},
                        {}};
  for (const Index scale : {1, 2}) {
    const Painted painted(drawing, static_cast<double>(scale));
    CHECK(painted.width() == 40 * scale);
    CHECK(painted.height() == 40 * scale);
    const auto at = [&](Index x, Index y) { return painted.at((x + 10) * scale, (y + 20) * scale); };
    CHECK(at(10, -15) == Rgb{255, 0, 0});
    CHECK(at(10, -12) == Rgb{255, 255, 255});
    CHECK(at(-1, -15) == Rgb{255, 255, 255});
    CHECK(at(8, 8) == Rgb{0, 0, 255});
    CHECK(at(2, 2).blue >= 126);  // half black
    CHECK(at(2, 2).blue <= 129);
    CHECK(at(20, 5) == Rgb{0, 0, 255});
    CHECK(at(24, 9) == Rgb{255, 255, 255});
    CHECK(at(2, 15) == Rgb{255, 0, 0});
    CHECK(at(7, 15) == Rgb{255, 255, 255});  // between dashes
  }
}

TEST_CASE("drawing: an image's pixels are squares of exactly its colors, cut off at the page's edge") {
  const Drawing drawing{{0, 0, 12, 8}, {Image{{2, 3}, 2, 2, 3, {0x123456, 0xff0000, 0x00ff00, 0xffffff}}}, {}, {}};
  const Painted painted(drawing);
  const std::vector<std::vector<Rgb>> colors = {{{0x12, 0x34, 0x56}, {255, 0, 0}}, {{0, 255, 0}, {255, 255, 255}}};
  for (Index y = 0; y < 8; ++y) {
    for (Index x = 0; x < 12; ++x) {
      const bool inside = x >= 2 && x < 8 && y >= 3;
      const Rgb expected = inside ? colors[static_cast<std::size_t>((y - 3) / 3)][static_cast<std::size_t>((x - 2) / 3)]
                                  : Rgb{255, 255, 255};
      if (painted.at(x, y) != expected) FAIL("pixel ", x, " ", y);
    }
  }
}

TEST_CASE("drawing: text covers what `bounds` says, however it is placed") {
  for (const Align align : {Align::left, Align::center, Align::right}) {
    for (const bool upward : {false, true}) {
      const Text text{"Hxp 1", {100, 100}, align, 20, false, upward};
      const Box box = bounds(text);
      CHECK(text_width(text) > 40);
      CHECK(text_width(text) < 80);
      const Painted painted({{0, 0, 200, 200}, {text}, {}, {}});
      const Index left = std::lround(box.left), top = std::lround(box.top), right = std::lround(box.right),
                  bottom = std::lround(box.bottom);
      CHECK(painted.has_ink(left, top, right, bottom));
      CHECK(!painted.has_ink(0, 0, 200, top - 1));
      CHECK(!painted.has_ink(0, bottom + 1, 200, 200));
      CHECK(!painted.has_ink(0, 0, left - 1, 200));
      CHECK(!painted.has_ink(right + 1, 0, 200, 200));
      // Its ends have ink, too.
      CHECK(painted.has_ink(left, upward ? bottom - 15 : top, upward ? right : left + 15, bottom));
      CHECK(painted.has_ink(upward ? left : right - 15, top, right, upward ? top + 15 : bottom));
    }
  }
  CHECK(text_width({"wide", {}, Align::left, 26}) > 1.9 * text_width({"wide", {}, Align::left, 13}));
}

TEST_CASE("drawing: any bytes are text; what is no UTF-8 or no letter shows as that") {
  CHECK(drawable_text("r\u00e9sum\u00e9 \u5b57") == "r\u00e9sum\u00e9 \u5b57");
  CHECK(drawable_text(std::string("a\xff\n\0\x7f", 5)) == "a\uFFFD???");
  for (const char* words : {"\xff", "\xc3", "a\x01", "\xed\xa0\x80", "\u5b57", ""}) {
    CHECK(Painted({{0, 0, 40, 40}, {Text{words, {10, 20}}}, {}, {}}).has_ink(0, 0, 40, 40) == (*words != '\0'));
  }
}

TEST_CASE("drawing: an SVG of the page's size, with a title and a description that are escaped") {
  const TemporaryFolder folder;
  const Drawing drawing{{-10, 0, 90, 50}, {Text{"words", {0, 20}}}, "a < b && c", "<script>\xff"};
  write_drawing(folder / "a.svg", drawing);
  const std::string svg = file_bytes(folder / "a.svg");
  CHECK(svg.starts_with("<?xml"));
  CHECK(svg.find("width=\"100") != std::string::npos);
  CHECK(svg.find("viewBox=\"0 0 100 50\"") != std::string::npos);
  CHECK(svg.find("<title>a &lt; b &amp;&amp; c</title>") != std::string::npos);
  CHECK(svg.find("<desc>&lt;script>\uFFFD</desc>") != std::string::npos);
  CHECK(svg.find("words") == std::string::npos);  // letters are outlines: no viewer needs a font
  CHECK(svg.ends_with("</svg>\n"));
}

TEST_CASE("drawing: what cannot be drawn or written is an error, and no file appears") {
  const TemporaryFolder folder;
  const auto large = folder / "large.png";
  check_error<DataError>([&] { write_drawing(large, {{0, 0, 1e6, 10}, {}, {}, {}}); }, {large.string(), "cannot draw"});
  const auto lost = folder / "missing" / "a.png";
  check_error<DataError>([&] { write_drawing(lost, {{0, 0, 10, 10}, {}, {}, {}}); }, {lost.string(), "cannot create"});
  CHECK(folder.names().empty());
}

}  // namespace
}  // namespace hypertape::testing
