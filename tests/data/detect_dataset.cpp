#include "hypertape/data/detect_dataset.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string_view>

#include "support/check_error.hpp"
#include "support/picture_files.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

TEST_CASE("detect_dataset: a data set by its files, wherever these may be in the folder") {
  const TemporaryFolder folder;
  const auto put = [&](const char* where, std::initializer_list<const char*> files) {
    for (const char* file : files) {
      std::filesystem::create_directories((folder / where / file).parent_path());
      put_file(folder / where / file, "");
    }
    return folder / where;
  };
  const auto mnist = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte.gz",
                      "t10k-labels-idx1-ubyte.gz"};
  CHECK(detect_dataset(put("digits", mnist)) == "mnist");
  CHECK(detect_dataset(put("fashion-mnist", mnist)) == "fashion-mnist");
  CHECK(detect_dataset(put("letters", {"zip.train.gz", "zip.test.gz"})) == "usps");
  CHECK(detect_dataset(put("numbers", {"train_32x32.mat", "test_32x32.mat"})) == "svhn");
  CHECK(detect_dataset(put("cifar/cifar-10-batches-bin", {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                          "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"})
                           .parent_path()) == "cifar-10");
  // Of which one is missing, what `load_dataset` then says.
  CHECK(detect_dataset(put("half", {"zip.train.gz"})) == "usps");
}

TEST_CASE("detect_dataset: folders of pictures, and what is nothing that it knows") {
  const TemporaryFolder folder;
  put_glyph_folder(folder / "parts", {"ring", "stroke"}, 2, 1);
  CHECK(detect_dataset(folder / "parts") == "folder");
  CHECK(detect_dataset(folder / "parts" / "train") == "folder");
  const std::initializer_list<std::string_view> words = {"holds neither the files of a data set (mnist, ",
                                                         "a folder of pictures for each class"};
  check_error<DataError>([&] { detect_dataset(folder / "parts" / "train" / "ring"); }, words);
  std::filesystem::remove_all(folder / "parts" / "train" / "ring");
  check_error<DataError>([&] { detect_dataset(folder / "parts" / "train"); }, words);  // one class is none
}
