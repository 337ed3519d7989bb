#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/dataset.hpp"
#include "options.hpp"

/// Conversions between NumPy arrays and the library's types.
namespace hypertape::python {

/// An array that shares the values; it keeps their `owner` alive.
template <class T>
py::array view(const T* values, const std::vector<Index>& extents, const std::vector<Index>& strides,
               const py::object& owner) {
  return py::array(py::dtype::of<T>(), extents, strides, values, owner);
}

/// The tensor in its memory order: in a batch, samples are innermost.
inline py::array view(const Tensor<float>& tensor, const py::object& owner) {
  const auto extents = tensor.shape().extents();
  std::vector<Index> strides(extents.size());
  Index step = sizeof(float);
  const auto take = [&](std::size_t axis) {
    strides[axis] = step;
    step *= extents[axis];
  };
  const bool batch = tensor.shape().layout() == Layout::samples_innermost;
  if (batch) take(0);
  for (std::size_t axis = extents.size(); axis-- > (batch ? 1 : 0);) take(axis);
  return view(tensor.data(), {extents.begin(), extents.end()}, strides, owner);
}

/// A pixel as a byte; a number in [0, 1] is rounded to 255ths.
template <class T>
std::uint8_t byte_of(T value, const char* part, Index image) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return value;
  } else {
    if (!(value >= 0 && value <= 1)) {
      throw ArgumentError(part, " image ", image, " has the value ", value, ", which is not in [0, 1]");
    }
    return static_cast<std::uint8_t>(std::lround(value * 255));
  }
}

/// Reads images (N, H, W), (N, C, H, W), or (N, H, W, C) if channels are last, with any strides.
template <class T>
void take_pixels(const py::array& array, bool channels_last, const char* part, data::LabeledImages& images) {
  const bool gray = array.ndim() == 3;
  const int row = gray || channels_last ? 1 : 2, channel = channels_last ? 3 : 1;
  images.count = array.shape(0);
  images.channels = gray ? 1 : array.shape(channel);
  images.height = array.shape(row);
  images.width = array.shape(row + 1);
  const Index step = array.strides(0), plane = gray ? 0 : array.strides(channel), down = array.strides(row),
              right = array.strides(row + 1);
  const char* const first = static_cast<const char*>(array.data());
  images.pixels.reserve(static_cast<std::size_t>(array.size()));
  for (Index n = 0; n < images.count; ++n) {
    for (Index c = 0; c < images.channels; ++c) {
      for (Index y = 0; y < images.height; ++y) {
        const char* const line = first + n * step + c * plane + y * down;
        for (Index x = 0; x < images.width; ++x) {
          T value;
          std::memcpy(&value, line + x * right, sizeof value);  // may be unaligned
          images.pixels.push_back(byte_of(value, part, n));
        }
      }
    }
  }
}

/// A copy with one byte per pixel, as in files; messages call it `part`. The number of classes stays 0. @throws
/// TypeError for arrays of other types; ShapeError or ArgumentError for their contents.
inline data::LabeledImages labeled_images(const py::object& pixels, const py::object& labels, bool channels_last,
                                          const char* part) {
  const auto array = py::array::ensure(pixels);
  if (!array) throw py::error_already_set();
  const auto shape = [](const py::array& of) { return shown(of.attr("shape")); };
  if (array.ndim() != 4 && (array.ndim() != 3 || channels_last)) {
    throw ShapeError(part, " images are ", shape(array), ", expected ",
                     channels_last ? "(N, H, W, C)" : "(N, H, W) or (N, C, H, W)");
  }
  if (array.size() == 0) throw ShapeError(part, " images are ", shape(array), ": the array is empty");
  if (!channels_last && array.ndim() == 4 && array.shape(1) == array.shape(2) && array.shape(3) < array.shape(2) &&
      (array.shape(3) == 1 || array.shape(3) == 3)) {
    throw ShapeError(part, " images are ", shape(array),
                     ", expected (N, C, H, W); channels_last=True takes (N, H, W, C)");
  }
  data::LabeledImages images;
  if (py::isinstance<py::array_t<std::uint8_t>>(array)) {
    take_pixels<std::uint8_t>(array, channels_last, part, images);
  } else if (py::isinstance<py::array_t<float>>(array)) {
    take_pixels<float>(array, channels_last, part, images);
  } else if (py::isinstance<py::array_t<double>>(array)) {
    take_pixels<double>(array, channels_last, part, images);
  } else {
    throw py::type_error(
        concat(part, " images are ", shown(array.dtype()), ", expected uint8, or float32 or float64 in [0, 1]"));
  }

  const auto given = py::array::ensure(labels);
  if (!given) throw py::error_already_set();
  if (given.dtype().kind() != 'i' && given.dtype().kind() != 'u') {
    throw py::type_error(concat(part, " labels are ", shown(given.dtype()), ", expected whole numbers"));
  }
  if (given.ndim() != 1 || given.size() != images.count) {
    throw ShapeError(part, " labels are ", shape(given), ", expected (", images.count, ",), one per image");
  }
  const auto numbers = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>::ensure(given);
  for (Index n = 0; n < images.count; ++n) {
    const std::int64_t label = numbers.data()[n];
    if (label < 0 || label >= std::numeric_limits<std::int32_t>::max()) {
      throw ArgumentError("label ", label, " of ", part, " image ", n, " is not in 0 .. classes - 1");
    }
    images.labels.push_back(static_cast<std::int32_t>(label));
  }
  return images;
}

/// A read-only array: results rely on the values that were checked.
template <class T>
py::array constant_view(const std::vector<T>& values, const std::vector<Index>& extents, const py::object& owner) {
  std::vector<Index> strides(extents.size());
  Index step = sizeof(T);
  for (std::size_t axis = extents.size(); axis-- > 0; step *= extents[axis]) strides[axis] = step;
  py::array array = view(values.data(), extents, strides, owner);
  array.attr("flags").attr("writeable") = false;
  return array;
}

}  // namespace hypertape::python
