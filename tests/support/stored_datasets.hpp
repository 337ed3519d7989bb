#pragma once

#include <doctest/doctest.h>
#include <matio.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "hypertape/core/shape.hpp"
#include "hypertape/data/cifar10.hpp"
#include "hypertape/data/svhn.hpp"
#include "hypertape/data/usps.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {

/// A line of USPS: a label, and paper with one pixel of ink at `ink`.
inline std::string usps_line(int label, int ink) {
  std::string line = std::to_string(label) + ".0000";
  for (int i = 0; i < 256; ++i) line += i == ink ? " 1.0000" : " -1.0000";
  return line + " \n";
}

/// Writes the two files of a tiny USPS, not gzipped: image n has the label n mod 10 and its ink at pixel n mod 256.
inline void put_usps_files(const std::filesystem::path& folder, int train_count, int test_count) {
  std::filesystem::create_directories(folder);
  for (const bool train : {true, false}) {
    std::string text;
    for (int n = 0; n < (train ? train_count : test_count); ++n) text += usps_line(n % 10, n % 256);
    put_file(folder / data::usps_files[train ? 0 : 1], text);
  }
}

/// Pixel `i` of image `n` in the tiny CIFAR-10 and SVHN.
inline std::uint8_t stored_pixel(std::size_t n, std::size_t i) { return static_cast<std::uint8_t>(i * i / 7 + 31 * n); }

/// Writes the six files of a tiny CIFAR-10 with `count` images each; image n of each file has the label n mod 10.
inline void put_cifar10_files(const std::filesystem::path& folder, std::size_t count) {
  std::filesystem::create_directories(folder);
  for (std::size_t file = 0; file < data::cifar10_files.size(); ++file) {
    std::string bytes;
    for (std::size_t n = 0; n < count; ++n) {
      bytes += static_cast<char>(n % 10);
      for (std::size_t i = 0; i < 3072; ++i) bytes += static_cast<char>(stored_pixel(file * count + n, i));
    }
    put_file(folder / data::cifar10_files[file], bytes);
  }
}

/// A variable of a MAT file; one of the two vectors holds its values, column-major.
struct MatArray {
  const char* name;
  std::vector<std::size_t> dims;
  std::vector<std::uint8_t> bytes;
  std::vector<double> doubles;
};

struct CloseMat {
  void operator()(mat_t* file) const { Mat_Close(file); }
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};

inline void put_mat_file(const std::filesystem::path& path, std::vector<MatArray> arrays,
                         matio_compression compression = MAT_COMPRESSION_NONE) {
  const std::unique_ptr<mat_t, CloseMat> file(Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5));
  REQUIRE(file);
  for (MatArray& array : arrays) {
    const bool is_double = !array.doubles.empty();
    void* values = is_double ? static_cast<void*>(array.doubles.data()) : array.bytes.data();
    const std::unique_ptr<matvar_t, CloseMat> variable(
        Mat_VarCreate(array.name, is_double ? MAT_C_DOUBLE : MAT_C_UINT8, is_double ? MAT_T_DOUBLE : MAT_T_UINT8,
                      static_cast<int>(array.dims.size()), array.dims.data(), values, MAT_F_DONT_COPY_DATA));
    REQUIRE(variable);
    REQUIRE(Mat_VarWrite(file.get(), variable.get(), compression) == 0);
  }
}

/// X of a tiny SVHN: byte i of its column-major values belongs to image i / 3072.
inline MatArray svhn_images(std::size_t count) {
  MatArray x{"X", {32, 32, 3, count}, {}, {}};
  for (std::size_t i = 0; i < 3072 * count; ++i) x.bytes.push_back(stored_pixel(i / 3072, i % 3072));
  return x;
}

/// y of a tiny SVHN: the digit of image n is n mod 10, with 0 stored as 10.
inline MatArray svhn_labels(std::size_t count) {
  MatArray y{"y", {count, 1}, {}, {}};
  for (std::size_t n = 0; n < count; ++n) y.doubles.push_back(n % 10 == 0 ? 10 : static_cast<double>(n % 10));
  return y;
}

inline void put_svhn_files(const std::filesystem::path& folder, std::size_t train_count, std::size_t test_count,
                           matio_compression compression = MAT_COMPRESSION_NONE) {
  std::filesystem::create_directories(folder);
  put_mat_file(folder / data::svhn_files[0], {svhn_images(train_count), svhn_labels(train_count)}, compression);
  put_mat_file(folder / data::svhn_files[1], {svhn_images(test_count), svhn_labels(test_count)}, compression);
}

}  // namespace hypertape::testing
