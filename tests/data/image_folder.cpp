#include "hypertape/data/image_folder.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "support/check_error.hpp"
#include "support/picture_files.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::io;
using namespace hypertape::testing;
using Bytes = std::vector<std::uint8_t>;
using Labels = std::vector<std::int32_t>;
using Names = std::vector<std::string>;

namespace {

/// A picture of this size that differs from others by its `number`.
Bytes pattern(Index width, Index height, Index channels, int number) {
  Bytes bytes;
  for (Index i = 0; i < width * height * channels; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(37 * i * i + 50 * number));
  }
  return bytes;
}

void put(const std::filesystem::path& path, Index width, Index height, Index channels, int number) {
  std::filesystem::create_directories(path.parent_path());
  write_png(path, width, height, channels, pattern(width, height, channels, number));
}

/// Classes cat and dog with two training pictures and one test picture each, all gray and 4 x 4.
void put_cats_and_dogs(const std::filesystem::path& folder) {
  int number = 0;
  for (const char* name : {"train/cat/a.png", "train/cat/b.png", "train/dog/a.png", "train/dog/b.png", "test/cat/a.png",
                           "test/dog/a.png"}) {
    put(folder / name, 4, 4, 1, number++);
  }
}

constexpr ImageFolderOptions gray4{.size = 4, .channels = 1};

}  // namespace

TEST_CASE("load_image_folder: classes and pictures in the order of their names; nothing else is looked at") {
  const TemporaryFolder folder;
  put_cats_and_dogs(folder.path());
  put(folder / "train/Bird/x.PNG", 4, 4, 1, 10);
  put(folder / "test/Bird/x.Jpeg", 4, 4, 1, 11);  // what it is shows in its bytes
  put(folder / "train/cat/.hidden.png", 4, 4, 1, 12);
  put(folder / "train/.hidden/a.png", 4, 4, 1, 13);
  put(folder / "train/cat/folder.png/a.png", 4, 4, 1, 14);
  put_file(folder / "train/cat/notes.txt", "no picture");
  put_file(folder / "train/labels.csv", "no folder");
  const ImageFolder loaded = load_image_folder(folder.path(), gray4);
  CHECK(loaded.bad.empty());
  const Dataset& dataset = loaded.dataset;
  CHECK(dataset.name == "folder");
  CHECK(dataset.folder == folder.path());
  CHECK(dataset.class_names == Names{"Bird", "cat", "dog"});
  CHECK_NOTHROW(check_sizes(dataset.train, "test"));
  CHECK_NOTHROW(check_sizes(dataset.test, "test"));
  CHECK(dataset.train.classes == 3);
  CHECK(dataset.test.classes == 3);
  CHECK(dataset.train.labels == Labels{0, 1, 1, 2, 2});
  CHECK(dataset.test.labels == Labels{0, 1, 2});
  Bytes train, test;
  for (const int number : {10, 0, 1, 2, 3}) {
    const Bytes one = pattern(4, 4, 1, number);
    train.insert(train.end(), one.begin(), one.end());
  }
  for (const int number : {11, 4, 5}) {
    const Bytes one = pattern(4, 4, 1, number);
    test.insert(test.end(), one.begin(), one.end());
  }
  CHECK(dataset.train.pixels == train);
  CHECK(dataset.test.pixels == test);
  const Normalization expected = compute_normalization(dataset.train);
  CHECK(dataset.normalization.mean == expected.mean);
  CHECK(dataset.normalization.std == expected.std);
}

TEST_CASE("load_image_folder: pictures of any size, gray and colored, become one size and one number of channels") {
  const TemporaryFolder folder;
  put(folder / "train/a/wide.png", 30, 7, 3, 1);
  put(folder / "train/a/small.png", 2, 3, 1, 2);
  std::filesystem::create_directories(folder / "train/b");
  put_jpeg(folder / "train/b/a.jpg", 16, 16, 3, Bytes(16 * 16 * 3, 90));
  put(folder / "test/a/a.png", 1, 1, 1, 3);
  put(folder / "test/b/a.png", 8, 8, 1, 3);
  const auto planes = [](Index width, Index height, int number) {  // of 3 channels that the file interleaves
    const Bytes bytes = pattern(width, height, 3, number);
    LabeledImages image{1, 3, height, width, 1, {}, {0}};
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t i = c; i < bytes.size(); i += 3) image.pixels.push_back(bytes[i]);
    }
    return image;
  };
  const LabeledImages small{1, 1, 3, 2, 1, pattern(2, 3, 1, 2), {0}};

  const LabeledImages rgb = load_image_folder(folder.path(), {.size = 8, .channels = 3}).dataset.train;
  CHECK(rgb.channels == 3);
  CHECK(rgb.height == 8);
  CHECK(rgb.width == 8);
  Bytes expected = gray_to_rgb(resize(small, 8, 8)).pixels;
  const Bytes wide = resize(planes(30, 7, 1), 8, 8).pixels;
  expected.insert(expected.end(), wide.begin(), wide.end());
  CHECK(Bytes(rgb.pixels.begin(), rgb.pixels.begin() + 384) == expected);
  for (std::size_t i = 384; i < 576; ++i) CHECK(std::abs(rgb.pixels[i] - 90) <= 1);

  const LabeledImages gray = load_image_folder(folder.path(), {.size = 8, .channels = 1}).dataset.train;
  CHECK(gray.channels == 1);
  expected = resize(small, 8, 8).pixels;
  const Bytes luma = resize(rgb_to_gray(planes(30, 7, 1)), 8, 8).pixels;
  expected.insert(expected.end(), luma.begin(), luma.end());
  CHECK(Bytes(gray.pixels.begin(), gray.pixels.begin() + 128) == expected);
  CHECK(load_image_folder(folder.path()).dataset.test.bytes_per_image() == 3 * 32 * 32);
}

TEST_CASE("load_image_folder: pictures are stretched, or their center cut out") {
  const TemporaryFolder folder;
  for (const char* name : {"train/a/a.png", "train/b/a.png", "test/a/a.png", "test/b/a.png"}) {
    put(folder / name, 20, 40, 1, 5);
  }
  const LabeledImages picture{1, 1, 40, 20, 1, pattern(20, 40, 1, 5), {0}};
  const auto first = [&](Index size, Fit fit) {
    const Bytes pixels =
        load_image_folder(folder.path(), {.size = size, .fit = fit, .channels = 1}).dataset.train.pixels;
    return Bytes(pixels.begin(), pixels.begin() + size * size);
  };
  CHECK(first(7, Fit::stretch) == resize(picture, 7, 7).pixels);
  CHECK(first(7, Fit::crop) == resize_and_crop(picture, 8, 7).pixels);
  CHECK(first(224, Fit::crop) == resize_and_crop(picture, 256, 224).pixels);
  CHECK(first(2, Fit::crop) == resize_and_crop(picture, 2, 2).pixels);
}

TEST_CASE("load_image_folder: a picture that cannot be read is named, or left out") {
  const TemporaryFolder folder;
  put_cats_and_dogs(folder.path());
  const auto bad = folder / "train/cat/b.png";
  const std::string whole = file_bytes(bad);
  const auto load = [&](bool skip_bad) {
    return load_image_folder(folder.path(), {.size = 4, .channels = 1, .skip_bad = skip_bad});
  };
  put_file(bad, whole.substr(0, whole.size() / 2));
  check_error<DataError>([&] { load(false); }, {bad.string(), "byte ", "the end of the file"});
  put_file(bad, "");
  check_error<DataError>([&] { load(false); }, {bad.string(), "a PNG or a JPEG", "an empty file"});
  put_file(bad, "text");
  check_error<DataError>([&] { load(false); }, {bad.string(), "a PNG or a JPEG", "neither"});

  std::filesystem::remove(bad);
  REQUIRE(::mkfifo(bad.c_str(), 0600) == 0);
  check_error<DataError>([&] { load(false); }, {bad.string(), "cannot open: expected a regular file, found a pipe"});
  std::filesystem::remove(bad);
  std::filesystem::create_symlink("/dev/zero", bad);
  check_error<DataError>([&] { load(false); }, {bad.string(), "expected a regular file, found a device"});
  std::filesystem::remove(bad);
  put_file(bad, "text");

  const ImageFolder loaded = load(true);
  REQUIRE(loaded.bad.size() == 1);
  CHECK(loaded.bad[0] == bad.string() + ": byte 0: expected a PNG or a JPEG, found neither");
  CHECK(loaded.dataset.train.labels == Labels{0, 1, 1});
  std::filesystem::create_symlink("nowhere.png", folder / "test/dog/b.png");
  CHECK(load(true).bad.size() == 2);
  put_file(folder / "train/cat/a.png", "text");
  check_error<DataError>([&] { load(true); },
                         {(folder / "train/cat").string(), "none of its 2 pictures can be read", bad.string()});
}

TEST_CASE("load_image_folder: a folder that cannot be looked into is said to be so, not to lack what is in it") {
  const TemporaryFolder folder;
  put_cats_and_dogs(folder.path());
  std::filesystem::remove_all(folder / "test");
  std::filesystem::create_symlink("test", folder / "test");  // leads to itself, for the superuser too
  check_error<DataError>([&] { load_image_folder(folder.path()); },
                         {(folder / "test").string(), "cannot look for it: "});
  const Closed closed(folder / "train");
  if (closed) {
    check_error<DataError>([&] { load_image_folder(folder.path()); }, {"train: cannot list", "Permission denied"});
  } else {
    MESSAGE("skipped: a closed folder (the superuser cannot become somebody else here)");
  }
}

TEST_CASE("load_image_folder: parts and classes that are missing or too many are named") {
  const TemporaryFolder folder;
  const auto load = [&] { load_image_folder(folder.path(), gray4); };
  check_error<DataError>(load, {folder.path().string(), "two classes or more, found 0"});
  put(folder / "train/cat/a.png", 4, 4, 1, 1);
  check_error<DataError>(load, {folder.path().string(), "no subfolder test", "train/CLASS and test/CLASS"});
  put(folder / "test/cat/a.png", 4, 4, 1, 1);
  check_error<DataError>(load, {(folder / "train").string(), "two classes or more, found 1"});
  put_cats_and_dogs(folder.path());
  CHECK_NOTHROW(load());
  put(folder / "train/eel/a.png", 4, 4, 1, 1);
  put(folder / "train/fox/a.png", 4, 4, 1, 1);
  check_error<DataError>(load, {(folder / "test").string(), "missing eel, fox"});
  put(folder / "test/owl/a.png", 4, 4, 1, 1);
  check_error<DataError>(load, {(folder / "test").string(), "missing eel, fox; additional owl"});
  std::filesystem::remove_all(folder / "train/eel");
  std::filesystem::remove_all(folder / "train/fox");
  check_error<DataError>(load, {(folder / "test").string(), "additional owl"});
  std::filesystem::create_directory(folder / "train/owl");
  check_error<DataError>(load, {(folder / "train/owl").string(), "contains no pictures"});
}

TEST_CASE("load_image_folder: pictures of one color alone, and options out of range, are errors") {
  const TemporaryFolder folder;
  for (const char* name : {"train/a/a.png", "train/b/a.png", "test/a/a.png", "test/b/a.png"}) {
    std::filesystem::create_directories((folder / name).parent_path());
    write_png(folder / name, 2, 2, 1, Bytes(4, 7));
  }
  check_error<DataError>([&] { load_image_folder(folder.path(), gray4); },
                         {(folder / "train").string(), "all 2 images are of one and the same color"});
  check_error<ArgumentError>([&] { load_image_folder(folder.path(), {.size = 0}); }, {"1 .. 4096", "got 0"});
  check_error<ArgumentError>([&] { load_image_folder(folder.path(), {.size = 5000}); }, {"1 .. 4096", "got 5000"});
  check_error<ArgumentError>([&] { load_image_folder(folder.path(), {.channels = 2}); }, {"1 or 3", "got 2"});
}

TEST_CASE("load_image_folder: a channel that is constant becomes 0; names with blanks and of any alphabet are kept") {
  const TemporaryFolder folder;
  std::uint8_t level = 0;
  for (const char* name : {"train/a red cat/one picture.png", "train/\u00e9l\u00e9phant/a.png", "test/a red cat/a.png",
                           "test/\u00e9l\u00e9phant/\u8c61.png"}) {
    std::filesystem::create_directories((folder / name).parent_path());
    Bytes pixels;
    for (int i = 0; i < 16; ++i) {
      pixels.insert(pixels.end(), {level, static_cast<std::uint8_t>(255 - level), 0});  // no blue
      level = static_cast<std::uint8_t>(level + 5);
    }
    write_png(folder / name, 4, 4, 3, pixels);
  }
  const Dataset dataset = load_image_folder(folder.path(), {.size = 4}).dataset;
  CHECK(dataset.class_names == Names{"a red cat", "\u00e9l\u00e9phant"});
  CHECK(dataset.normalization.std[1] < 0.5f);
  CHECK(dataset.normalization.std[2] == 1);
  CHECK(dataset.normalization.mean[2] == 0);
}

TEST_CASE("load_image_folder: without train/ and test/ a seed draws a share of each class to test with") {
  const TemporaryFolder folder;
  int number = 0;
  for (const char* name : {"cat", "dog"}) {
    const int pictures = *name == 'c' ? 10 : 2;
    for (int i = 0; i < pictures; ++i) {
      put(folder / name / hypertape::detail::concat(i, ".png"), 4, 4, 1, number++);
    }
  }
  ImageFolderOptions options = gray4;
  const Dataset one = load_image_folder(folder.path(), options).dataset;
  CHECK(one.class_names == Names{"cat", "dog"});
  CHECK(one.train.labels == Labels{0, 0, 0, 0, 0, 0, 0, 0, 1});  // at least one to test with
  CHECK(one.test.labels == Labels{0, 0, 1});
  LabeledImages all = one.train;
  append(one.test, all);
  for (int i = 0; i < number; ++i) {  // each picture is in one part
    const Bytes bytes = pattern(4, 4, 1, i);
    int found = 0;
    for (Index n = 0; n < all.count; ++n) {
      if (std::equal(bytes.begin(), bytes.end(), all.pixels.begin() + n * 16)) ++found;
    }
    CHECK(found == 1);
  }
  CHECK(load_image_folder(folder.path(), options).dataset.test.pixels == one.test.pixels);
  options.split_seed = 2;
  CHECK(load_image_folder(folder.path(), options).dataset.test.pixels != one.test.pixels);
  options.test_share = 0.5;
  CHECK(load_image_folder(folder.path(), options).dataset.test.count == 6);
  options.test_share = 1;
  check_error<ArgumentError>([&] { load_image_folder(folder.path(), options); }, {"share of test pictures", "got 1"});
  options.test_share = 0.99;
  CHECK(load_image_folder(folder.path(), options).dataset.train.labels == Labels{0, 1});  // and one to learn from
  std::filesystem::remove(folder / "dog" / "0.png");
  check_error<DataError>([&] { load_image_folder(folder.path(), options); }, {"dog", "has one picture"});
}
