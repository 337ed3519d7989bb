#include "hypertape/data/image_folder.hpp"

#include "fuzz/checksums.hpp"
#include "fuzz/reader.hpp"

// A picture whose name says PNG or JPEG as the first byte is even or odd, in a folder of two classes.
static bool says_png(std::uint8_t first) { return first % 2 == 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypertape;
  if (size == 0) return 0;
  const char* name = says_png(data[0]) ? "folder/train/a/1.png" : "folder/train/a/1.jpg";
  return testing::read_as_file(std::span(data + 1, size - 1), name, [](const std::filesystem::path& path) {
    const std::filesystem::path folder = path.parent_path().parent_path().parent_path();
    std::filesystem::remove(path.parent_path() / (path.extension() == ".png" ? "1.jpg" : "1.png"));
    for (const char* other : {"train/b/1.png", "test/a/1.png", "test/b/1.png"}) {
      if (std::filesystem::exists(folder / other)) continue;
      std::filesystem::create_directories((folder / other).parent_path());
      io::write_png(folder / other, 1, 1, 1, std::vector<std::uint8_t>{7});
    }
    data::load_image_folder(folder, {.size = 4});
  });
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  using namespace hypertape;
  return testing::mutate(data, size, most, seed, [](testing::MutableBytes bytes) {
    if (!bytes.empty() && says_png(bytes[0])) testing::repair_png(bytes.subspan(1));
  });
}
