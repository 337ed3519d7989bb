#pragma once

#include <zlib.h>

#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "hypertape/data/dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// A running CRC-32 of everything added, in order; it tells whether data has changed.
class Checksum {
 public:
  /// Adds the values' bytes.
  template <class T>
  void add(std::span<const T> values) {
    static_assert(std::is_arithmetic_v<T>, "only numbers are determined by their bytes");
    value_ = crc32_z(value_, reinterpret_cast<const Bytef*>(values.data()), values.size_bytes());
  }
  /// Adds the characters and the terminating zero.
  void add(const std::string& text) { add(std::span(text.c_str(), text.size() + 1)); }
  /// Adds sizes, pixels and labels.
  void add(const LabeledImages& images) {
    const Index sizes[] = {images.count, images.channels, images.height, images.width, images.classes};
    add(std::span<const Index>(sizes));
    add(std::span<const std::uint8_t>(images.pixels));
    add(std::span<const std::int32_t>(images.labels));
  }

  /// Adds all images, labels and class names.
  void add(const Dataset& dataset) {
    for (const LabeledImages* images : {&dataset.train, &dataset.test}) add(*images);
    for (const std::string& name : dataset.class_names) add(name);
  }

  /// The checksum of everything added so far.
  std::int64_t value() const { return static_cast<std::int64_t>(value_); }

 private:
  uLong value_ = crc32_z(0, nullptr, 0);
};

/// The checksum of a single object.
template <class T>
std::int64_t checksum_of(const T& thing) {
  Checksum sum;
  sum.add(thing);
  return sum.value();
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
