#include "hypertape/data/usps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/gzip_file.hpp"
#include "support/stored_datasets.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

namespace {

/// A folder with a good tiny USPS, for a test to spoil.
struct TinyUsps {
  TemporaryFolder folder;
  TinyUsps() { put_usps_files(folder.path(), 20, 12); }
  void check_refused(std::initializer_list<std::string_view> words) const {
    check_error<DataError>([&] { load_usps(folder.path()); }, words);
  }
  /// Puts `text` in the place of the training file's second line.
  void check_refused_line(const std::string& text, std::initializer_list<std::string_view> words) const {
    put_file(folder / "zip.train", usps_line(1, 1) + text + usps_line(2, 2));
    check_refused(words);
  }
};

/// A line of 257 words, the last of them this one.
std::string line_ending_in(const std::string& word) {
  std::string line = usps_line(3, 0);
  line.resize(line.rfind(" -1.0000"));
  return line + " " + word + "\n";
}

}  // namespace

TEST_CASE("load_usps: two files, each plain or gzipped, enlarged to 28 x 28") {
  const TinyUsps tiny;
  put_gzip_file(tiny.folder / "zip.test.gz", file_bytes(tiny.folder / "zip.test"));
  std::filesystem::remove(tiny.folder / "zip.test");
  const Dataset dataset = load_usps(tiny.folder.path());
  CHECK(dataset.name == "usps");
  CHECK(dataset.folder == tiny.folder.path());
  for (const LabeledImages* images : {&dataset.train, &dataset.test}) {
    CHECK(images->count == (images == &dataset.train ? 20 : 12));
    CHECK(images->channels == 1);
    CHECK(images->height == 28);
    CHECK(images->width == 28);
    CHECK(images->classes == 10);
    CHECK_NOTHROW(check_sizes(*images, "test"));
    CHECK(images->labels[11] == 1);
    LabeledImages small{1, 1, 16, 16, 10, std::vector<std::uint8_t>(256), {1}};
    small.pixels[11] = 255;
    const std::vector<std::uint8_t> expected = resize(small, 28, 28).pixels;
    CHECK(std::equal(expected.begin(), expected.end(), images->pixels.begin() + 784 * 11));
  }
  const Normalization expected = compute_normalization(dataset.train);
  CHECK(dataset.normalization.mean == expected.mean);
  CHECK(dataset.normalization.std == expected.std);
}

TEST_CASE("load_usps_resplit: the images of both files, each once, a fifth of them to test with") {
  const TemporaryFolder folder;
  put_usps_files(folder.path(), 60, 20);  // ink at pixel n: no two images of a file are the same
  const Dataset before = load_usps(folder.path()), after = load_usps_resplit(folder.path());
  CHECK(after.name == "usps-resplit");
  CHECK(after.train.count == 64);
  CHECK(after.test.count == 16);
  const auto contents = [](const Dataset& dataset) {
    std::vector<std::vector<std::uint8_t>> all;
    for (const LabeledImages* part : {&dataset.train, &dataset.test}) {
      CHECK_NOTHROW(check_sizes(*part, "test"));
      for (Index n = 0; n < part->count; ++n) {
        const auto pixels = part->pixels.begin() + n * part->bytes_per_image();
        all.emplace_back(pixels, pixels + part->bytes_per_image());
        all.back().push_back(static_cast<std::uint8_t>(part->labels[static_cast<std::size_t>(n)]));
      }
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  CHECK(contents(after) == contents(before));
  // zip.train's images of ink at a pixel from 20 on are in no other file; the test set has some of them, and others.
  const Index own = before.train.bytes_per_image() * 20;
  const std::vector<std::uint8_t> of_train_alone(before.train.pixels.begin() + own, before.train.pixels.end());
  Index alone = 0;
  for (Index n = 0; n < after.test.count; ++n) {
    const auto image = after.test.pixels.begin() + n * after.test.bytes_per_image();
    bool found = false;
    for (auto at = of_train_alone.begin(); at != of_train_alone.end(); at += after.test.bytes_per_image()) {
      found = found || std::equal(at, at + after.test.bytes_per_image(), image);
    }
    alone += found ? 1 : 0;
  }
  CHECK(alone > 0);
  CHECK(alone < after.test.count);
  CHECK(load_usps_resplit(folder.path()).test.pixels == after.test.pixels);
  const Normalization expected = compute_normalization(after.train);
  CHECK(after.normalization.mean == expected.mean);
}

TEST_CASE("read_usps: levels become bytes, whatever the blanks and the last end of line") {
  const TemporaryFolder folder;
  std::string line = "9";
  for (int i = 0; i < 250; ++i) line += "\t-1";
  put_file(folder / "file", line + " 0 1 -0.5 .5  -0.999 1.0000\r\n" + line + " 0 0 0 0 0 0");
  const LabeledImages images = data::detail::read_usps(folder / "file");
  REQUIRE(images.count == 2);
  CHECK(images.labels == std::vector<std::int32_t>{9, 9});
  CHECK(std::vector<int>(images.pixels.begin() + 249, images.pixels.begin() + 256) ==
        std::vector<int>{0, 128, 255, 64, 191, 0, 255});
  CHECK(images.pixels[511] == 128);
}

TEST_CASE("load_usps: missing files are named, and what to do") {
  const TinyUsps tiny;
  std::filesystem::remove(tiny.folder / "zip.test");
  tiny.check_refused({tiny.folder.path().string(), "missing zip.test[.gz]; put zip.train and zip.test into this folder",
                      "plain or with the ending .gz"});
  std::filesystem::remove(tiny.folder / "zip.train");
  tiny.check_refused({"missing zip.train[.gz], zip.test[.gz];"});
}

TEST_CASE("load_usps: bad lines") {
  const TinyUsps tiny;
  const auto with_label = [](const std::string& label) {
    return label + usps_line(3, 0).substr(1 + sizeof ".0000" - 1);
  };
  tiny.check_refused_line(with_label("11"), {"zip.train: line 2: expected a label in 0 .. 9, found '11'"});
  tiny.check_refused_line(with_label("-1"), {"line 2: expected a label in 0 .. 9, found '-1'"});
  tiny.check_refused_line(with_label("2.5"), {"line 2: expected a label in 0 .. 9, found '2.5'"});
  tiny.check_refused_line(with_label("nan"), {"line 2: expected a label in 0 .. 9, found 'nan'"});
  tiny.check_refused_line(line_ending_in("1.001"), {"line 2, value 256: expected a number in [-1, 1], found '1.001'"});
  tiny.check_refused_line(line_ending_in("-2"), {"line 2, value 256: expected a number in [-1, 1], found '-2'"});
  tiny.check_refused_line(line_ending_in("nan"), {"line 2, value 256: expected a number in [-1, 1], found 'nan'"});
  tiny.check_refused_line(line_ending_in("-inf"), {"line 2, value 256: expected a number in [-1, 1], found '-inf'"});
  tiny.check_refused_line(line_ending_in("0,5"), {"line 2, value 256: expected a number in [-1, 1], found '0,5'"});
  tiny.check_refused_line(line_ending_in("ink"), {"line 2, value 256: expected a number in [-1, 1], found 'ink'"});
  tiny.check_refused_line(line_ending_in(""), {"line 2: expected a label and 256 values, found 256 numbers"});
  tiny.check_refused_line(line_ending_in("0 0"), {"line 2: expected a label and 256 values, found 258 numbers"});
  tiny.check_refused_line("\n", {"line 2: expected a label and 256 values, found 0 numbers"});
}

TEST_CASE("load_usps: more lines than USPS has by far, as a small packed file may hold them") {
  const TinyUsps tiny;
  std::string line = "7", lines;
  for (int i = 0; i < 256; ++i) line += " 0";
  line += '\n';
  for (Index n = 0; n < most_usps_images; ++n) lines += line;
  const auto path = tiny.folder / "zip.train";
  put_file(path, lines);
  CHECK(data::detail::read_usps(path).count == most_usps_images);
  put_file(path, lines + line);
  tiny.check_refused({path.string(), "line 65537: expected at most 65536 lines, found more"});
}

TEST_CASE("load_usps: an empty file") {
  const TinyUsps tiny;
  put_file(tiny.folder / "zip.test", "");
  tiny.check_refused({"zip.test: line 1: expected a label and 256 values, found the end of the file"});
}

TEST_CASE("load_usps: a truncated gzip file") {
  const TinyUsps tiny;
  put_gzip_file(tiny.folder / "zip.test.gz", file_bytes(tiny.folder / "zip.test"));
  const std::string bytes = file_bytes(tiny.folder / "zip.test.gz");
  put_file(tiny.folder / "zip.test.gz", std::string_view(bytes).substr(0, bytes.size() - 9));
  std::filesystem::remove(tiny.folder / "zip.test");
  tiny.check_refused({"zip.test.gz: byte ", "expected more gzip data, found the end of the file"});
}

TEST_CASE("USPS itself: counts, first labels and the frequency of classes") {
  const char* root = std::getenv("HYPERTAPE_DATA");
  const std::filesystem::path folder = std::filesystem::path(root == nullptr ? "" : root) / "usps";
  if (root == nullptr || !holds_any_file(folder, usps_dataset_files)) {
    MESSAGE("skipped: USPS itself (needs its files in $HYPERTAPE_DATA/usps)");
    return;
  }
  const Dataset usps = load_usps(folder);
  CHECK(usps.train.count == 7'291);
  CHECK(usps.test.count == 2'007);
  CHECK(std::vector(usps.train.labels.begin(), usps.train.labels.begin() + 2) == std::vector{6, 5});
  CHECK(usps.test.labels[0] == 9);
  CHECK(indices_of_class(usps.train, 0).size() == 1194);
  CHECK(indices_of_class(usps.train, 8).size() == 542);
  const Dataset resplit = load_usps_resplit(folder);
  CHECK(resplit.train.count == 7'438);
  CHECK(resplit.test.count == 1'860);
}
