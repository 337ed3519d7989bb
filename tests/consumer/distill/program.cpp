// Every header in two translation units, which link only if what they define is inline. This one writes and reads with
// each library behind hypertape::distill.

#include "everything.hpp"

using namespace hypertape;

int trained_in_other_unit();

int main() {
  const std::vector<std::uint8_t> pixels = {0, 255};
  const std::vector<Index> extents = {1, 1, 2};
  io::write_idx("pixels", extents, pixels);
  const bool zlib = io::read_idx_images("pixels").dims == extents;

  const std::vector<float> values = {1, 2};
  io::write_npz("values.npz", {{"values", {{2}, values}}});
  const bool libzip = std::get<std::vector<float>>(io::read_npz("values.npz").at("values").values) == values;

  io::write_png("pixels.png", 2, 1, 1, pixels);
  const bool libpng = io::read_png("pixels.png").width() == 2;

  bool libjpeg = false;
  try {
    io::read_jpeg("pixels.png");
  } catch (const DataError& error) {  // in libjpeg's words
    libjpeg = std::string(error.what()).find("Not a JPEG file") != std::string::npos;
  }

  const bool all = zlib && libzip && libpng && libjpeg && trained_in_other_unit() == 2;
  return all ? 0 : 1;
}
