#pragma once

#include <zlib.h>

#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "hypertape/data/dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// The CRC-32 of all that is added, in its order: to notice that something is no longer what it was.
class Checksum {
 public:
  /// Adds the bytes of the values.
  template <class T>
  void add(std::span<const T> values) {
    static_assert(std::is_arithmetic_v<T>, "only numbers have bytes that say all");
    value_ = crc32_z(value_, reinterpret_cast<const Bytef*>(values.data()), values.size_bytes());
  }
  /// Adds the letters, and where the text ends.
  void add(const std::string& text) { add(std::span(text.c_str(), text.size() + 1)); }
  /// Adds sizes, pixels and labels.
  void add(const LabeledImages& images) {
    const Index sizes[] = {images.count, images.channels, images.height, images.width, images.classes};
    add(std::span<const Index>(sizes));
    add(std::span<const std::uint8_t>(images.pixels));
    add(std::span<const std::int32_t>(images.labels));
  }

  /// Adds all images, labels and names of classes.
  void add(const Dataset& dataset) {
    for (const LabeledImages* images : {&dataset.train, &dataset.test}) add(*images);
    for (const std::string& name : dataset.class_names) add(name);
  }

  /// Of what was added so far.
  std::int64_t value() const { return static_cast<std::int64_t>(value_); }

 private:
  uLong value_ = crc32_z(0, nullptr, 0);
};

/// The checksum of one thing.
template <class T>
std::int64_t checksum_of(const T& thing) {
  Checksum sum;
  sum.add(thing);
  return sum.value();
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
