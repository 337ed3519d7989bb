#include "hypertape/data/bitmap_font.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace hypertape;
using namespace hypertape::data;

namespace {

std::string drawn(char character) {
  std::string rows;
  for (Index y = 0; y < font_height; ++y) {
    for (Index x = 0; x < font_width; ++x) rows += has_ink(character, x, y) ? '#' : '.';
  }
  return rows;
}

}  // namespace

TEST_CASE("bitmap_font: every printable character has a shape of its own within its cell") {
  std::set<std::string> shapes;
  for (char c = ' '; c <= '~'; ++c) {
    CAPTURE(c);
    const std::string_view glyph = data::detail::font_glyphs[static_cast<std::size_t>(c - ' ')];
    CHECK((glyph.size() + 1) % 6 == (glyph.empty() ? 1 : 0));
    for (std::size_t i = 0; i < glyph.size(); ++i) CHECK((i % 6 == 5 ? glyph[i] == ' ' : glyph[i] != ' '));
    CHECK(shapes.insert(drawn(c)).second);
    for (Index y = 0; y < font_height; ++y) CHECK(!has_ink(c, 5, y));  // gaps between characters and between lines
    for (Index x = 0; x < font_width; ++x) CHECK(!has_ink(c, x, 8));
    CHECK((drawn(c).find('#') == std::string::npos) == (c == ' '));
  }
}

TEST_CASE("bitmap_font: digits stand on the baseline, some letters reach under it, other bytes are question marks") {
  const auto reaches_row = [](char c, Index y) {
    bool ink = false;
    for (Index x = 0; x < font_width; ++x) ink = ink || has_ink(c, x, y);
    return ink;
  };
  for (char c = '0'; c <= '9'; ++c) {
    CHECK(reaches_row(c, 0));
    CHECK(reaches_row(c, 6));
    CHECK(!reaches_row(c, 7));
  }
  for (const char c : {'g', 'j', 'p', 'q', 'y', ','}) CHECK(reaches_row(c, 7));
  CHECK(has_ink('1', 2, 0));
  CHECK(!has_ink('1', 0, 0));
  for (const char c : {'\n', '\x7f', '\xc3'}) CHECK(drawn(c) == drawn('?'));
}
