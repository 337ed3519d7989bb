#pragma once

#include <cairo-svg.h>
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <numbers>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/io/file.hpp"
#include "json_file.hpp"

// Drawings: shapes placed by a layout and painted by Cairo. Lengths are in pixels; y grows downward.

namespace hypertape::cli {

struct Point {
  double x = 0, y = 0;
};

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

struct Color {
  double red = 0, green = 0, blue = 0, opacity = 1;
};

/// A line through points, or the area that they enclose.
struct Path {
  std::vector<Point> points;
  Color color;
  double width = 1;  ///< 0: the area
  std::vector<double> dashes = {};
};

struct Dot {
  Point center;
  Color color;
  double radius = 3.5;
};

enum class Align { left, center, right };

/// One line of UTF-8. Invalid bytes and control characters show as replacement characters.
struct Text {
  std::string words;
  Point at;  ///< on the baseline: where the words begin, are centered or end
  Align align = Align::left;
  double size = 13;
  bool bold = false;
  bool upward = false;  ///< rotated to read upward
};

/// Pixels as squares of `scale` pixels.
struct Image {
  Point at;  ///< the top left corner
  Index width = 0, height = 0, scale = 1;
  std::vector<std::uint32_t> pixels;  ///< row by row, 0xRRGGBB
};

using Shape2d = std::variant<Path, Dot, Text, Image>;

/// Shapes on a white page, the last one on top.
struct Drawing {
  Box page;
  std::vector<Shape2d> shapes;
  std::string title, description;  ///< in an SVG file, for search and screen readers
};

struct ReleaseCairo {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using CairoContext = std::unique_ptr<cairo_t, ReleaseCairo>;
using CairoSurface = std::unique_ptr<cairo_surface_t, ReleaseCairo>;

/// Text that Cairo accepts: UTF-8 without control characters.
inline std::string drawable_text(std::string words) {
  std::ranges::replace_if(
      words, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, '?');
  return Json::parse(Json(words).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

inline void set_font(cairo_t* context, const Text& text) {
  cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         text.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context, text.size);
  // The same glyphs and widths in every format, whatever the desktop's settings.
  const std::unique_ptr<cairo_font_options_t, decltype(&cairo_font_options_destroy)> options(
      cairo_font_options_create(), &cairo_font_options_destroy);
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(context, options.get());
}

/// The advance width of a text.
inline double text_width(const Text& text) {
  static const CairoSurface surface(cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1));
  static const CairoContext context(cairo_create(surface.get()));
  set_font(context.get(), text);
  cairo_text_extents_t extents;
  cairo_text_extents(context.get(), drawable_text(text.words).c_str(), &extents);
  return extents.x_advance;
}

/// The box that a text covers, with room for ascenders and descenders.
inline Box bounds(const Text& text) {
  const double width = text_width(text);
  const double before = text.align == Align::left ? 0 : text.align == Align::center ? width / 2 : width;
  if (text.upward) {
    return {text.at.x - text.size, text.at.y - width + before, text.at.x + 0.25 * text.size, text.at.y + before};
  }
  return {text.at.x - before, text.at.y - text.size, text.at.x - before + width, text.at.y + 0.25 * text.size};
}

/// Paints shapes.
class Painter {
 public:
  explicit Painter(cairo_t* context) : context_(context) {}

  void operator()(const Path& path) const {
    set_color(path.color);
    for (const Point& point : path.points) cairo_line_to(context_, point.x, point.y);
    if (!(path.width > 0)) return cairo_fill(context_);
    cairo_set_line_width(context_, path.width);
    cairo_set_line_join(context_, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(context_, path.dashes.data(), static_cast<int>(path.dashes.size()), 0);
    cairo_stroke(context_);
  }

  void operator()(const Dot& dot) const {
    set_color(dot.color);
    cairo_arc(context_, dot.center.x, dot.center.y, dot.radius, 0, 2 * std::numbers::pi);
    cairo_fill(context_);
  }

  void operator()(const Text& text) const {
    const Box box = bounds(text);
    set_color({0.13, 0.13, 0.13});
    set_font(context_, text);
    cairo_save(context_);
    cairo_translate(context_, text.upward ? text.at.x : box.left, text.upward ? box.bottom : text.at.y);
    if (text.upward) cairo_rotate(context_, -std::numbers::pi / 2);
    cairo_move_to(context_, 0, 0);
    cairo_show_text(context_, drawable_text(text.words).c_str());
    cairo_restore(context_);
    cairo_new_path(context_);
  }

  void operator()(const Image& image) const {
    std::vector<std::uint32_t> pixels = image.pixels;  // Cairo takes a mutable pointer, but only reads
    const auto width = static_cast<int>(image.width);
    const CairoSurface surface(cairo_image_surface_create_for_data(reinterpret_cast<unsigned char*>(pixels.data()),
                                                                   CAIRO_FORMAT_RGB24, width,
                                                                   static_cast<int>(image.height), 4 * width));
    cairo_save(context_);
    cairo_translate(context_, image.at.x, image.at.y);
    cairo_scale(context_, static_cast<double>(image.scale), static_cast<double>(image.scale));
    cairo_set_source_surface(context_, surface.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(context_), CAIRO_FILTER_NEAREST);
    cairo_paint(context_);
    cairo_restore(context_);
  }

 private:
  void set_color(const Color& color) const {
    cairo_set_source_rgba(context_, color.red, color.green, color.blue, color.opacity);
  }

  cairo_t* context_;
};

/// Appends to a std::string.
inline cairo_status_t append_bytes(void* to, const unsigned char* bytes, unsigned count) noexcept try {
  static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(bytes), count);
  return CAIRO_STATUS_SUCCESS;
} catch (...) {
  return CAIRO_STATUS_NO_MEMORY;
}

inline void check_cairo(const std::filesystem::path& path, cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS) throw DataError(path.string(), ": cannot draw: ", cairo_status_to_string(status));
}

inline void paint(const std::filesystem::path& path, cairo_surface_t* surface, const Drawing& drawing, double scale) {
  const CairoContext context(cairo_create(surface));
  cairo_scale(context.get(), scale, scale);
  cairo_translate(context.get(), -drawing.page.left, -drawing.page.top);
  cairo_set_source_rgb(context.get(), 1, 1, 1);
  cairo_paint(context.get());  // else viewers with a dark background show black on it
  for (const Shape2d& shape : drawing.shapes) std::visit(Painter(context.get()), shape);
  check_cairo(path, cairo_status(context.get()));
}

inline std::string xml_element(const std::string& name, const std::string& text) {
  std::string element = '<' + name + '>';
  for (const char c : drawable_text(text)) element += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return element + "</" + name + ">\n";
}

enum class ImageFormat { png, svg };

/// A drawing as PNG, with `scale` x `scale` pixels per unit square, or as SVG with text as outlines. The same drawing
/// gives the same bytes with the same version of Cairo and the same fonts; without any fonts, the outlines of Cairo's
/// built-in one may vary. @throws DataError naming `path` if it cannot be drawn.
inline std::string drawing_bytes(const std::filesystem::path& path, ImageFormat format, const Drawing& drawing,
                                 double scale = 1) {
  const double width = scale * (drawing.page.right - drawing.page.left),
               height = scale * (drawing.page.bottom - drawing.page.top);
  std::string bytes;
  if (format == ImageFormat::png) {
    const CairoSurface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(std::ceil(width)),
                                                          static_cast<int>(std::ceil(height))));
    paint(path, surface.get(), drawing, scale);
    check_cairo(path, cairo_surface_write_to_png_stream(surface.get(), append_bytes, &bytes));
    return bytes;
  }
  const CairoSurface surface(cairo_svg_surface_create_for_stream(append_bytes, &bytes, width, height));
  cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_PX);
  paint(path, surface.get(), drawing, scale);
  cairo_surface_finish(surface.get());
  check_cairo(path, cairo_surface_status(surface.get()));
  // Cairo numbers the surfaces of a process, and this one by how many there were before.
  const std::string surface_id = "id=\"surface";
  for (std::size_t at = 0; (at = bytes.find(surface_id, at)) != std::string::npos;) {
    at += surface_id.size();
    bytes.erase(at, bytes.find('"', at) - at);
  }
  const std::size_t content = bytes.find("<svg");
  return bytes.insert(bytes.find(">\n", content) + 2,
                      xml_element("title", drawing.title) + xml_element("desc", drawing.description));
}

/// Writes a drawing as PNG if the name ends in .png, else as SVG. @throws DataError if it cannot be drawn or written.
inline void write_drawing(const std::filesystem::path& path, const Drawing& drawing, double scale = 1) {
  const ImageFormat format = path.extension() == ".png" ? ImageFormat::png : ImageFormat::svg;
  io::write_atomically(path, drawing_bytes(path, format, drawing, scale));
}

}  // namespace hypertape::cli
